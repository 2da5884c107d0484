// What a person sees while long work goes on: one line a step, with a spinner on a terminal.
//
//   ⠋ starting the control plane      →      ✓ starting the control plane  0.6 s

import type { Clock } from '../machinery/clock.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;

export interface Progress {
  /** Runs one step, says how long it took, and passes on what it throws. */
  step<T>(label: string, task: (note: (detail: string) => void) => Promise<T>): Promise<T>;
  say(line: string): void;
}

export function terminalProgress(out: NodeJS.WriteStream, clock: Clock): Progress {
  const line = (text: string) => out.write(out.isTTY ? `\r\x1b[K${text}\n` : `${text}\n`);
  return {
    say: line,
    async step(label, task) {
      const startMs = clock.now();
      let detail = '';
      let frame = 0;
      const draw = () => {
        out.write(`\r\x1b[K${FRAMES[frame++ % FRAMES.length]} ${label}${detail}`);
        cancel = clock.after(FRAME_MS, draw);
      };
      let cancel = () => {};
      if (out.isTTY) draw();
      try {
        const result = await task((text) => {
          detail = text === '' ? '' : `: ${text}`;
        });
        line(`✓ ${label}  ${((clock.now() - startMs) / 1000).toFixed(1)} s`);
        return result;
      } catch (error) {
        line(`✗ ${label}`);
        throw error;
      } finally {
        cancel();
      }
    },
  };
}
