import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededRandom } from '../test/sim/seeded-random.ts';
import { BackOff } from './back-off.ts';

test('delays grow twofold with up to half as much jitter, keep to the limit, and start over', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const backOff = new BackOff(new SeededRandom(seed), { firstMs: 200, lastMs: 10_000 });
      for (const turn of [1, 2]) {
        for (let i = 0; i < 10; i++) {
          const delayMs = backOff.nextMs();
          const plainMs = Math.min(10_000, 200 * 2 ** i);
          expect(delayMs, `turn ${turn}, try ${i}`).toBeGreaterThanOrEqual(plainMs);
          expect(delayMs).toBeLessThanOrEqual(Math.min(10_000, plainMs * 1.5 + 1));
        }
        backOff.reset();
      }
    }),
  );
});
