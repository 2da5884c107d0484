import { expect, onTestFinished, test } from 'vitest';
import { forbidden, StatusError } from '../machinery/errors.ts';
import { silentLog } from '../machinery/log.ts';
import type { Event } from '../proto/generated/core.v1.ts';
import { EVENTS } from '../proto/generated/resources.ts';
import { FakeClock } from '../test/sim/fake-clock.ts';
import { ScriptedApi } from '../test/sim/scripted-api.ts';
import { SeededRandom } from '../test/sim/seeded-random.ts';
import { createEventRecorder } from './event-recorder.ts';

const pod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '5' },
});

function setUp() {
  const api = new ScriptedApi();
  const clock = new FakeClock(1_700_000_000_000);
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const random = new SeededRandom(1);
  const parts = { transport: api, clock, random, log: silentLog };
  const recorder = createEventRecorder({ ...parts, component: 'kubelet', host: 'n1' });
  const ran = recorder.run(stop.signal);
  const events = () => api.objects('events') as Event[];
  return { api, clock, stop, recorder, events, ran };
}

test('an event names its object, its source and its time', async () => {
  const { clock, recorder, events } = setUp();
  recorder.event(pod('web'), 'Warning', 'BackOff', 'Back-off restarting failed container');
  await clock.advance(0);
  expect(events()).toMatchObject([
    {
      metadata: { namespace: 'shop', name: expect.stringMatching(/^web\.[a-z0-9]{16}$/) },
      involvedObject: {
        apiVersion: 'v1',
        kind: 'Pod',
        namespace: 'shop',
        name: 'web',
        uid: 'uid-web',
        resourceVersion: '5',
      },
      type: 'Warning',
      reason: 'BackOff',
      message: 'Back-off restarting failed container',
      source: { component: 'kubelet', host: 'n1' },
      firstTimestamp: '2023-11-14T22:13:20Z',
      lastTimestamp: '2023-11-14T22:13:20Z',
      count: 1,
    },
  ]);
});

test('the same again raises the count; another message is another event', async () => {
  const { clock, recorder, events } = setUp();
  recorder.event(pod('web'), 'Warning', 'BackOff', 'one');
  await clock.advance(10_000);
  recorder.event(pod('web'), 'Warning', 'BackOff', 'one');
  recorder.event(pod('web'), 'Warning', 'BackOff', 'two');
  await clock.advance(0);
  expect(events().map(({ message, count }) => [message, count])).toEqual([
    ['one', 2],
    ['two', 1],
  ]);
  expect(events()[0]).toMatchObject({
    firstTimestamp: '2023-11-14T22:13:20Z',
    lastTimestamp: '2023-11-14T22:13:30Z',
  });
});

test('one object may tell 25 at once, then one in five minutes; others are not held back', async () => {
  const { clock, recorder, events } = setUp();
  for (let i = 0; i < 100; i++) recorder.event(pod('noisy'), 'Normal', 'Tick', `tick ${i}`);
  recorder.event(pod('quiet'), 'Normal', 'Tick', 'tick');
  await clock.advance(0);
  expect(events()).toHaveLength(26);
  await clock.advance(300_000);
  for (let i = 0; i < 10; i++) recorder.event(pod('noisy'), 'Normal', 'Tock', `tock ${i}`);
  await clock.advance(0);
  expect(events()).toHaveLength(27);
});

test('an event that has expired meanwhile is told anew', async () => {
  const { api, clock, recorder, events } = setUp();
  recorder.event(pod('web'), 'Normal', 'Tick', 'tick');
  await clock.advance(0);
  await api.delete(EVENTS, events()[0]!.metadata);
  recorder.event(pod('web'), 'Normal', 'Tick', 'tick');
  await clock.advance(0);
  expect(events()).toMatchObject([{ count: 2 }]);
});

test('an unreachable server is tried again; a refusal is final; neither throws', async () => {
  const { api, clock, recorder, events } = setUp();
  api.refuseNext(new StatusError('ServiceUnavailable', 'down'));
  recorder.event(pod('web'), 'Normal', 'Tick', 'tick');
  await clock.advance(1_000);
  expect(events()).toHaveLength(1);
  api.refuseNext(forbidden(EVENTS, 'x', 'the namespace is being terminated'));
  recorder.event(pod('web'), 'Normal', 'Tock', 'tock');
  await clock.advance(120_000);
  expect(events()).toHaveLength(1);
  expect(api.calls).toHaveLength(3);
});

test('what is told while the server hangs is bounded', async () => {
  const { api, clock, stop, recorder, ran } = setUp();
  let calls = 0;
  api.create = () => {
    calls++;
    return new Promise((_, reject) => stop.signal.addEventListener('abort', reject));
  };
  for (let i = 0; i < 5_000; i++) recorder.event(pod(`p${i}`), 'Normal', 'Tick', 'tick');
  await clock.advance(0);
  expect(calls).toBe(2);
  stop.abort();
  await ran;
});

test('hosts that share a recorder share its writers, and each speaks for itself', async () => {
  const { clock, recorder, events } = setUp();
  recorder.of('n2').event(pod('web'), 'Normal', 'Started', 'Started container');
  recorder.of('n3').event(pod('web'), 'Normal', 'Started', 'Started container');
  await clock.advance(0);
  expect(
    events().map(({ source, reportingInstance, count }) => [source, reportingInstance, count]),
  ).toEqual([
    [{ component: 'kubelet', host: 'n2' }, 'n2', 1],
    [{ component: 'kubelet', host: 'n3' }, 'n3', 1],
  ]);
});
