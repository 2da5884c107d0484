// One informer per resource and selection, shared by all who ask within a component.

import type { Clock } from '../machinery/clock.ts';
import type { Log } from '../machinery/log.ts';
import type { Random } from '../machinery/random.ts';
import type { Selection, Transport } from '../machinery/transport.ts';
import { type ApiObject, qualifiedNameOf, type Resource } from '../proto/resource.ts';
import { createInformer, type SharedInformer } from './informer.ts';
import type { IndexBy } from './object-cache.ts';

export interface InformersOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface InformerRequest<T extends ApiObject> {
  readonly query?: Selection | undefined;
  /** Added to those that others asked for; names are shared, so say the same by the same name. */
  readonly indexes?: Readonly<Record<string, IndexBy<T>>> | undefined;
  /** Only the first to ask decides what is kept. */
  readonly transform?: ((object: T) => T) | undefined;
}

export interface Informers {
  of<T extends ApiObject>(resource: Resource<T>, request?: InformerRequest<T>): SharedInformer<T>;
  readonly isSynced: boolean;
  /** Resolves once all that were asked for by now are synced. */
  synced(signal?: AbortSignal): Promise<void>;
  /** Runs all of them, also those asked for later, until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createInformers(options: InformersOptions): Informers {
  const informers = new Map<string, SharedInformer<ApiObject>>();
  const running: Promise<void>[] = [];
  let runSignal: AbortSignal | undefined;

  const start = (informer: SharedInformer<ApiObject>) => {
    if (runSignal !== undefined) running.push(informer.run(runSignal));
  };

  return {
    of<T extends ApiObject>(
      resource: Resource<T>,
      { query, indexes = {}, transform }: InformerRequest<T> = {},
    ): SharedInformer<T> {
      const name = nameOf(resource, query);
      let informer = informers.get(name) as SharedInformer<T> | undefined;
      if (informer === undefined) {
        informer = createInformer({ ...options, resource, query, transform });
        const erased = informer as unknown as SharedInformer<ApiObject>;
        informers.set(name, erased);
        start(erased);
      }
      for (const [index, valuesOf] of Object.entries(indexes)) informer.addIndex(index, valuesOf);
      return informer;
    },
    get isSynced() {
      return [...informers.values()].every((informer) => informer.isSynced);
    },
    async synced(signal) {
      await Promise.all([...informers.values()].map((informer) => informer.synced(signal)));
    },
    async run(signal) {
      runSignal = signal;
      for (const informer of informers.values()) start(informer);
      if (!signal.aborted) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      }
      await Promise.all(running);
    },
  };
}

const nameOf = (resource: Resource, query: Selection = {}): string =>
  JSON.stringify([
    qualifiedNameOf(resource),
    query.namespace ?? '',
    query.labelSelector ?? '',
    query.fieldSelector ?? '',
  ]);
