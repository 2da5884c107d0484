// What every Transport keeps to, whatever lies between it and the registry. The suite wants an API
// server of its own to talk to, as an administrator; each test works in a namespace of its own.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInformer } from '../../client/informer.ts';
import { systemClock } from '../../machinery/clock.ts';
import { silentLog } from '../../machinery/log.ts';
import { systemRandom } from '../../machinery/random.ts';
import type { Transport, WatchEvent, WatchQuery } from '../../machinery/transport.ts';
import type { TokenRequest } from '../../proto/generated/authentication.v1.ts';
import type { ConfigMap, Pod, ServiceAccount } from '../../proto/generated/core.v1.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  NAMESPACES,
  NODES,
  PODS,
  SERVICE_ACCOUNTS,
} from '../../proto/generated/resources.ts';
import { configMap, deployment, namespace, node, pod } from '../builders.ts';

export interface OpenTransport {
  readonly transport: Transport;
  close(): Promise<void>;
}

/** Real time that anything may take; far more than it does. */
const PATIENCE_MS = 10_000;

let namespaces = 0;

export function transportContract(name: string, open: () => Promise<OpenTransport>): void {
  describe(`transport contract: ${name}`, () => {
    let opened: OpenTransport;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close());

    const inNamespace = async () => {
      const { transport } = opened;
      const own = `${name}-${++namespaces}`;
      await transport.create(NAMESPACES, namespace(own));
      // No controller is there to make it, and pods need one.
      await transport.create(SERVICE_ACCOUNTS, {
        metadata: { name: 'default', namespace: own },
      });
      const at = (object: string) => ({ namespace: own, name: object });
      const make = (object: string, data = {}, metadata = {}) =>
        transport.create(CONFIG_MAPS, configMap(object, data, { namespace: own, ...metadata }));
      return { transport, own, at, make };
    };

    testObjects(inNamespace);
    testRefusals(inNamespace);
    testLists(inNamespace);
    testWatches(inNamespace);
    testPods(inNamespace);
  });
}

type InNamespace = () => Promise<{
  readonly transport: Transport;
  readonly own: string;
  at(name: string): { readonly namespace: string; readonly name: string };
  make(name: string, data?: object, metadata?: object): Promise<ConfigMap>;
}>;

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

function testWatches(inNamespace: InNamespace): void {
  const brief = (event: WatchEvent) =>
    event.type === 'BOOKMARK' ? 'BOOKMARK' : `${event.type} ${event.object.metadata.name}`;

  /** Reads until the condition holds; the test's patience is the limit. */
  async function read(
    transport: Transport,
    query: WatchQuery,
    isEnough: (events: readonly WatchEvent[]) => boolean,
  ): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    const stop = new AbortController();
    const cancel = systemClock.after(PATIENCE_MS, () => stop.abort(new Error('no such events')));
    try {
      for await (const event of transport.watch(CONFIG_MAPS, query, stop.signal)) {
        events.push(event);
        if (isEnough(events)) break;
      }
      return events;
    } finally {
      cancel();
    }
  }

  test('a watch from a revision tells everything after it, in order, and nothing twice', async () => {
    const { transport, own, at, make } = await inNamespace();
    await make('before');
    const { metadata } = await transport.list(CONFIG_MAPS, { namespace: own });
    const query = { namespace: own, resourceVersion: metadata.resourceVersion };
    const first = await make('a');
    const reading = read(transport, query, (events) => events.length === 4);
    await transport.update(CONFIG_MAPS, { ...first, data: { k: 'v' } });
    await make('b');
    await transport.delete(CONFIG_MAPS, at('a'));
    const events = await reading;
    expect(events.map(brief)).toEqual(['ADDED a', 'MODIFIED a', 'ADDED b', 'DELETED a']);
    const revisions = events.map((event) =>
      Number(event.type === 'BOOKMARK' ? 0 : event.object.metadata.resourceVersion),
    );
    expect(revisions).toEqual([...revisions].sort((x, y) => x - y));
    expect(new Set(revisions).size).toBe(4);
  });

  test('a watch may begin with what there is, and says where that ends', async () => {
    const { transport, own, make } = await inNamespace();
    await make('a');
    await make('b');
    const query = { namespace: own, sendInitialEvents: true, allowBookmarks: true };
    const events = await read(
      transport,
      query,
      (seen) => seen.at(-1)?.type === 'BOOKMARK' && seen.length >= 3,
    );
    expect(events.map(brief).sort()).toEqual(['ADDED a', 'ADDED b', 'BOOKMARK']);
    expect(events.at(-1)).toMatchObject({ type: 'BOOKMARK', initialEventsEnd: true });
  });

  test('a watch without a revision begins with what there is', async () => {
    const { transport, own, make } = await inNamespace();
    await make('a');
    const events = await read(transport, { namespace: own }, (seen) => seen.length === 1);
    expect(events.map(brief)).toEqual(['ADDED a']);
  });

  test('what comes to match a selector is ADDED, what ceases to is DELETED', async () => {
    const { transport, own, make } = await inNamespace();
    const { metadata } = await transport.list(CONFIG_MAPS, { namespace: own });
    const { resourceVersion } = metadata;
    const query = { namespace: own, labelSelector: 'app=web', resourceVersion };
    const reading = read(transport, query, (events) => events.length === 2);
    const created = await make('a');
    const labelled = { ...created, metadata: { ...created.metadata, labels: { app: 'web' } } };
    const matching = await transport.update(CONFIG_MAPS, labelled);
    const { labels: _, ...unlabelled } = matching.metadata;
    await transport.update(CONFIG_MAPS, { ...matching, metadata: unlabelled });
    expect((await reading).map(brief)).toEqual(['ADDED a', 'DELETED a']);
  });

  test('a watch ends by itself when its time is over', async () => {
    const { transport, own } = await inNamespace();
    const query = { namespace: own, timeoutSeconds: 1 };
    expect(await read(transport, query, () => false)).toEqual([]);
  });

  test('an aborted watch rejects with the reason', async () => {
    const { transport, own, make } = await inNamespace();
    await make('a');
    const stop = new AbortController();
    const reading = async () => {
      for await (const _ of transport.watch(CONFIG_MAPS, { namespace: own }, stop.signal)) {
        stop.abort(new Error('enough'));
      }
    };
    await expect(reading()).rejects.toThrow('enough');
    const late = transport.watch(CONFIG_MAPS, { namespace: own }, stop.signal);
    await expect(late[Symbol.asyncIterator]().next()).rejects.toThrow('enough');
  });

  test('an informer follows a burst of writes to the last one', async () => {
    const { transport, own, make } = await inNamespace();
    const stop = new AbortController();
    const informer = createInformer({
      transport,
      resource: CONFIG_MAPS,
      query: { namespace: own },
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    const ran = informer.run(stop.signal);
    await informer.synced(AbortSignal.timeout(PATIENCE_MS));
    await Promise.all(Array.from({ length: 200 }, (_, i) => make(`c${i}`)));
    await expect.poll(() => informer.size, { timeout: PATIENCE_MS }).toBe(200);
    stop.abort();
    await ran;
  });
}

function testPods(inNamespace: InNamespace): void {
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
