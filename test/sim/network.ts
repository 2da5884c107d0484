// The wires between components and the API server, under a seed: every message takes its time,
// some are lost, some parties are cut off. Nothing is doubled and nothing overtakes on one stream.
//
//   component ─ call ─►  delay, lost?  ─► API server ─ answer ─►  delay, lost?  ─► component
//             ◄───────── watch: one stream, in order, broken when something is lost ─────

import type { Clock } from '../../machinery/clock.ts';
import { StatusError } from '../../machinery/errors.ts';
import type {
  ListQuery,
  Transport,
  WatchEvent,
  WatchQuery,
  WriteOptions,
} from '../../machinery/transport.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import { frozen } from './frozen.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimLog } from './sim-log.ts';
import type { SimProcess } from './sim-process.ts';
import { Wire } from './wire.ts';
import type { Witness } from './witness.ts';

/** When a client gives up on an answer. */
const TIMEOUT_MS = 5_000;

export interface Weather {
  /** One way. */
  delayMsMax: number;
  /** Chance that a message is lost. */
  lossRate: number;
}

export const CALM: Weather = { delayMsMax: 2, lossRate: 0 };

/** Who answers at the other end: an API server, until its process dies. */
export interface Server {
  readonly process: SimProcess;
  readonly transport: Transport;
}

export interface NetworkParts {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly witness: Witness;
  readonly log: Pick<SimLog, 'say'>;
  /** The present server; undefined: connection refused. */
  readonly server: () => Server | undefined;
}

export class SimNetwork {
  readonly #parts: NetworkParts;
  readonly #cutOff = new Set<string>();
  weather: Weather = { ...CALM };

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  /** Nothing of it gets through in either direction until it is joined again. */
  cutOff(name: string): void {
    this.#parts.log.say(`CUT OFF ${name}`);
    this.#cutOff.add(name);
  }

  join(name: string): void {
    this.#parts.log.say(`JOIN ${name}`);
    this.#cutOff.delete(name);
  }

  isCutOff(name: string): boolean {
    return this.#cutOff.has(name);
  }

  /** The API as this process reaches it. */
  transportOf(process: SimProcess): Transport {
    const call = <T>(invoke: (server: Transport) => Promise<T>, signal?: AbortSignal) =>
      this.#call(process, invoke, signal);
    const { witness } = this.#parts;
    return {
      get: (resource, at, signal) =>
        call((server) => witness.get(resource, at, server.get(resource, at, signal)), signal),
      list: <T extends ApiObject>(resource: Resource<T>, query: ListQuery, signal?: AbortSignal) =>
        call(
          (server) => witness.list(resource, query, server.list(resource, query, signal)),
          signal,
        ),
      watch: (resource, query, signal) => this.#watch(process, { resource, query }, signal),
      create: <T extends ApiObject, R = T>(
        resource: Resource<T>,
        object: R,
        options?: Parameters<Transport['create']>[2],
      ) => {
        const sent = structuredClone(object);
        return call((server) =>
          witness.create(resource, options, server.create<T, R>(resource, sent, options)),
        );
      },
      update: <T extends ApiObject>(resource: Resource<T>, object: T, options?: WriteOptions) => {
        const sent = structuredClone(object);
        return call((server) =>
          witness.update(resource, sent, server.update(resource, sent, options)),
        );
      },
      patch: (resource, at, patch, options) => {
        const sent = structuredClone(patch);
        return call((server) =>
          witness.patch(resource, at, server.patch(resource, at, sent, options)),
        );
      },
      delete: (resource, at, options) =>
        call((server) => witness.delete(resource, at, server.delete(resource, at, options))),
      deleteCollection: (resource, query, options) =>
        call((server) => server.deleteCollection(resource, query, options)),
      bind: (pod, nodeName) =>
        call((server) => witness.bind(pod, nodeName, server.bind(pod, nodeName))),
      close() {},
    };
  }

  #delayMs(): number {
    return this.#parts.random.fraction() * this.weather.delayMsMax;
  }

  #isLost(name: string): boolean {
    const { lossRate } = this.weather;
    return this.#cutOff.has(name) || (lossRate > 0 && this.#parts.random.fraction() < lossRate);
  }

  async #call<T>(
    process: SimProcess,
    invoke: (server: Transport) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const { clock, server: find } = this.#parts;
    // The wire goes on by itself: what was sent arrives, even when the sender is dead by then.
    const exchange = async (): Promise<T> => {
      await clock.sleep(this.#delayMs());
      if (this.#isLost(process.name)) return this.#timeout();
      const server = find();
      if (server === undefined) throw unavailable('connection refused');
      const answer = await untilDeath(server.process, invoke(server.transport)).catch(
        (error: unknown) => error,
      );
      if (this.#isLost(process.name)) return this.#timeout();
      await clock.sleep(this.#delayMs());
      if (answer instanceof Error) throw answer;
      return frozen(answer as T);
    };
    signal?.throwIfAborted();
    const answer = process.hears(exchange());
    return signal === undefined ? answer : orAborted(answer, signal);
  }

  async #timeout(): Promise<never> {
    await this.#parts.clock.sleep(TIMEOUT_MS);
    throw unavailable('no answer in time');
  }

  async *#watch<T extends ApiObject>(
    process: SimProcess,
    { resource, query }: { readonly resource: Resource<T>; readonly query: WatchQuery },
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    await process.sleep(this.#delayMs(), signal);
    if (this.#isLost(process.name)) {
      await process.sleep(TIMEOUT_MS, signal);
      throw unavailable('no answer in time');
    }
    const server = this.#parts.server();
    if (server === undefined) throw unavailable('connection refused');
    const wire = new Wire<WatchEvent<T>>(process, () => this.#delayMs());
    const saw = this.#parts.witness.watch(resource, query);
    const forget = process.onDeath(() => {
      saw.end();
      wire.close();
    });
    const stopServing = server.process.onDeath(() => wire.break(unavailable('connection reset')));
    wire.carry(server.transport.watch(resource, query, wire.signal));
    try {
      for (;;) {
        const event = await wire.next(signal);
        if (event === undefined) break;
        if (this.#isLost(process.name)) {
          saw.end();
          await process.sleep(TIMEOUT_MS, signal);
          throw unavailable('the connection was lost');
        }
        saw.event(event);
        yield event.type === 'BOOKMARK' ? event : { ...event, object: frozen(event.object) };
      }
    } finally {
      saw.end();
      forget();
      stopServing();
      wire.close();
    }
    signal.throwIfAborted();
  }
}

const unavailable = (why: string): StatusError => new StatusError('ServiceUnavailable', why);

function untilDeath<T>(process: SimProcess, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = process.onDeath(() => reject(unavailable('connection reset')));
    promise.then(resolve, reject).finally(forget);
    if (process.isDead) reject(unavailable('connection reset'));
  });
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
