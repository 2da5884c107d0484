// How many requests are worked on at a time. What is above waits its turn for a moment; what is
// above that is told to come back (429). Watches and streams are not counted: they hold no work.

import { StatusError } from '../../machinery/errors.ts';
import { MASTERS, type User } from '../authn/user.ts';
import { type Attributes, isAboutPath } from '../authz/attributes.ts';

export interface Limits {
  run<T>(user: User, attributes: Attributes, task: () => Promise<T>): Promise<T>;
}

/** Upstream's defaults together (400 reads and 200 writes). */
const IN_FLIGHT_MAX = 600;
/** About a second's worth of work for one core: a longer queue only makes clients time out. */
const WAITING_MAX = 3000;
const RETRY_AFTER_SECONDS = 1;

export interface LimitOptions {
  readonly inFlightMax?: number;
  readonly waitingMax?: number;
}

export function requestLimits(options: LimitOptions = {}): Limits {
  const { inFlightMax = IN_FLIGHT_MAX, waitingMax = WAITING_MAX } = options;
  const waiting: (() => void)[] = [];
  let inFlight = 0;

  return {
    async run(user, attributes, task) {
      if (isExempt(user, attributes)) return task();
      if (inFlight >= inFlightMax) await turn();
      else inFlight += 1;
      try {
        return await task();
      } finally {
        // The place goes to the next in line, or is free.
        const next = waiting.shift();
        if (next === undefined) inFlight -= 1;
        else next();
      }
    },
  };

  function turn(): Promise<void> {
    if (waiting.length >= waitingMax) throw tooMany();
    return new Promise((resolve) => waiting.push(resolve));
  }
}

const STREAMS: ReadonlySet<string> = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

/** An administrator must get in when all others are in the way. */
function isExempt(user: User, attributes: Attributes): boolean {
  if (user.groups.includes(MASTERS) || isAboutPath(attributes)) return true;
  return attributes.verb === 'watch' || STREAMS.has(attributes.subresource ?? '');
}

const tooMany = (): StatusError =>
  new StatusError('TooManyRequests', 'The server has too many requests, please try again later.', {
    details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
