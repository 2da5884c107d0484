// A real apiserver inside the test process: memory store, free ports, certificates of its own.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { type ApiServer, type ApiServerConfig, startApiServer } from '../apiserver/start.ts';
import { type Ca, type KeyPair, makeCa, makeSigningKey } from '../machinery/certificates.ts';
import { systemClock } from '../machinery/clock.ts';
import { type Log, silentLog } from '../machinery/log.ts';
import { systemRandom } from '../machinery/random.ts';

export interface Reply {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON. */
  json<T = Record<string, unknown>>(): T;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes go as they are, anything else as JSON. */
  readonly body?: unknown;
  /** Absent: an administrator. `nobody` shows no certificate. */
  readonly as?: KeyPair | 'nobody';
}

export interface TestApiServer extends ApiServer {
  readonly ca: Ca;
  readonly admin: KeyPair;
  client(commonName: string, ...organizations: string[]): Promise<KeyPair>;
  ask(path: string, ask?: Ask): Promise<Reply>;
  /** The events of a watch, as they come; leave the loop to end it. */
  watch(path: string): AsyncIterable<WatchLine>;
}

export interface WatchLine {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly metadata: {
      readonly name?: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
  };
}

export async function startTestApiServer(
  options: Partial<ApiServerConfig> & { readonly log?: Log } = {},
): Promise<TestApiServer> {
  const parts = { clock: systemClock, random: systemRandom };
  const ca = await makeCa('test', parts);
  const hosts = ['localhost', '127.0.0.1'];
  const serving = await ca.issue({ commonName: 'kube-apiserver', hosts, usages: ['server'] });
  const client = (commonName: string, ...organizations: string[]) =>
    ca.issue({ commonName, organizations, usages: ['client'] });
  const admin = await client('admin', 'system:masters');
  const { log = silentLog, ...config } = options;
  const server = await startApiServer(
    {
      listen: '127.0.0.1:0',
      grpcListen: '127.0.0.1:0',
      store: { kind: 'memory' },
      tls: { ca: ca.certificate, certificate: serving.certificate, key: serving.key },
      serviceAccountKey: (await makeSigningKey()).key,
      kubeletClient: { ca: ca.certificate, cert: admin.certificate, key: admin.key },
      serviceCidr: '10.96.0.0/16',
      advertiseAddress: '127.0.0.1',
      ...config,
    },
    { ...parts, log },
  );
  return {
    ...server,
    ca,
    admin,
    client,
    ask: (path, ask = {}) => send(server.httpsUrl + path, ca, { as: admin, ...ask }),
    watch: (path) => watch(server.httpsUrl + path, ca, admin),
  };
}

async function* watch(url: string, ca: Ca, as: KeyPair): AsyncGenerator<WatchLine> {
  const outgoing = request(url, {
    ca: ca.certificate,
    agent: false,
    cert: as.certificate,
    key: as.key,
  });
  outgoing.end();
  try {
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    let rest = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line);
    }
  } finally {
    outgoing.on('error', () => {});
    outgoing.destroy();
  }
}

const send = (
  url: string,
  ca: Ca,
  { method = 'GET', headers = {}, body, as }: Ask,
): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const identity =
      as === undefined || as === 'nobody' ? {} : { cert: as.certificate, key: as.key };
    const outgoing = request(
      url,
      {
        method,
        headers: { ...contentType(body), ...headers },
        ca: ca.certificate,
        agent: false,
        ...identity,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            code: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: <T>() => JSON.parse(text) as T,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(encoded(body));
  });

const isRaw = (body: unknown): body is string | Uint8Array =>
  typeof body === 'string' || body instanceof Uint8Array;

const contentType = (body: unknown): Record<string, string> =>
  body === undefined || isRaw(body) ? {} : { 'content-type': 'application/json' };

const encoded = (body: unknown): string | Uint8Array | undefined =>
  body === undefined || isRaw(body) ? body : JSON.stringify(body);
