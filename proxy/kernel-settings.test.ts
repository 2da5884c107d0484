import { expect, test } from 'vitest';
import { contains, parseCidr } from './cidr.ts';
import { podInterfaces } from './kernel-settings.ts';

const ROUTES = [
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
  'br-a\t0000F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
  'br-b\t0001F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
  'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
  '',
].join('\n');

test('only interfaces whose route leads into the pod range are those of pods', () => {
  expect(podInterfaces(ROUTES, '10.244.0.0/16')).toEqual(['br-a', 'br-b']);
  expect(podInterfaces(ROUTES, '10.244.1.0/24')).toEqual(['br-b']);
  expect(podInterfaces(ROUTES, '')).toEqual([]);
});

test('a range is an address and a mask', () => {
  expect(parseCidr('10.244.3.7/16')).toEqual({ address: 0x0af40000, mask: 0xffff0000 });
  for (const text of ['10.244.0.0', '10.0.0.0/33', '256.0.0.0/8', '10.0.0.0/8 -j ACCEPT']) {
    expect(parseCidr(text)).toBeUndefined();
  }
  expect(contains('10.96.0.0/16', '10.96.255.1')).toBe(true);
  expect(contains('10.96.0.0/16', '10.97.0.1')).toBe(false);
});
