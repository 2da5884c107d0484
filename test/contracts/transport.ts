// What every Transport keeps to, whatever lies between it and the registry. The suite wants an API
// server of its own to talk to, as an administrator; each test works in a namespace of its own.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Transport } from '../../machinery/transport.ts';
import { CONFIG_MAPS, DEPLOYMENTS, PODS } from '../../proto/generated/resources.ts';
import { configMap, deployment, pod } from '../builders.ts';
import { type InNamespace, ownNamespace } from './own-namespace.ts';
import { testApply } from './transport-apply.ts';
import { testSubresources } from './transport-subresources.ts';
import { testWatches } from './transport-watches.ts';

export interface OpenTransport {
  readonly transport: Transport;
  close(): Promise<void>;
}

let namespaces = 0;

export function transportContract(name: string, open: () => Promise<OpenTransport>): void {
  describe(`transport contract: ${name}`, () => {
    let opened: OpenTransport;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close());

    const inNamespace = () => ownNamespace(opened.transport, `${name}-${++namespaces}`);
    testObjects(inNamespace);
    testRefusals(inNamespace);
    testLists(inNamespace);
    testWatches(inNamespace);
    testSubresources(inNamespace);
    testApply(inNamespace);
  });
}

function testObjects(inNamespace: InNamespace): void {
  test('a created object has its identity, and is read back as it was answered', async () => {
    const { transport, own, at, make } = await inNamespace();
    const created = await make('a', { text: 'grüße, 世界\u0000"\\' });
    expect(created).toMatchObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace: own },
    });
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(Number(created.metadata.resourceVersion)).toBeGreaterThan(0);
    expect(await transport.get(CONFIG_MAPS, at('a'))).toEqual(created);
  });

  test('the server completes a generated name', async () => {
    const { make } = await inNamespace();
    const names = await Promise.all(
      [1, 2, 3].map(async () => (await make('', {}, { generateName: 'job-' })).metadata.name),
    );
    expect(new Set(names).size).toBe(3);
    for (const one of names) expect(one).toMatch(/^job-[a-z0-9]{5}$/);
  });

  test('an update moves the revision on', async () => {
    const { transport, at, make } = await inNamespace();
    const created = await make('a');
    const updated = await transport.update(CONFIG_MAPS, { ...created, data: { k: 'v' } });
    expect(Number(updated.metadata.resourceVersion)).toBeGreaterThan(
      Number(created.metadata.resourceVersion),
    );
    expect((await transport.get(CONFIG_MAPS, at('a'))).data).toEqual({ k: 'v' });
  });

  test('the three patch types do as they say', async () => {
    const { transport, own, at } = await inNamespace();
    await transport.create(DEPLOYMENTS, deployment('web', { metadata: { namespace: own } }));
    const containers = [{ name: 'log', image: 'log:1' }];
    const strategic = { spec: { template: { spec: { containers } } } };
    const merge = { metadata: { labels: { tier: 'front' } } };
    const json = [{ op: 'replace', path: '/spec/replicas', value: 5 }];
    await transport.patch(DEPLOYMENTS, at('web'), { type: 'strategic', body: strategic });
    await transport.patch(DEPLOYMENTS, at('web'), { type: 'merge', body: merge });
    const after = await transport.patch(DEPLOYMENTS, at('web'), { type: 'json', body: json });
    expect(after.spec.replicas).toBe(5);
    expect(after.metadata.labels).toEqual({ tier: 'front' });
    expect(after.spec.template.spec?.containers.map((one) => one.name).sort()).toEqual([
      'log',
      'main',
    ]);
  });

  test('status and spec have doors of their own', async () => {
    const { transport, own, at } = await inNamespace();
    const created = await transport.create(
      DEPLOYMENTS,
      deployment('web', { metadata: { namespace: own } }),
    );
    const both = {
      ...created,
      spec: { ...created.spec, replicas: 7 },
      status: { replicas: 3, observedGeneration: 1 },
    };
    const byStatus = await transport.update(DEPLOYMENTS, both, { subresource: 'status' });
    expect([byStatus.spec.replicas, byStatus.status?.replicas]).toEqual([1, 3]);
    const body = { spec: { replicas: 2 }, status: { replicas: 9 } };
    const bySpec = await transport.patch(DEPLOYMENTS, at('web'), { type: 'merge', body });
    expect([bySpec.spec.replicas, bySpec.status?.replicas]).toEqual([2, 3]);
  });

  test('a dry run changes nothing', async () => {
    const { transport, own, at } = await inNamespace();
    const object = configMap('a', {}, { namespace: own });
    await transport.create(CONFIG_MAPS, object, { dryRun: true });
    await expect(transport.get(CONFIG_MAPS, at('a'))).rejects.toMatchObject({ reason: 'NotFound' });
  });

  test('what is deleted is gone', async () => {
    const { transport, at, make } = await inNamespace();
    await make('a');
    await transport.delete(CONFIG_MAPS, at('a'), { propagationPolicy: 'Background' });
    await expect(transport.get(CONFIG_MAPS, at('a'))).rejects.toMatchObject({ reason: 'NotFound' });
  });
}

function testRefusals(inNamespace: InNamespace): void {
  test('what is not there is NotFound, with its name', async () => {
    const { transport, at } = await inNamespace();
    const refusal = { reason: 'NotFound', details: { name: 'absent', kind: 'configmaps' } };
    await expect(transport.get(CONFIG_MAPS, at('absent'))).rejects.toMatchObject(refusal);
    await expect(transport.delete(CONFIG_MAPS, at('absent'))).rejects.toMatchObject(refusal);
    await expect(
      transport.patch(CONFIG_MAPS, at('absent'), { type: 'merge', body: {} }),
    ).rejects.toMatchObject(refusal);
  });

  test('a name is given once, a revision overwritten once', async () => {
    const { transport, make } = await inNamespace();
    const created = await make('a');
    await expect(make('a')).rejects.toMatchObject({ reason: 'AlreadyExists' });
    await transport.update(CONFIG_MAPS, { ...created, data: { k: '1' } });
    await expect(
      transport.update(CONFIG_MAPS, { ...created, data: { k: '2' } }),
    ).rejects.toMatchObject({ reason: 'Conflict' });
  });

  test('an invalid object is refused with the field and the reason', async () => {
    const { transport, own } = await inNamespace();
    const bad = pod('Bad_Name', { metadata: { namespace: own }, spec: { containers: [] } });
    await expect(transport.create(PODS, bad)).rejects.toMatchObject({
      reason: 'Invalid',
      message: expect.stringContaining('Pod "Bad_Name" is invalid'),
      details: {
        causes: expect.arrayContaining([
          expect.objectContaining({ field: 'spec.containers', reason: 'FieldValueRequired' }),
        ]),
      },
    });
  });

  test('a delete whose preconditions fail is a Conflict', async () => {
    const { transport, at, make } = await inNamespace();
    const { metadata } = await make('a');
    const remove = (uid: string) =>
      transport.delete(CONFIG_MAPS, at('a'), { preconditions: { uid } });
    await expect(remove('another')).rejects.toMatchObject({ reason: 'Conflict' });
    await remove(metadata.uid!);
  });

  test('a body far too large is refused, and the next request works', async () => {
    const { transport, make } = await inNamespace();
    await expect(make('big', { text: 'x'.repeat(4_000_000) })).rejects.toMatchObject({
      reason: expect.stringMatching(/RequestEntityTooLarge|Invalid/),
    });
    await make('small');
    expect(transport).toBeDefined();
  });
}

function testLists(inNamespace: InNamespace): void {
  const namesOf = (list: { items: readonly { metadata: { name: string } }[] }) =>
    list.items.map(({ metadata }) => metadata.name);

  test('lists keep to their namespace and selectors', async () => {
    const { transport, own, make } = await inNamespace();
    const other = await inNamespace();
    await make('a', {}, { labels: { app: 'web' } });
    await make('b', {}, { labels: { app: 'db' } });
    await other.make('elsewhere', {}, { labels: { app: 'web' } });
    const list = (query: object) => transport.list(CONFIG_MAPS, { namespace: own, ...query });
    expect(namesOf(await list({ labelSelector: 'app=web' }))).toEqual(['a']);
    expect(namesOf(await list({ labelSelector: 'app in (web,db)' }))).toEqual(['a', 'b']);
    expect(namesOf(await list({ fieldSelector: 'metadata.name=b' }))).toEqual(['b']);
    expect(namesOf(await list({ labelSelector: 'app=none' }))).toEqual([]);
    const everywhere = await transport.list(CONFIG_MAPS, { labelSelector: 'app=web' });
    expect(namesOf(everywhere)).toEqual(expect.arrayContaining(['a', 'elsewhere']));
    await expect(list({ labelSelector: 'a in' })).rejects.toMatchObject({ reason: 'BadRequest' });
    await expect(list({ fieldSelector: 'data=x' })).rejects.toMatchObject({ reason: 'BadRequest' });
  });

  test('pages make up one consistent list', async () => {
    const { transport, own, make } = await inNamespace();
    for (let i = 0; i < 7; i++) await make(`c${i}`);
    const query = { namespace: own, limit: 3, labelSelector: '' };
    const first = await transport.list(CONFIG_MAPS, query);
    await make('a-late');
    const second = await transport.list(CONFIG_MAPS, {
      ...query,
      continue: first.metadata.continue,
    });
    const third = await transport.list(CONFIG_MAPS, {
      ...query,
      continue: second.metadata.continue,
    });
    expect([first, second, third].flatMap(namesOf)).toEqual([
      'c0',
      'c1',
      'c2',
      'c3',
      'c4',
      'c5',
      'c6',
    ]);
    expect(first.metadata.remainingItemCount).toBe(4);
    expect(third.metadata.continue ?? '').toBe('');
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  test('a collection is deleted by its selector', async () => {
    const { transport, own, make } = await inNamespace();
    await make('a', {}, { labels: { app: 'web' } });
    await make('b', {}, { labels: { app: 'db' } });
    await transport.deleteCollection(CONFIG_MAPS, { namespace: own, labelSelector: 'app=web' });
    expect(namesOf(await transport.list(CONFIG_MAPS, { namespace: own }))).toEqual(['b']);
  });
}
