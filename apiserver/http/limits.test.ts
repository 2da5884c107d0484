import { expect, test } from 'vitest';
import { MASTERS, type User } from '../authn/user.ts';
import type { Attributes } from '../authz/attributes.ts';
import { requestLimits } from './limits.ts';

const ann: User = { name: 'ann', groups: [] };
const list: Attributes = { verb: 'list', group: '', plural: 'pods' };

/** A task that is under way until it is let go. */
function held() {
  let release = () => {};
  const done = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { task: () => done, release: () => release() };
}

test('so many run, so many wait in line, and the next is sent away', async () => {
  const limits = requestLimits({ inFlightMax: 1, waitingMax: 1 });
  const first = held();
  const order: string[] = [];
  const running = limits.run(ann, list, first.task).then(() => order.push('first'));
  const waiting = limits.run(ann, list, async () => order.push('second'));
  await expect(limits.run(ann, list, async () => {})).rejects.toMatchObject({
    reason: 'TooManyRequests',
    details: { retryAfterSeconds: 1 },
  });
  first.release();
  await Promise.all([running, waiting]);
  expect(order.toSorted()).toEqual(['first', 'second']);
  expect(await limits.run(ann, list, async () => 'free again')).toBe('free again');
});

test('a task that fails gives its place back', async () => {
  const limits = requestLimits({ inFlightMax: 1, waitingMax: 0 });
  await expect(limits.run(ann, list, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await limits.run(ann, list, async () => 'ok')).toBe('ok');
});

test('watches, streams and administrators are not held up', async () => {
  const limits = requestLimits({ inFlightMax: 0, waitingMax: 0 });
  const passes = (user: User, attributes: Attributes) =>
    limits.run(user, attributes, async () => true).catch(() => false);
  expect(await passes(ann, list)).toBe(false);
  expect(await passes(ann, { ...list, verb: 'watch' })).toBe(true);
  expect(await passes(ann, { ...list, subresource: 'exec' })).toBe(true);
  expect(await passes({ ...ann, groups: [MASTERS] }, list)).toBe(true);
});
