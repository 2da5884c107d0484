import { expect, test } from 'vitest';
import {
  boolean,
  choice,
  duration,
  HelpRequest,
  integer,
  list,
  parseFlags,
  text,
} from './flags.ts';

const FLAGS = {
  listen: text('127.0.0.1:6443', 'address to serve on'),
  workers: integer(4, 'parallel syncs'),
  'leader-elect': boolean(true, 'take part in the election'),
  store: choice(['embedded', 'etcd'], 'embedded', 'where objects live'),
  'etcd-endpoints': list([], 'where etcd answers'),
  grace: duration(40_000, 'how long a node may be silent'),
};

test('flags fall back, parse in both forms, and give a typed, frozen config', () => {
  const config = parseFlags(FLAGS, [
    '--workers=8',
    '--store',
    'etcd',
    '--leader-elect=false',
    '--etcd-endpoints=a:1,b:2',
    '--grace=1m30.5s',
  ]);
  const workers: number = config.workers;
  const store: 'embedded' | 'etcd' = config.store;
  expect(config).toEqual({
    listen: '127.0.0.1:6443',
    workers,
    'leader-elect': false,
    store,
    'etcd-endpoints': ['a:1', 'b:2'],
    grace: 90_500,
  });
  expect(workers).toBe(8);
  expect(Object.isFrozen(config)).toBe(true);
});

test('a boolean alone is true and takes no value from the next word', () => {
  expect(parseFlags(FLAGS, ['--leader-elect', '--workers=1'])).toMatchObject({
    'leader-elect': true,
    workers: 1,
  });
});

test.each([
  ['--worker=8', /unknown flag --worker/],
  ['--constructor=8', /unknown flag --constructor/],
  ['--workers=many', /--workers: want an integer/],
  ['--workers', /--workers needs a value/],
  ['--store=disk', /want one of embedded, etcd/],
  ['--grace=40', /want a duration/],
  ['--leader-elect=maybe', /want true or false/],
  ['serve', /want --name=value/],
])('%s is refused', (word, why) => {
  expect(() => parseFlags(FLAGS, [word])).toThrow(why);
});

test('--help lists every flag with its default', () => {
  const help = (() => {
    try {
      return parseFlags(FLAGS, ['--help'], 'Usage: apiserver');
    } catch (error) {
      return error;
    }
  })();
  expect(help).toBeInstanceOf(HelpRequest);
  expect(String(help)).toMatch(
    /Usage: apiserver[\s\S]*--store <embedded\|etcd> +where objects live \(default embedded\)/,
  );
  expect(String(help), 'in the form that can be typed').toContain('be silent (default 40000ms)');
  expect(String(help), 'no default, nothing said').toMatch(/where etcd answers\n/);
});
