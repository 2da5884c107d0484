// Endpoints and EndpointSlice: where the pods behind a Service listen.

import { isDnsLabel, isPortName } from '../../machinery/names.ts';
import type { Endpoints } from '../../proto/generated/core.v1.ts';
import type { EndpointSlice } from '../../proto/generated/discovery.v1.ts';
import { ENDPOINT_SLICES, ENDPOINTS } from '../../proto/generated/resources.ts';
import { parseIpv4 } from '../registry/ipv4.ts';
import { defineKind } from '../registry/kind.ts';
import { validateImmutable } from './template.ts';

/** How many a table shows before it says how many more there are. */
const SHOWN_MAX = 3;
const ENDPOINTS_MAX = 1000;
const PORTS_MAX = 20_000;

export const endpointsKind = defineKind<Endpoints>({
  resource: ENDPOINTS,
  createOnUpdate: true,
  columns: [
    {
      name: 'Endpoints',
      value({ subsets = [] }) {
        const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
          ports.length === 0
            ? addresses.map(({ ip }) => ip)
            : ports.flatMap(({ port }) => addresses.map(({ ip }) => `${ip}:${port}`)),
        );
        return subsets.length === 0 ? '<none>' : shortened(all);
      },
    },
  ],
});

export const endpointSliceKind = defineKind<EndpointSlice>({
  resource: ENDPOINT_SLICES,
  hasGeneration: true,
  columns: [
    { name: 'AddressType', value: ({ addressType }) => addressType },
    {
      name: 'Ports',
      value: ({ ports = [] }) =>
        shortened(
          ports.map(({ port, name }) => (port === undefined ? name || '*' : String(port))),
        ) || '<unset>',
    },
    {
      name: 'Endpoints',
      value: ({ endpoints = [] }) =>
        shortened(endpoints.flatMap(({ addresses }) => addresses)) || '<unset>',
    },
  ],

  defaults(slice) {
    // Absent is an empty list to every reader.
    slice.endpoints ??= [];
  },

  validate({ addressType, endpoints = [], ports = [] }, faults) {
    if (endpoints.length > ENDPOINTS_MAX) faults.tooLong('endpoints', ENDPOINTS_MAX);
    if (ports.length > PORTS_MAX) faults.tooLong('ports', PORTS_MAX);
    for (const [index, { addresses, hostname }] of endpoints.entries()) {
      const at = `endpoints[${index}]`;
      if (!addresses?.length) faults.required(`${at}.addresses`, 'must contain at least 1 address');
      for (const [which, address] of (addresses ?? []).entries()) {
        if (addressType !== 'IPv4' || parseIpv4(address) !== undefined) continue;
        faults.invalid(`${at}.addresses[${which}]`, address, 'must be a valid IPv4 address');
      }
      if (hostname)
        for (const why of isDnsLabel(hostname)) faults.invalid(`${at}.hostname`, hostname, why);
    }
    const names = new Set<string>();
    for (const [index, { name = '' }] of ports.entries()) {
      const at = `ports[${index}].name`;
      if (name !== '') for (const why of isPortName(name)) faults.invalid(at, name, why);
      if (names.has(name)) faults.duplicate(at, name);
      names.add(name);
    }
  },

  validateUpdate({ addressType: value }, { addressType: previous }, faults) {
    validateImmutable('addressType', { value, previous }, faults);
  },
});

function shortened(all: readonly string[]): string {
  const shown = all.slice(0, SHOWN_MAX).join(',');
  return all.length > SHOWN_MAX ? `${shown} + ${all.length - SHOWN_MAX} more...` : shown;
}
