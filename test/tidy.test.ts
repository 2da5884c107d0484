// The house rules, as a test: what a machine can check is not left to review.

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, test } from 'vitest';

/** Who may import whom. A component never imports another one: they meet in the API. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  proto: [],
  machinery: ['proto'],
  client: ['proto', 'machinery'],
  apiserver: ['proto', 'machinery'],
  scheduler: ['proto', 'machinery', 'client'],
  'controller-manager': ['proto', 'machinery', 'client'],
  kubelet: ['proto', 'machinery', 'client'],
  proxy: ['proto', 'machinery', 'client'],
  cli: ['proto', 'machinery', 'client'],
};

const FILE_LINES_MAX = 400;
const COLUMNS_MAX = 100;
const HEADER_LINES_MAX = 8;
const AMBIENT =
  /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|(?<![.\w])set(Timeout|Interval|Immediate)\(/;
const AMBIENT_DOORS = new Set(['machinery/clock.ts', 'machinery/random.ts']);
const ENVIRONMENT = /\bprocess\.env\b/;

const ROOT = process.cwd();
const sources = Object.keys(MAY_IMPORT).flatMap(walk);

test.each(sources)('tidy %s', (path) => {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const lines = text.split('\n');
  const isTest = path.endsWith('.test.ts');

  expect(lines.length, 'lines of the file; split it').toBeLessThanOrEqual(FILE_LINES_MAX);
  expect(lines.filter((line) => line.length > COLUMNS_MAX && !/['"`/]/.test(line))).toEqual([]);
  expect(text).not.toMatch(/export default/);
  if (!isTest && !AMBIENT_DOORS.has(path)) {
    const code = lines.filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line)).join('\n');
    expect(code, 'take a Clock or a Random').not.toMatch(AMBIENT);
    if (!path.endsWith('/main.ts')) expect(code, 'take it as config').not.toMatch(ENVIRONMENT);
  }
  if (!isTest) {
    const header = lines.findIndex((line) => !line.startsWith('//'));
    expect(header, 'a header says what the file is').toBeGreaterThan(0);
    expect(header, 'the header is short').toBeLessThanOrEqual(HEADER_LINES_MAX);
  }
  const own = folderOf(path);
  const allowed = [...(MAY_IMPORT[own] ?? []), own, ...(isTest ? ['test'] : [])];
  expect(importedFolders(path, text).filter((folder) => !allowed.includes(folder))).toEqual([]);
});

function walk(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('generated/'))
    .map((name) => posix.join(folder, name));
}

function importedFolders(path: string, text: string): string[] {
  const specifiers = [...text.matchAll(/from '(\.[^']+)'/g)].map((match) => match[1]!);
  return specifiers.map((specifier) => folderOf(posix.join(posix.dirname(path), specifier)));
}

function folderOf(path: string): string {
  return path.split('/')[0]!;
}
