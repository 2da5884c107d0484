// Writes to an embedded store as fast as it acknowledges, and says on stdout what it was told.
// Its parent (store-crash.test.ts) kills it at a moment it cannot foresee.

import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../apiserver/store/embedded.ts';
import { SeededRandom } from '../sim/seeded-random.ts';

const WRITERS = 8;
const KEYS = 40;

const [folder = '', seed = '0'] = process.argv.slice(2);
const random = new SeededRandom(Number(seed));
const store = await openEmbeddedStore(folder);
const start = await store.progress();
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

async function write(writer: number): Promise<void> {
  for (let serial = 0; ; serial++) {
    const key = `/registry/core/pods/ns/p${random.below(KEYS)}`;
    if (random.fraction() < 0.25) {
      const result = await store.delete(key);
      if (result.ok) say(`delete ${key} @${result.revision}`);
      continue;
    }
    const value = `${seed}-${writer}-${serial}-${'x'.repeat(random.below(5000))}`;
    const result = await store.put(key, Buffer.from(value));
    if (result.ok) say(`put ${key} ${value} @${result.revision}`);
  }
}

say('ready');
// History before this run is the parent's no longer: forget it while writing goes on.
await Promise.all([
  ...Array.from({ length: WRITERS }, (_, writer) => write(writer)),
  random.fraction() < 0.5 ? store.compact(start) : undefined,
]);
