// The world outside the cli, handed in by main.ts and nowhere else looked at.

import type { Clock } from '../machinery/clock.ts';
import type { Random } from '../machinery/random.ts';
import type { Progress } from './progress.ts';

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly progress: Progress;
  /** Where clusters of this machine leave their claims. */
  readonly machineDir: string;
  /** Folder of the compiled components. */
  readonly dist: string;
  readonly node: string;
  /** Docker's socket. */
  readonly socket: string;
  readonly isSocketGiven: boolean;
  /** The search path for programs. */
  readonly path: string;
  readonly isRoot: boolean;
}
