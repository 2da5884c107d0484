// All pods of this node by uid: those that the API assigns to it, and those that the engine still
// holds. What the engine tells goes in here; who changed is answered, so that it can be synced.

import type { Pod } from '../../proto/generated/core.v1.ts';
import type { Observation, PodRef, Runtime, RuntimeEvent } from '../runtime/runtime.ts';
import { refOf } from './container-config.ts';
import { specOf } from './ending.ts';
import { lastWordsOf } from './last-words.ts';
import { PodRecord } from './record.ts';
import { hasEnded } from './view.ts';

export class Records {
  readonly #runtime: Runtime;
  readonly #byUid = new Map<string, PodRecord>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get(uid: string): PodRecord | undefined {
    return this.#byUid.get(uid);
  }

  all(): Iterable<PodRecord> {
    return this.#byUid.values();
  }

  drop(uid: string): void {
    this.#byUid.delete(uid);
  }

  seePod(pod: Pod): PodRecord {
    const record = this.#ensure(refOf(pod));
    record.see(pod);
    return record;
  }

  /** The API has no such pod any more. */
  losePod(uid: string): void {
    const record = this.#byUid.get(uid);
    if (record) record.pod = undefined;
  }

  /** Takes over a whole list of the engine; answers the pods for which it brought something new. */
  async observe({ sandboxes, containers }: Observation): Promise<ReadonlySet<string>> {
    const changed = new Set<string>();
    const seen = new Set([...sandboxes, ...containers].map(({ id }) => id));
    for (const record of this.#byUid.values()) {
      for (const id of [...record.sandboxes.keys(), ...record.containers.keys()]) {
        if (seen.has(id)) continue;
        // It may have been made after the list was: ask again before forgetting it.
        const type = record.sandboxes.has(id) ? 'sandbox' : 'container';
        await this.follow({ type, podUid: record.ref.uid, id });
        changed.add(record.ref.uid);
      }
    }
    for (const sandbox of sandboxes) {
      const record = this.#ensure(sandbox.pod);
      if (record.sandboxes.get(sandbox.id)?.isRunning === sandbox.isRunning) continue;
      record.sandboxes.set(sandbox.id, sandbox);
      changed.add(record.ref.uid);
    }
    for (const container of containers) {
      const record = this.#ensure(container.pod);
      if (record.containers.get(container.id)?.state === container.state) continue;
      record.addContainer(container);
      await this.#hear(record, container.id);
      changed.add(record.ref.uid);
    }
    return changed;
  }

  /** Looks again at what an event is about. */
  async follow(event: Exclude<RuntimeEvent, { type: 'gap' }>): Promise<void> {
    const record = this.#byUid.get(event.podUid);
    if (!record) return;
    if (event.type === 'sandbox') {
      const sandbox = await this.#runtime.inspectSandbox(event.id);
      if (sandbox) record.sandboxes.set(event.id, sandbox);
      else record.sandboxes.delete(event.id);
      return;
    }
    const container = await this.#runtime.inspectContainer(event.id);
    if (!container) return record.dropContainer(event.id);
    record.addContainer(container);
    await this.#hear(record, event.id);
  }

  async #hear(record: PodRecord, id: string): Promise<void> {
    const run = record.containers.get(id);
    if (!run || !hasEnded(run) || record.lastWords.has(id)) return;
    const spec = record.pod && specOf(record.pod, run.name);
    const words = await lastWordsOf(this.#runtime, spec, run).catch(() => '');
    if (words !== '') record.rememberLastWords(id, words);
  }

  #ensure(ref: PodRef): PodRecord {
    const known = this.#byUid.get(ref.uid);
    if (known) return known;
    const record = new PodRecord(ref);
    this.#byUid.set(ref.uid, record);
    return record;
  }
}
