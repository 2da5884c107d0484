import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { firstEvent } from './first-event.ts';

test('the first of the events settles it, and nobody listens behind it', async () => {
  const emitter = new EventEmitter();
  let isSettled = false;
  const settled = firstEvent(emitter, ['drain', 'close']).then(() => {
    isSettled = true;
  });
  await Promise.resolve();
  expect(isSettled).toBe(false);
  emitter.emit('close');
  await settled;
  expect(emitter.eventNames()).toEqual([]);
});
