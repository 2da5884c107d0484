// Faults of a Service.

import {
  inclusiveRange,
  isDnsLabel,
  isDnsSubdomain,
  isPortName,
  portNumberFaults,
} from '../../machinery/names.ts';
import type { Faults } from '../../machinery/validation.ts';
import type { Service, ServicePort, ServiceSpec } from '../../proto/generated/core.v1.ts';
import { parseIpv4 } from '../registry/ipv4.ts';
import { validateLabels } from '../registry/metadata.ts';

/** A day, as upstream has it. */
const AFFINITY_SECONDS_MAX = 86_400;

export function validateService({ spec }: Service, faults: Faults): void {
  const isHeadless = spec.clusterIP === 'None';
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless && spec.type !== 'ExternalName') {
    faults.required('spec.ports');
  }
  validatePorts(ports, faults);
  validateLabels(spec.selector, 'spec.selector', faults);
  validateAddresses(spec, faults);
  if (spec.type === 'ExternalName') {
    if (!spec.externalName) faults.required('spec.externalName');
    else {
      for (const why of isDnsSubdomain(spec.externalName.replace(/\.$/, ''))) {
        faults.invalid('spec.externalName', spec.externalName, why);
      }
    }
  }
  if (isHeadless && (spec.type === 'NodePort' || spec.type === 'LoadBalancer')) {
    const why = `may not be set to 'None' for ${spec.type} services`;
    faults.invalid('spec.clusterIPs[0]', 'None', why);
  }
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds !== undefined && (seconds <= 0 || seconds > AFFINITY_SECONDS_MAX)) {
    const why = `must be greater than 0 and less than ${AFFINITY_SECONDS_MAX}`;
    faults.invalid('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, why);
  }
}

function validatePorts(ports: readonly ServicePort[], faults: Faults): void {
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    validatePort(port, at, faults);
    if (ports.length > 1 && !port.name) faults.required(`${at}.name`);
    if (port.name) {
      if (names.has(port.name)) faults.duplicate(`${at}.name`, port.name);
      names.add(port.name);
    }
    const number = `${port.port}/${port.protocol}`;
    if (numbers.has(number)) faults.duplicate(at, { port: port.port, protocol: port.protocol });
    numbers.add(number);
    if (port.nodePort === undefined) continue;
    const nodePort = `${port.nodePort}/${port.protocol}`;
    if (nodePorts.has(nodePort)) faults.duplicate(`${at}.nodePort`, port.nodePort);
    nodePorts.add(nodePort);
  }
}

function validatePort({ name, port, targetPort }: ServicePort, at: string, faults: Faults): void {
  if (name) for (const why of isDnsLabel(name)) faults.invalid(`${at}.name`, name, why);
  for (const why of portNumberFaults(port ?? 0)) faults.invalid(`${at}.port`, port ?? 0, why);
  if (typeof targetPort === 'number') {
    if (targetPort < 1 || targetPort > 65535) {
      faults.invalid(`${at}.targetPort`, targetPort, inclusiveRange(1, 65535));
    }
  } else if (targetPort) {
    for (const why of isPortName(targetPort)) faults.invalid(`${at}.targetPort`, targetPort, why);
  }
}

function validateAddresses(spec: ServiceSpec, faults: Faults): void {
  const { clusterIP, clusterIPs = [] } = spec;
  if (spec.type === 'ExternalName') return;
  if (clusterIP && clusterIPs[0] !== clusterIP) {
    faults.invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`');
  }
  for (const [index, ip] of clusterIPs.entries()) {
    if (ip === 'None') {
      if (clusterIPs.length > 1) {
        const why = "'None' must be the first and only value";
        faults.invalid('spec.clusterIPs', clusterIPs, why);
      }
    } else if (parseIpv4(ip) === undefined) {
      const why = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
      faults.invalid(`spec.clusterIPs[${index}]`, ip, why);
    }
  }
  if (clusterIPs.length > 1 && clusterIPs[0] !== 'None') {
    faults.invalid(
      'spec.clusterIPs',
      clusterIPs,
      'may only hold 1 value: the cluster is IPv4 only',
    );
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (family === 'IPv6') {
      faults.invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster');
    }
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack') {
    faults.invalid(
      'spec.ipFamilyPolicy',
      spec.ipFamilyPolicy,
      'this cluster is not configured for dual-stack services',
    );
  }
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    if (parseIpv4(ip) !== undefined) continue;
    const why = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
    faults.invalid(`spec.externalIPs[${index}]`, ip, why);
  }
}

export function validateServiceUpdate(
  { spec }: Service,
  { spec: previous }: Service,
  faults: Faults,
): void {
  if (spec.type === 'ExternalName' || previous.type === 'ExternalName') return;
  if (!previous.clusterIP || spec.clusterIP === previous.clusterIP) return;
  const field = 'spec.clusterIPs[0]';
  faults.invalid(field, spec.clusterIPs ?? [], 'may not change once set');
}
