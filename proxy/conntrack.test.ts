import { expect, test } from 'vitest';
import { endpoint, service, slice } from '../test/service-builders.ts';
import { planForgetting } from './conntrack.ts';
import { planServices } from './service-map.ts';

const ports = [{ name: 'dns', protocol: 'UDP' as const, port: 53 }];
const slicePorts = [{ name: 'dns', protocol: 'UDP' as const, port: 5353 }];
const udp = (...addresses: string[]) =>
  planServices({
    services: [service({ ports })],
    slices: [slice({ ports: slicePorts, endpoints: addresses.map((ip) => endpoint(ip)) })],
    nodeName: '',
  });
const toService = ['-D', '-p', 'udp', '--orig-dst', '10.96.0.10', '--orig-port-dst', '53'];

test('UDP flows to an endpoint that is gone are forgotten, the others kept', () => {
  const [before, after] = [udp('10.244.0.1', '10.244.0.2'), udp('10.244.0.2')];
  expect(planForgetting(before, after)).toEqual([[...toService, '--dst-nat', '10.244.0.1']]);
  expect(planForgetting(after, after)).toEqual([]);
});

test('flows that led nowhere are forgotten when the first endpoint comes', () => {
  expect(planForgetting(udp(), udp('10.244.0.1'))).toEqual([toService]);
});

test('TCP ends by itself', () => {
  const tcp = (...slices: ReturnType<typeof slice>[]) =>
    planServices({ services: [service()], slices, nodeName: '' });
  expect(planForgetting(tcp(slice()), tcp())).toEqual([]);
});
