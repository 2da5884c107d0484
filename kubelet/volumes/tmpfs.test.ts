import { expect, test } from 'vitest';
import { mountPointsIn } from './tmpfs.ts';

test('mount points are read as they are, blanks and all', () => {
  const table = 'tmpfs /plain tmpfs rw 0 0\ntmpfs /with\\040blank/x tmpfs rw 0 0\n';
  expect(mountPointsIn(table)).toEqual(['/plain', '/with blank/x']);
});
