import { Duplex, PassThrough } from 'node:stream';
import { constants, deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ended, REF, run, webPod } from '../../test/kubelet-builders.ts';
import { PodRecord } from '../pods/record.ts';
import { deframe } from '../runtime/docker/streams.ts';
import { mayAsk } from './access.ts';
import { outcomeOf } from './channels.ts';
import { type FoundPod, runToEnter, runToRead } from './find.ts';
import { logRequestOf, targetOf } from './request.ts';
import { loadDictionary, parseHeaders, SpdySession } from './spdy.ts';

test('only the client certificate of the apiserver may ask', () => {
  const name = 'kube-apiserver-kubelet-client';
  expect(mayAsk({ CN: name, O: 'system:masters' })).toBe(true);
  expect(mayAsk({ CN: name, O: ['x', 'system:masters'] })).toBe(true);
  expect(mayAsk({ CN: 'system:node:other', O: 'system:nodes' })).toBe(false);
  expect(mayAsk({ CN: name, O: 'system:nodes' })).toBe(false);
  expect(mayAsk({})).toBe(false);
});

test('paths lead to what they name, all others nowhere', () => {
  expect(targetOf('/containerLogs/ns/pod/main')).toEqual({
    type: 'logs',
    namespace: 'ns',
    pod: 'pod',
    container: 'main',
  });
  expect(targetOf('/portForward/ns/pod')).toMatchObject({ type: 'portForward', pod: 'pod' });
  for (const path of ['/', '/exec/ns/pod', '/exec/ns/pod/c/x', '/x/ns/pod/c', '/exec/%zz/p/c']) {
    expect(targetOf(path), path).toBeUndefined();
  }
});

test('log options are read as they are meant, or refused', () => {
  const of = (query: string) => logRequestOf(new URLSearchParams(query), 100_000);
  expect(of('tailLines=5&sinceSeconds=10&follow=true&limitBytes=7')).toEqual({
    isPrevious: false,
    bytesMax: 7,
    options: { follow: true, timestamps: false, tailLines: 5, sinceMs: 90_000 },
  });
  expect(of('sinceTime=1970-01-01T00:00:05Z')?.options.sinceMs).toBe(5000);
  for (const bad of ['tailLines=-1', 'limitBytes=x', 'sinceTime=never']) {
    expect(of(bad), bad).toBeUndefined();
  }
});

const found = (...containers: ReturnType<typeof run>[]): FoundPod => {
  const record = new PodRecord(REF);
  record.pod = webPod();
  for (const container of containers) record.addContainer(container);
  return { record } as FoundPod;
};

test('logs are those of the last run that ran, or of the one before', () => {
  const [first, second] = [ended('main', 1), run('main', { attempt: 1 })];
  expect(runToRead(found(first, second), 'main', false)).toBe(second);
  expect(runToRead(found(first, second), 'main', true)).toBe(first);
  expect(() => runToRead(found(second), 'main', true)).toThrow(
    'previous terminated container "main" in pod "web" not found',
  );
  expect(() => runToRead(found(), 'main', false)).toThrow('is waiting to start: ContainerCreating');
  expect(() => runToEnter(found(first), 'main')).toThrow('container not found ("main")');
});

test('the outcome of a command carries its exit code', () => {
  expect(outcomeOf('x', 0)).toMatchObject({ status: 'Success' });
  expect(outcomeOf('x', 7)).toMatchObject({
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '7' }] },
  });
});

test('frames of the engine fall apart into both outputs, wherever they are cut', async () => {
  const frame = (channel: number, text: string): Buffer => {
    const header = Buffer.alloc(8);
    header[0] = channel;
    header.writeUInt32BE(text.length, 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const bytes = Buffer.concat([frame(1, 'out1'), frame(2, 'err'), frame(1, 'out2')]);
  for (const size of [1, 5, 8, bytes.length]) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const sink = deframe(stdout, stderr);
    for (let at = 0; at < bytes.length; at += size) sink.write(bytes.subarray(at, at + size));
    await new Promise<void>((resolve) => sink.end(resolve));
    expect([stdout.read()?.toString(), stderr.read()?.toString()]).toEqual(['out1out2', 'err']);
  }
});

test('a SPDY stream is opened, answered and echoed', async () => {
  const dictionary = await loadDictionary();
  const [client, server] = duplexPair();
  const session = new SpdySession(server, dictionary);
  const done = session.run((stream) => {
    expect(stream.headers.get('port')).toBe('80');
    stream.pipe(stream);
  });
  const headers = Buffer.concat([u32(1), u32(4), Buffer.from('Port'), u32(2), Buffer.from('80')]);
  expect(parseHeaders(headers).get('port')).toBe('80');
  const block = deflateSync(headers, { dictionary, finishFlush: constants.Z_SYNC_FLUSH });
  const open = Buffer.concat([u32(1), u32(0), Buffer.alloc(2), block]);
  client.write(Buffer.concat([u32(0x80030001), u32(open.length), open])); // SYN_STREAM
  client.write(Buffer.concat([u32(0x80030006), u32(4), u32(9)])); // PING
  client.write(Buffer.concat([u32(1), u32(0x01000005), Buffer.from('hello')])); // data, FIN
  const seen: Buffer[] = [];
  for await (const chunk of client) {
    seen.push(chunk as Buffer);
    const all = Buffer.concat(seen);
    if (all.includes('hello') && all.includes(u32(0x01000000))) break; // Data, then its end.
  }
  const all = Buffer.concat(seen);
  expect(all.readUInt32BE(0)).toBe(0x80030002); // SYN_REPLY
  expect(all.includes(Buffer.concat([u32(0x80030006), u32(4), u32(9)]))).toBe(true);
  server.destroy();
  await done.catch(() => {});
});

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** Two ends of one connection. */
function duplexPair(): [Duplex, Duplex] {
  const [there, back] = [new PassThrough(), new PassThrough()];
  return [
    Duplex.from({ readable: back, writable: there }),
    Duplex.from({ readable: there, writable: back }),
  ];
}
