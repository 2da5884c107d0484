import { expect, onTestFinished, test } from 'vitest';
import { StatusError } from '../machinery/errors.ts';
import { silentLog } from '../machinery/log.ts';
import type { Lease } from '../proto/generated/coordination.v1.ts';
import { FakeClock } from '../test/sim/fake-clock.ts';
import { ScriptedApi } from '../test/sim/scripted-api.ts';
import { SeededRandom } from '../test/sim/seeded-random.ts';
import { runAsLeader } from './leader-election.ts';

function setUp() {
  const api = new ScriptedApi();
  const clock = new FakeClock(1_700_000_000_000);
  const leaders = new Set<string>();
  let mostAtOnce = 0;
  let seed = 0;

  const join = (identity: string, transport = api) => {
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const lead = async (signal: AbortSignal) => {
      leaders.add(identity);
      mostAtOnce = Math.max(mostAtOnce, leaders.size);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      leaders.delete(identity);
    };
    const random = new SeededRandom(seed++);
    const names = { namespace: 'kube-system', name: 'scheduler', identity };
    const options = { transport, clock, random, log: silentLog, ...names };
    return { stop, ran: runAsLeader(options, lead, stop.signal) };
  };
  const lease = () => api.objects('leases')[0] as Lease;
  return { api, clock, leaders, join, lease, mostAtOnce: () => mostAtOnce };
}

test('the first to come leads, and renews', async () => {
  const { clock, leaders, join, lease } = setUp();
  join('a');
  await clock.advance(0);
  join('b');
  await clock.advance(60_000);
  expect([...leaders]).toEqual(['a']);
  const renewedMs = Date.parse(lease().spec?.renewTime ?? '');
  expect(clock.now() - renewedMs).toBeLessThan(3_000);
  expect(lease().spec?.leaseTransitions).toBe(0);
});

test('where no server answers yet, a candidate asks again soon, then less often', async () => {
  const { api, clock, leaders, join } = setUp();
  const away = () => new StatusError('ServiceUnavailable', 'not up yet');
  api.refuseNext(away(), away(), away());
  join('a');
  await clock.advance(600);
  expect([...leaders]).toEqual(['a']);
});

test('a leader that stops gives way at once', async () => {
  const { clock, leaders, join, lease } = setUp();
  const first = join('a');
  await clock.advance(1_000);
  join('b');
  await clock.advance(1_000);
  first.stop.abort();
  await first.ran;
  await clock.advance(3_000);
  expect([...leaders]).toEqual(['b']);
  expect(lease().spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
});

test('a leader that cannot renew stops before another begins', async () => {
  const { api, clock, leaders, join, mostAtOnce } = setUp();
  // Cut off from the API from the start of its term: every later call hangs for ever.
  let isCut = false;
  const cutOff = new Proxy(api, {
    get: (target, name: keyof ScriptedApi) => {
      if (name === 'get' && isCut) return () => new Promise(() => {});
      const member = target[name];
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  join('a', cutOff);
  await clock.advance(0);
  expect([...leaders]).toEqual(['a']);
  join('b');
  await clock.advance(5_000);
  isCut = true;
  await clock.advanceUntil(() => leaders.size === 0, 11_000);
  await clock.advanceUntil(() => leaders.has('b'), 12_000);
  expect(mostAtOnce()).toBe(1);
});

test('a restarted leader under its old identity leads again without waiting', async () => {
  const { api, clock, leaders, join } = setUp();
  const first = join('a');
  await clock.advance(1_000);
  const { update } = api;
  api.update = async () => {
    throw new StatusError('ServiceUnavailable', 'killed');
  };
  first.stop.abort();
  await first.ran;
  api.update = update;
  join('a');
  await clock.advance(0);
  expect([...leaders]).toEqual(['a']);
});

test('a failure of the work itself is no loss of leadership: it comes out', async () => {
  const { api, clock } = setUp();
  const names = { namespace: 'kube-system', name: 'x', identity: 'a' };
  const parts = { transport: api, clock, random: new SeededRandom(1), log: silentLog };
  const lead = () => Promise.reject(new Error('a bug'));
  const ran = runAsLeader({ ...parts, ...names }, lead, new AbortController().signal);
  await expect(ran).rejects.toThrow('a bug');
});
