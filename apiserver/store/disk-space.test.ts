import { expect, test } from 'vitest';
import { DiskSpace } from './disk-space.ts';
import { StoreUnavailableError } from './store.ts';

const MB = 2 ** 20;

function disk(freeMb: number) {
  const state = { freeMb, looks: 0 };
  const space = new DiskSpace('/data', async () => {
    state.looks++;
    return state.freeMb * MB;
  });
  return { state, space };
}

test('looks at the disk once for many small writes', async () => {
  const { state, space } = disk(1000);
  for (let i = 0; i < 100; i++) await space.take(8192);
  expect(state.looks).toBe(1);
  for (let i = 0; i < 2000; i++) await space.take(8192);
  expect(state.looks).toBe(3);
});

test('refuses while the reserve is untouched, and goes on once there is space', async () => {
  const { state, space } = disk(33);
  await space.take(MB / 2);
  await expect(space.take(4 * MB)).rejects.toThrow(StoreUnavailableError);
  await expect(space.take(4 * MB)).rejects.toThrow('33 MB are left for /data');
  state.freeMb = 100;
  await space.take(4 * MB);
});

test('compaction may use the reserve of writes, but not all of it', async () => {
  const { state, space } = disk(20);
  await expect(space.take(1)).rejects.toThrow('disk is full');
  await space.take(MB, 'compaction');
  state.freeMb = 4;
  await expect(space.take(12 * MB, 'compaction')).rejects.toThrow('disk is full');
});

test('what compaction was allowed is no allowance for writes beyond the reserve', async () => {
  const { space } = disk(20);
  await space.take(MB, 'compaction');
  await expect(space.take(100)).rejects.toThrow('disk is full');
});
