import { expect, test } from 'vitest';
import { conflict } from '../machinery/errors.ts';
import type { BindRequest } from '../proto/rpc.ts';
import { bindBatches, type SendBindings } from './bind-batches.ts';

const binding = (name: string): BindRequest => ({
  namespace: 'default',
  name,
  uid: '',
  node: 'n1',
});
const names = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`);

interface Call {
  readonly names: readonly string[];
  resolve(answers: readonly string[]): void;
  reject(error: Error): void;
}

/** A server that answers when told to. */
function setUp() {
  const calls: Call[] = [];
  const send: SendBindings = (bindings) =>
    new Promise((resolve, reject) => {
      calls.push({ names: bindings.map(({ name }) => name), resolve, reject });
    });
  const bind = bindBatches(send);
  return { bind: (name: string) => bind(binding(name)), calls };
}

test('one goes out at once; what comes while calls are under way goes together', async () => {
  const { bind, calls } = setUp();
  const bound = names(100).map(bind);
  expect(calls.map((call) => call.names)).toEqual([['p0'], ['p1']]);
  calls[0]?.resolve(['']);
  await bound[0];
  await Promise.resolve();
  expect(calls.map((call) => call.names.length)).toEqual([1, 1, 64]);
  calls[1]?.resolve(['']);
  calls[2]?.resolve(calls[2].names.map(() => ''));
  await bound[65];
  await Promise.resolve();
  expect(calls.flatMap((call) => call.names)).toEqual(names(100));
  calls[3]?.resolve(calls[3].names.map(() => ''));
  await Promise.all(bound);
});

test('each binding has its own answer', async () => {
  const { bind, calls } = setUp();
  const bound = names(4).map(bind);
  calls[0]?.resolve(['']);
  await bound[0];
  await Promise.resolve();
  const refusal = conflict({ group: '', plural: 'pods', kind: 'Pod' }, 'p2').toStatus();
  calls[1]?.resolve(['']);
  calls[2]?.resolve([JSON.stringify(refusal), '']);
  await expect(bound[2]).rejects.toMatchObject({ reason: 'Conflict' });
  await expect(bound[3]).resolves.toBeUndefined();
});

test('a call that fails fails all that went with it, and the next goes out', async () => {
  const { bind, calls } = setUp();
  const bound = names(3).map(bind);
  calls[0]?.reject(new Error('no connection'));
  await expect(bound[0]).rejects.toThrow('no connection');
  calls[2]?.resolve(['']);
  await expect(bound[2]).resolves.toBeUndefined();
  calls[1]?.resolve([]);
  await expect(bound[1]).rejects.toMatchObject({ reason: 'InternalError' });
});
