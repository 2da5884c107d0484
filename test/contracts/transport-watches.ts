// The part of the transport contract that is about watches.

import { expect, test } from 'vitest';
import { createInformer } from '../../client/informer.ts';
import { systemClock } from '../../machinery/clock.ts';
import { silentLog } from '../../machinery/log.ts';
import { systemRandom } from '../../machinery/random.ts';
import type { Transport, WatchEvent, WatchQuery } from '../../machinery/transport.ts';
import { CONFIG_MAPS } from '../../proto/generated/resources.ts';
import { type InNamespace, PATIENCE_MS } from './own-namespace.ts';

export function testWatches(inNamespace: InNamespace): void {
  const brief = (event: WatchEvent) =>
    event.type === 'BOOKMARK' ? 'BOOKMARK' : `${event.type} ${event.object.metadata.name}`;

  /** Reads until the condition holds; the test's patience is the limit. */
  async function read(
    transport: Transport,
    query: WatchQuery,
    isEnough: (events: readonly WatchEvent[]) => boolean,
  ): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    const stop = new AbortController();
    const cancel = systemClock.after(PATIENCE_MS, () => stop.abort(new Error('no such events')));
    try {
      for await (const event of transport.watch(CONFIG_MAPS, query, stop.signal)) {
        events.push(event);
        if (isEnough(events)) break;
      }
      return events;
    } finally {
      cancel();
    }
  }

  test('a watch from a revision tells everything after it, in order, and nothing twice', async () => {
    const { transport, own, at, make } = await inNamespace();
    await make('before');
    const { metadata } = await transport.list(CONFIG_MAPS, { namespace: own });
    const query = { namespace: own, resourceVersion: metadata.resourceVersion };
    const first = await make('a');
    const reading = read(transport, query, (events) => events.length === 4);
    await transport.update(CONFIG_MAPS, { ...first, data: { k: 'v' } });
    await make('b');
    await transport.delete(CONFIG_MAPS, at('a'));
    const events = await reading;
    expect(events.map(brief)).toEqual(['ADDED a', 'MODIFIED a', 'ADDED b', 'DELETED a']);
    const revisions = events.map((event) =>
      Number(event.type === 'BOOKMARK' ? 0 : event.object.metadata.resourceVersion),
    );
    expect(revisions).toEqual([...revisions].sort((x, y) => x - y));
    expect(new Set(revisions).size).toBe(4);
  });

  test('a watch may begin with what there is, and says where that ends', async () => {
    const { transport, own, make } = await inNamespace();
    await make('a');
    await make('b');
    const query = { namespace: own, sendInitialEvents: true, allowBookmarks: true };
    const events = await read(
      transport,
      query,
      (seen) => seen.at(-1)?.type === 'BOOKMARK' && seen.length >= 3,
    );
    expect(events.map(brief).sort()).toEqual(['ADDED a', 'ADDED b', 'BOOKMARK']);
    expect(events.at(-1)).toMatchObject({ type: 'BOOKMARK', initialEventsEnd: true });
  });

  test('a watch without a revision begins with what there is', async () => {
    const { transport, own, make } = await inNamespace();
    await make('a');
    const events = await read(transport, { namespace: own }, (seen) => seen.length === 1);
    expect(events.map(brief)).toEqual(['ADDED a']);
  });

  test('what comes to match a selector is ADDED, what ceases to is DELETED', async () => {
    const { transport, own, make } = await inNamespace();
    const { metadata } = await transport.list(CONFIG_MAPS, { namespace: own });
    const { resourceVersion } = metadata;
    const query = { namespace: own, labelSelector: 'app=web', resourceVersion };
    const reading = read(transport, query, (events) => events.length === 2);
    const created = await make('a');
    const labelled = { ...created, metadata: { ...created.metadata, labels: { app: 'web' } } };
    const matching = await transport.update(CONFIG_MAPS, labelled);
    const { labels: _, ...unlabelled } = matching.metadata;
    await transport.update(CONFIG_MAPS, { ...matching, metadata: unlabelled });
    expect((await reading).map(brief)).toEqual(['ADDED a', 'DELETED a']);
  });

  test('a watch ends by itself when its time is over', async () => {
    const { transport, own } = await inNamespace();
    const query = { namespace: own, timeoutSeconds: 1 };
    expect(await read(transport, query, () => false)).toEqual([]);
  });

  test('an aborted watch rejects with the reason', async () => {
    const { transport, own, make } = await inNamespace();
    await make('a');
    const stop = new AbortController();
    const reading = async () => {
      for await (const _ of transport.watch(CONFIG_MAPS, { namespace: own }, stop.signal)) {
        stop.abort(new Error('enough'));
      }
    };
    await expect(reading()).rejects.toThrow('enough');
    const late = transport.watch(CONFIG_MAPS, { namespace: own }, stop.signal);
    await expect(late[Symbol.asyncIterator]().next()).rejects.toThrow('enough');
  });

  test('an informer follows a burst of writes to the last one', async () => {
    const { transport, own, make } = await inNamespace();
    const stop = new AbortController();
    const informer = createInformer({
      transport,
      resource: CONFIG_MAPS,
      query: { namespace: own },
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    const ran = informer.run(stop.signal);
    await informer.synced(AbortSignal.timeout(PATIENCE_MS));
    await Promise.all(Array.from({ length: 200 }, (_, i) => make(`c${i}`)));
    await expect.poll(() => informer.size, { timeout: PATIENCE_MS }).toBe(200);
    stop.abort();
    await ran;
  });
}
