// The part of the transport contract that is about subresources and cluster-wide objects.

import { expect, test } from 'vitest';
import type { TokenRequest } from '../../proto/generated/authentication.v1.ts';
import type { Pod, ServiceAccount } from '../../proto/generated/core.v1.ts';
import { NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import { node, pod } from '../builders.ts';
import type { InNamespace } from './own-namespace.ts';

export function testSubresources(inNamespace: InNamespace): void {
  test('a pod is bound once', async () => {
    const { transport, own, at } = await inNamespace();
    const created = await transport.create(PODS, pod('web', { metadata: { namespace: own } }));
    const { uid } = created.metadata;
    await transport.bind({ ...at('web'), uid }, 'node-1');
    expect((await transport.get(PODS, at('web'))).spec.nodeName).toBe('node-1');
    await expect(transport.bind({ ...at('web'), uid }, 'node-2')).rejects.toMatchObject({
      reason: 'Conflict',
    });
    await expect(transport.bind(at('absent'), 'node-1')).rejects.toMatchObject({
      reason: 'NotFound',
    });
  });

  test('of pods that are bound at the same time, each gets its own answer', async () => {
    const { transport, own, at } = await inNamespace();
    const names = Array.from({ length: 20 }, (_, index) => `web-${index}`);
    for (const name of names) {
      await transport.create(PODS, pod(name, { metadata: { namespace: own } }));
    }
    const asked = [...names, 'absent', 'web-3'].map((name) => transport.bind(at(name), 'node-1'));
    const answers = await Promise.allSettled(asked);
    expect(answers.filter(({ status }) => status === 'rejected')).toMatchObject([
      { reason: { reason: 'NotFound' } },
      { reason: { reason: 'Conflict' } },
    ]);
    const { items } = await transport.list(PODS, { namespace: own });
    expect(items.filter(({ spec }) => spec.nodeName === 'node-1')).toHaveLength(20);
  });

  test('an account gets a token for a pod, through its subresource', async () => {
    const { transport, own, at } = await inNamespace();
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { name: 'default', namespace: own },
      spec: { audiences: [], expirationSeconds: 3600 },
    };
    const options = { at: at('default'), subresource: 'token' };
    const answer = await transport.create<ServiceAccount, TokenRequest>(
      SERVICE_ACCOUNTS,
      request,
      options,
    );
    expect(answer.status?.token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    await expect(
      transport.create<ServiceAccount, TokenRequest>(SERVICE_ACCOUNTS, request, {
        ...options,
        at: at('absent'),
      }),
    ).rejects.toMatchObject({ reason: 'NotFound' });
  });

  test('an evicted pod goes', async () => {
    const { transport, own, at } = await inNamespace();
    await transport.create(PODS, pod('web', { metadata: { namespace: own } }));
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: at('web') };
    await transport.create<Pod, typeof eviction>(PODS, eviction, {
      at: at('web'),
      subresource: 'eviction',
    });
    await expect(transport.get(PODS, at('web'))).rejects.toMatchObject({ reason: 'NotFound' });
  });

  test('a namespace goes once it is finalized', async () => {
    const { transport, own } = await inNamespace();
    await transport.delete(NAMESPACES, { name: own });
    const going = await transport.get(NAMESPACES, { name: own });
    expect(going.status?.phase).toBe('Terminating');
    const finalized = { ...going, spec: { ...going.spec, finalizers: [] } };
    await transport.update(NAMESPACES, finalized, { subresource: 'finalize' });
    await expect(transport.get(NAMESPACES, { name: own })).rejects.toMatchObject({
      reason: 'NotFound',
    });
  });

  test('cluster-wide objects have no namespace', async () => {
    const { transport, own } = await inNamespace();
    const created = await transport.create(NODES, node(own));
    expect(created.metadata.namespace).toBeUndefined();
    const body = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
    const patch = { type: 'strategic', body } as const;
    const patched = await transport.patch(NODES, { name: own }, patch, { subresource: 'status' });
    expect(patched.status?.conditions).toMatchObject([{ type: 'Ready', status: 'False' }]);
    await transport.delete(NODES, { name: own });
  });
}
