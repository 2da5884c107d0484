import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonLines } from './json-lines.ts';

async function* pieces(text: Buffer, cuts: readonly number[]) {
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)), text.length];
  places.sort((a, b) => a - b);
  for (const [i, end] of places.entries()) yield text.subarray(places[i - 1] ?? 0, end);
}

const collect = async (chunks: AsyncIterable<Buffer>) => {
  const values: unknown[] = [];
  for await (const value of jsonLines(chunks)) values.push(value);
  return values;
};

test('values come out whole, however the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), fc.array(fc.nat()), async (values, cuts) => {
      const text = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
      const clean: unknown = JSON.parse(JSON.stringify(values));
      expect(await collect(pieces(text, cuts))).toEqual(clean);
    }),
  );
});

test('a line without end is refused', async () => {
  async function* endless() {
    for (;;) yield Buffer.alloc(1024 * 1024, 'x');
  }
  await expect(collect(endless())).rejects.toThrow(/too long/);
});
