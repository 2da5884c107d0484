// Carries rule plans out, and remembers what was written so that the next plan is small.

import type { Chains } from './chains.ts';
import { type Machine, mustRun } from './machine.ts';
import { isIntact, planCleanup, planRewrite, planUpdate } from './restore-plan.ts';
import type { RuleSet } from './rules.ts';
import { parseSaved, type Saved } from './saved-rules.ts';

/** -w: wait for others who write; the nft backend has no lock, the legacy one does. */
const RESTORE = ['iptables-restore', '--noflush', '-w', '5'] as const;

export interface RuleWriter {
  /** Resolves when the wanted rules are in force. After a failure the next call writes all anew. */
  write(wanted: RuleSet): Promise<'unchanged' | 'updated' | 'rewritten'>;
  /** False when somebody tampered: the next `write` writes all anew. Not during a `write`. */
  verify(): Promise<boolean>;
  cleanup(): Promise<void>;
}

export function createRuleWriter(machine: Machine, chains: Chains): RuleWriter {
  let written: RuleSet | undefined;

  const save = async (): Promise<Saved> => parseSaved(await mustRun(machine, ['iptables-save']));
  const restore = (text: string) => mustRun(machine, RESTORE, text);

  return {
    async write(wanted) {
      const before = written;
      written = undefined;
      if (before === undefined) {
        await restore(planRewrite(await save(), wanted, chains));
      } else {
        const text = planUpdate(before, wanted);
        if (text !== '') await restore(text);
        written = wanted;
        return text === '' ? 'unchanged' : 'updated';
      }
      written = wanted;
      return 'rewritten';
    },

    async verify() {
      if (written === undefined || isIntact(await save(), written, chains)) return true;
      written = undefined;
      return false;
    },

    async cleanup() {
      written = undefined;
      const text = planCleanup(await save(), chains);
      if (text !== '') await restore(text);
    },
  };
}
