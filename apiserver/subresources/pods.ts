// Actions on pods: a binding gives it a node, an eviction deletes it with a client's manners.

import { badRequest } from '../../machinery/errors.ts';
import type { Binding } from '../../proto/generated/core.v1.ts';
import type { Eviction } from '../../proto/generated/policy.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import type { Call, Registry } from '../registry/registry.ts';
import type { Actions } from './actions.ts';

const BINDING = {
  bodyType: 'io.k8s.api.core.v1.Binding',
  apiVersion: 'v1',
  kind: 'Binding',
} as const;

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

export function podActions(registry: Registry): Actions {
  const onPod = (call: Call, name: string): Call => {
    const kind = registry.kindOf(PODS.group, PODS.version, PODS.plural);
    if (kind === undefined) throw badRequest('pods are not served');
    return { ...call, kind, name, subresource: undefined };
  };

  async function bind(call: Call, name: string, body: unknown): Promise<object> {
    const { target, metadata } = body as Binding;
    if (target?.kind !== undefined && target.kind !== 'Node') {
      throw badRequest('target.kind: only a Node can be bound to');
    }
    if (call.dryRun) return SUCCESS;
    await registry.bind(onPod(call, name), target?.name ?? '', metadata?.uid);
    return SUCCESS;
  }

  async function evict(call: Call, body: unknown): Promise<object> {
    const { metadata, deleteOptions = {} } = body as Eviction;
    const name = call.name ?? '';
    if (metadata?.name && metadata.name !== name) {
      throw badRequest('name in URL does not match name in Eviction object');
    }
    const { gracePeriodSeconds, preconditions, dryRun } = deleteOptions;
    const isDryRun = call.dryRun === true || (dryRun?.length ?? 0) > 0;
    await registry.delete(
      { ...onPod(call, name), dryRun: isDryRun },
      { gracePeriodSeconds, preconditions, dryRun: isDryRun },
    );
    return SUCCESS;
  }

  return {
    'pods./binding': { ...BINDING, run: (call, body) => bind(call, call.name ?? '', body) },
    'bindings.': {
      ...BINDING,
      run: (call, body) => bind(call, (body as Binding).metadata?.name ?? '', body),
    },
    'pods./eviction': {
      bodyType: 'io.k8s.api.policy.v1.Eviction',
      apiVersion: 'policy/v1',
      alsoVersions: ['policy/v1beta1'],
      kind: 'Eviction',
      run: evict,
    },
  };
}
