// Clients outlive their API server: informers over each wire find it again, and miss nothing.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createGrpcTransport } from '../../client/grpc-transport.ts';
import { createInformer } from '../../client/informer.ts';
import { createRestTransport } from '../../client/rest-transport.ts';
import { systemClock } from '../../machinery/clock.ts';
import { silentLog } from '../../machinery/log.ts';
import { systemRandom } from '../../machinery/random.ts';
import type { Transport } from '../../machinery/transport.ts';
import { CONFIG_MAPS } from '../../proto/generated/resources.ts';
import { configMap } from '../builders.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../embedded-apiserver.ts';

const PATIENCE_MS = 20_000;

const WIRES = {
  grpc: ({ server, ca, admin }: EmbeddedApiServer) =>
    createGrpcTransport({ address: server.grpcAddress, ca, ...admin }),
  rest: ({ server, ca, admin }: EmbeddedApiServer) =>
    createRestTransport({ server: server.httpsUrl, ca, ...admin }),
};

async function follow(transport: Transport) {
  const stop = new AbortController();
  const informer = createInformer({
    transport,
    resource: CONFIG_MAPS,
    query: { namespace: 'default' },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  const story: string[] = [];
  informer.onChange(({ type, object }) => story.push(`${type} ${object.metadata.name}`));
  const ran = informer.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ran;
    transport.close();
  });
  await informer.synced(AbortSignal.timeout(PATIENCE_MS));
  story.length = 0;
  return { informer, story };
}

test.each(['grpc', 'rest'] as const)('over %s, after a restart on the same store', async (wire) => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-reconnect-'));
  const api = await startEmbeddedApiServer({ kind: 'embedded', folder });
  onTestFinished(async () => {
    await api.close();
    rmSync(folder, { recursive: true });
  });
  await api.server.transport.create(CONFIG_MAPS, configMap('kept'));
  await api.server.transport.create(CONFIG_MAPS, configMap('removed'));
  const { informer, story } = await follow(WIRES[wire](api));
  await api.restart();
  const { transport } = api.server;
  await transport.create(CONFIG_MAPS, configMap('new'));
  await transport.delete(CONFIG_MAPS, { namespace: 'default', name: 'removed' });
  await expect
    .poll(() => story, { timeout: PATIENCE_MS })
    .toEqual(['added new', 'deleted removed']);
  expect(informer.get('default/kept')).toBeDefined();
});

test.each(['grpc', 'rest'] as const)('over %s, when the store lost its past', async (wire) => {
  const api = await startEmbeddedApiServer();
  onTestFinished(() => api.close());
  for (let i = 0; i < 50; i++) await api.server.transport.create(CONFIG_MAPS, configMap(`c${i}`));
  const { informer } = await follow(WIRES[wire](api));
  await api.restart();
  await api.server.transport.create(CONFIG_MAPS, configMap('new'));
  const names = () => informer.list().map(({ metadata }) => metadata.name);
  await expect.poll(names, { timeout: PATIENCE_MS }).toEqual(['new']);
});
