// The server's half of a SPDY/3.1 session, as far as Kubernetes clients speak it: streams, pings,
// no flow control (their library sends no window updates, so a library that waits for them stalls).
// Frames: control [1|version 15][type 16][flags 8][length 24], data [0|stream 31][flags][length].

import { Duplex } from 'node:stream';
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';

const VERSION = 3;
const TYPE = { synStream: 1, synReply: 2, rst: 3, ping: 6, goAway: 7 } as const;
const FIN = 0x01;
const HEADER_BYTES = 8;
/** No client of ours sends larger ones (theirs hold 32 KiB at most). */
const FRAME_BYTES_MAX = 1024 * 1024;
const STREAMS_MAX = 1000; // Two a forwarded connection; ended ones do not count.
const HEADERS_BYTES_MAX = 64 * 1024;

export interface SpdyStream extends Duplex {
  readonly id: number;
  /** Names are lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

export class SpdySession {
  readonly #socket: Duplex;
  readonly #inflate: Inflate;
  readonly #deflate: Deflate;
  readonly #streams = new Map<number, Stream>();
  #rest: Buffer = Buffer.alloc(0);

  /** The dictionary is the constant of the protocol that header compression starts from. */
  constructor(socket: Duplex, dictionary: Buffer) {
    this.#socket = socket;
    this.#inflate = createInflate({ dictionary, finishFlush: constants.Z_SYNC_FLUSH });
    this.#deflate = createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH });
  }

  /** Settles when the connection ends. */
  async run(onStream: (stream: SpdyStream) => void): Promise<void> {
    try {
      for await (const chunk of this.#socket) await this.#take(chunk as Buffer, onStream);
    } finally {
      for (const stream of this.#streams.values()) stream.destroy();
      this.#inflate.close();
      this.#deflate.close();
      this.#socket.destroy();
    }
  }

  close(): void {
    this.#socket.end(control(TYPE.goAway, 0, Buffer.alloc(8)));
  }

  async #take(chunk: Buffer, onStream: (stream: SpdyStream) => void): Promise<void> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEADER_BYTES) {
      const length = this.#rest.readUIntBE(5, 3);
      if (length > FRAME_BYTES_MAX) throw new Error(`a SPDY frame of ${length} bytes`);
      const end = HEADER_BYTES + length;
      if (this.#rest.length < end) return;
      const frame = this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
      await this.#frame(frame, onStream);
    }
  }

  async #frame(frame: Buffer, onStream: (stream: SpdyStream) => void): Promise<void> {
    const first = frame.readUInt32BE(0);
    const flags = frame[4]!;
    const payload = frame.subarray(HEADER_BYTES);
    if (first >>> 31 === 0) {
      await this.#streams.get(first)?.receive(payload, (flags & FIN) !== 0);
      return;
    }
    switch (first & 0xffff) {
      case TYPE.synStream:
        return this.#open(payload, (flags & FIN) !== 0, onStream);
      case TYPE.rst:
        this.#streams.get(payload.readUInt32BE(0))?.destroy();
        return;
      case TYPE.ping:
        this.#socket.write(control(TYPE.ping, 0, payload));
        return;
      case TYPE.goAway:
        this.#socket.end();
        return;
      default: // Settings, window updates, late headers: nothing depends on them.
    }
  }

  async #open(
    payload: Buffer,
    isEnded: boolean,
    onStream: (stream: SpdyStream) => void,
  ): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    const headers = parseHeaders(await this.#decompress(payload.subarray(10)));
    if (this.#streams.size >= STREAMS_MAX) {
      const refused = Buffer.alloc(8);
      refused.writeUInt32BE(id, 0);
      refused.writeUInt32BE(3, 4); // REFUSED_STREAM
      this.#socket.write(control(TYPE.rst, 0, refused));
      return;
    }
    const stream = new Stream(id, headers, this.#socket);
    stream.once('close', () => this.#streams.delete(id));
    this.#streams.set(id, stream);
    const reply = Buffer.alloc(4);
    reply.writeUInt32BE(id, 0);
    const none = await this.#compress(Buffer.alloc(4)); // A count of no headers.
    this.#socket.write(control(TYPE.synReply, 0, Buffer.concat([reply, none])));
    if (isEnded) await stream.receive(Buffer.alloc(0), true);
    onStream(stream);
  }

  async #decompress(block: Buffer): Promise<Buffer> {
    const out: Buffer[] = [];
    let bytes = 0;
    const keep = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > HEADERS_BYTES_MAX) this.#inflate.destroy(new Error('SPDY headers too long'));
      else out.push(chunk);
    };
    this.#inflate.on('data', keep);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#inflate.once('error', reject);
        this.#inflate.write(block, () => {
          this.#inflate.off('error', reject);
          resolve();
        });
      });
    } finally {
      this.#inflate.off('data', keep);
    }
    return Buffer.concat(out);
  }

  async #compress(block: Buffer): Promise<Buffer> {
    const out: Buffer[] = [];
    const keep = (chunk: Buffer): void => void out.push(chunk);
    this.#deflate.on('data', keep);
    await new Promise<void>((resolve) => {
      this.#deflate.write(block);
      this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve);
    });
    this.#deflate.off('data', keep);
    return Buffer.concat(out);
  }
}

class Stream extends Duplex implements SpdyStream {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #socket: Duplex;
  #wake: (() => void) | undefined;

  constructor(id: number, headers: ReadonlyMap<string, string>, socket: Duplex) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.#socket = socket;
    this.on('error', () => {}); // A broken stream is closed; there is nobody to tell.
  }

  /** Resolves when the reader has room again. */
  async receive(data: Buffer, isLast: boolean): Promise<void> {
    if (this.destroyed) return;
    const hasRoom = data.length === 0 || this.push(data);
    if (isLast) this.push(null);
    if (hasRoom || isLast) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.once('close', resolve);
    });
  }

  override _read(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(data(this.id, 0, chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.write(data(this.id, FIN, Buffer.alloc(0)), done);
  }
}

function control(type: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE((0x80000000 | (VERSION << 16) | type) >>> 0, 0);
  header[4] = flags;
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

function data(id: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(id, 0);
  header[4] = flags;
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

/** Count, then name and value of each, all with their length as 32 bits. */
export function parseHeaders(block: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const text = (): string => {
    const length = block.readUInt32BE(at);
    const from = at + 4;
    at = from + length;
    return block.toString('utf8', from, at);
  };
  for (let left = block.readUInt32BE(0); left > 0; left--) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}

const DICTIONARY: string = 'spdy-transport/lib/spdy-transport/protocol/spdy/dictionary.js';

/** The constant that SPDY/3 header compression starts from, out of the library that knows it. */
export async function loadDictionary(): Promise<Buffer> {
  const module = (await import(DICTIONARY)) as { default: Readonly<Record<number, Buffer>> };
  const dictionary = module.default[3];
  if (!dictionary) throw new Error(`${DICTIONARY} holds no dictionary of SPDY/3`);
  return dictionary;
}
