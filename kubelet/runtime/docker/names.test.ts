import { expect, test } from 'vitest';
import {
  containerNameOf,
  isPoolName,
  isSandbox,
  parseName,
  poolNameOf,
  sandboxNameOf,
} from './names.ts';
import { gatewayOf } from './network.ts';
import { pauseTar } from './pause.ts';

const pod = { uid: 'aaaa-bbbb', name: 'web-1.x', namespace: 'shop' };

test('a name tells whose container it is', () => {
  const name = `/${containerNameOf(pod, 'main', 3)}`;
  expect(parseName(name)).toEqual({ container: 'main', pod, attempt: 3 });
  const sandbox = parseName(sandboxNameOf(pod, 0));
  expect(sandbox && isSandbox(sandbox)).toBe(true);
});

test('names of others belong to no pod', () => {
  for (const name of ['/redis', 'k8s_main_web_shop', 'k8s_a_b_c_d_x', poolNameOf('c', 'n', 'x')]) {
    expect(parseName(name), name).toBeUndefined();
  }
  expect(isPoolName(`/${poolNameOf('c', 'n', 'x')}`)).toBe(true);
});

test('the node is the first address of its pods', () => {
  expect(gatewayOf('10.244.7.0/24')).toBe('10.244.7.1');
  expect(() => gatewayOf('10.244.7.0')).toThrow('want an IPv4 range');
});

test('the pause image is one small file, and honest about other machines', () => {
  const tar = pauseTar('x64');
  expect(tar.toString('latin1', 0, 5)).toBe('pause');
  expect(tar.subarray(512, 516)).toEqual(Buffer.from('\x7fELF', 'latin1'));
  expect(tar.length).toBeLessThan(4096);
  expect(() => pauseTar('riscv64')).toThrow('no pause binary for riscv64');
});
