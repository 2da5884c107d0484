import { expect, test } from 'vitest';
import { silentLog } from '../../machinery/log.ts';
import type { Event } from '../../proto/generated/core.v1.ts';
import { EVENTS } from '../../proto/generated/resources.ts';
import { startInProcessApi } from '../../test/in-process-api.ts';
import { FakeClock } from '../../test/sim/fake-clock.ts';
import { runEventExpiry } from './event-expiry.ts';

test('an event goes an hour after it was last seen', async () => {
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  const { transport, store, hub, close } = await startInProcessApi({ clock });
  const stop = new AbortController();
  const running = runEventExpiry({ store, hub, clock, log: silentLog }, stop.signal);
  const make = (name: string, rest: Partial<Event> = {}) =>
    transport.create<Event>(EVENTS, {
      metadata: { namespace: 'default', name },
      involvedObject: {},
      ...rest,
    });
  await make('once');
  await make('again', { lastTimestamp: '2026-01-01T00:30:00Z' });
  const names = async () =>
    (await transport.list(EVENTS, {})).items.map(({ metadata }) => metadata.name);
  await clock.advance(59 * 60_000);
  expect(await names()).toEqual(['again', 'once']);
  await clock.advance(2 * 60_000);
  await expect.poll(names).toEqual(['again']);
  await clock.advance(31 * 60_000);
  await expect.poll(names).toEqual([]);
  stop.abort();
  await running;
  await close();
});
