// A store in etcd (3.4 or newer), shared with others under a key prefix.
// The client's own retries are off: repeating a write whose answer was lost could refuse it with
// its own success. Retried here is only what is safe: reads, and calls that never left.

import {
  Etcd3,
  type IKeyValue,
  type IOptions,
  type IRangeRequest,
  type IRangeResponse,
  type ITxnRequest,
  isRecoverableError,
} from 'etcd3';
import type { Clock } from '../../machinery/clock.ts';
import { type WatchStream, watchEtcd } from './etcd-watch.ts';
import { unavailable } from './rows.ts';
import {
  CompactedError,
  type Entry,
  type Range,
  type RangeOptions,
  type Store,
  type StoreEvent,
  type StoreKey,
  StoreUnavailableError,
  type WriteResult,
} from './store.ts';

export interface EtcdConfig {
  /** `http://host:port` or `https://host:port`, all of the same scheme. */
  readonly endpoints: readonly string[];
  /** In front of every key, so that several clusters can share one etcd. */
  readonly prefix?: string;
  /** PEM. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly auth?: { readonly username: string; readonly password: string };
}

/** Ten times the slowest answer of a healthy etcd; then the caller hears that it is not. */
const CALL_TIMEOUT_MS = 10_000;
/** One message of a range or a watch: a page of the largest objects still fits. */
const RECEIVE_BYTES_MAX = 1024 * 2 ** 20;
/** Entries a page when a list has no limit: 15 MB of pods, far from any message limit. */
const PAGE_ENTRIES = 5000;
/** gRPC pings notice a dead peer sooner than TCP would. */
const KEEPALIVE_MS = 10_000;

export function openEtcdStore(config: EtcdConfig, clock: Clock): Store {
  return new EtcdStore(config, clock);
}

class EtcdStore implements Store {
  /** One an endpoint: which one to ask is ours to decide. */
  readonly #clients: readonly Etcd3[];
  /** The one that answered last. */
  #at = 0;
  readonly #prefix: string;
  readonly #closing = new AbortController();
  #progress: { readonly current: Promise<number>; next: Promise<number> | undefined } | undefined;

  constructor(config: EtcdConfig, clock: Clock) {
    this.#clients = config.endpoints.map((it) => new Etcd3(optionsOf(it, config, clock)));
    this.#prefix = config.prefix ?? '';
  }

  async get(key: StoreKey): Promise<Entry | undefined> {
    const { kvs } = await this.#range({ key: this.#keyBytes(key) });
    return kvs[0] && this.#entryOf(kvs[0]);
  }

  async list(prefix: StoreKey, options: RangeOptions = {}): Promise<Range> {
    const start = options.after === undefined || options.after < prefix ? prefix : undefined;
    const entries: Entry[] = [];
    let from = start === undefined ? behind(this.#keyBytes(options.after!)) : this.#keyBytes(start);
    let revision = options.revision;
    while (true) {
      const page = await this.#range({
        key: from,
        range_end: endOf(this.#keyBytes(prefix)),
        limit: options.limit ?? PAGE_ENTRIES,
        ...(revision !== undefined && { revision }),
      });
      revision ??= Number(page.header.revision);
      for (const kv of page.kvs) entries.push(this.#entryOf(kv));
      const last = page.kvs[page.kvs.length - 1];
      if (options.limit !== undefined || !page.more || last === undefined) {
        return { entries, revision, remaining: Number(page.count) - page.kvs.length };
      }
      from = behind(last.key);
    }
  }

  async put(
    key: StoreKey,
    value: Uint8Array,
    { expectedRevision }: { readonly expectedRevision?: number } = {},
  ): Promise<WriteResult> {
    const request = { key: this.#keyBytes(key), value: asBuffer(value) };
    if (expectedRevision === undefined) {
      const { header } = await this.#call(({ kv }) => kv.put(request), 'unsent');
      return { ok: true, revision: Number(header.revision) };
    }
    return this.#write(key, { expectedRevision, success: { request_put: request } });
  }

  async delete(
    key: StoreKey,
    { expectedRevision }: { readonly expectedRevision?: number } = {},
  ): Promise<WriteResult> {
    const request = { key: this.#keyBytes(key) };
    if (expectedRevision !== undefined && expectedRevision !== 0) {
      return this.#write(key, { expectedRevision, success: { request_delete_range: request } });
    }
    if (expectedRevision === 0) return { ok: false, current: await this.get(key) };
    const { header, deleted } = await this.#call(({ kv }) => kv.deleteRange(request), 'unsent');
    return Number(deleted) > 0
      ? { ok: true, revision: Number(header.revision) }
      : { ok: false, current: undefined };
  }

  async *watch(
    prefix: StoreKey,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly StoreEvent[], void, undefined> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    if (either.aborted) return;
    const key = this.#keyBytes(prefix);
    await this.#assertKept(key, afterRevision);
    const request = { key, range_end: endOf(key), start_revision: afterRevision + 1 };
    const stream = await this.#call(({ watchClient }) => watchClient.watch(), 'unsent');
    // The client types it as less than the gRPC stream that it is.
    yield* watchEtcd(
      stream as unknown as WatchStream,
      { request, prefixBytes: Buffer.byteLength(this.#prefix) },
      either,
    );
    if (this.#closing.signal.aborted && !signal.aborted) throw closed();
  }

  async compact(revision: number): Promise<void> {
    try {
      await this.#call(({ kv }) => kv.compact({ revision }), 'always');
    } catch (error) {
      // Somebody went further already.
      if (!textOf(error).includes(COMPACTED)) throw error;
    }
  }

  /** Callers that come while one read is under way share the next. */
  progress(): Promise<number> {
    if (this.#progress === undefined) {
      const current = this.#readProgress().finally(() => {
        this.#progress = undefined;
      });
      this.#progress = { current, next: undefined };
      return current;
    }
    const again = () => this.progress();
    this.#progress.next ??= this.#progress.current.then(again, again);
    return this.#progress.next;
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const client of this.#clients) client.close();
  }

  async #readProgress(): Promise<number> {
    const key = this.#keyBytes('');
    const { header } = await this.#range({ key: behind(key), count_only: true });
    return Number(header.revision);
  }

  /** etcd 3.4 may silently leave out a delete just before the compaction: refuse by our rule. */
  async #assertKept(key: Buffer, revision: number): Promise<void> {
    if (revision <= 0) return;
    try {
      await this.#range({ key, revision, count_only: true });
    } catch (error) {
      if (error instanceof StoreUnavailableError && error.message.includes(FUTURE)) return;
      throw error;
    }
  }

  async #write(
    key: StoreKey,
    write: {
      readonly expectedRevision: number;
      readonly success: NonNullable<ITxnRequest['success']>[number];
    },
  ): Promise<WriteResult> {
    const bytes = this.#keyBytes(key);
    const { header, succeeded, responses } = await this.#call(
      ({ kv }) =>
        kv.txn({
          compare: [
            {
              key: bytes,
              target: 'Mod',
              result: 'Equal',
              mod_revision: write.expectedRevision,
            },
          ],
          success: [write.success],
          failure: [{ request_range: { key: bytes } }],
        }),
      'unsent',
    );
    if (succeeded) return { ok: true, revision: Number(header.revision) };
    const kv = responses[0]?.response_range?.kvs[0];
    return { ok: false, current: kv && this.#entryOf(kv) };
  }

  async #range(request: IRangeRequest): Promise<IRangeResponse> {
    try {
      return await this.#call(({ kv }) => kv.range(request), 'always');
    } catch (error) {
      if (!textOf(error).includes(COMPACTED)) throw error;
      // etcd does not say how far history reaches, only that it does not reach so far.
      throw new CompactedError(Number(request.revision) + 1);
    }
  }

  async #call<T>(call: (client: Etcd3) => Promise<T>, retry: 'always' | 'unsent'): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      if (this.#closing.signal.aborted) throw closed();
      const at = this.#at;
      try {
        return await call(this.#clients[at]!);
      } catch (error) {
        if (!isRetriable(error, retry)) throw unavailable('etcd refused', error);
        // Unless another caller went on to the next already.
        if (this.#at === at) this.#at = (at + 1) % this.#clients.length;
        if (attempt >= this.#clients.length) throw unavailable('etcd does not answer', error);
      }
    }
  }

  #keyBytes(key: StoreKey): Buffer {
    return Buffer.from(this.#prefix + key);
  }

  #entryOf({ key, value, mod_revision }: IKeyValue): Entry {
    const text = key.toString('utf8', Buffer.byteLength(this.#prefix));
    return { key: text, value, revision: Number(mod_revision) };
  }
}

const COMPACTED = 'required revision has been compacted';
const FUTURE = 'required revision is a future revision';

const closed = () => new StoreUnavailableError('the store is closed');

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function isRetriable(error: unknown, retry: 'always' | 'unsent'): boolean {
  if (!(error instanceof Error)) return false;
  const isUnsent = /No connection established|Name resolution failed/.test(error.message);
  return isUnsent || (retry === 'always' && isRecoverableError(error));
}

function optionsOf(endpoint: string, { tls, auth }: EtcdConfig, clock: Clock): IOptions {
  return {
    hosts: [endpoint],
    ...(tls && {
      credentials: {
        rootCertificate: tls.ca,
        ...(tls.key && { privateKey: tls.key }),
        ...(tls.cert && { certChain: tls.cert }),
      },
    }),
    ...(auth && { auth }),
    grpcOptions: {
      'grpc.max_receive_message_length': RECEIVE_BYTES_MAX,
      'grpc.max_send_message_length': RECEIVE_BYTES_MAX,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_MS,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
    },
    defaultCallOptions: ({ isStream }) =>
      isStream ? {} : { deadline: clock.now() + CALL_TIMEOUT_MS },
    faultHandling: { host: () => PASS_THROUGH, global: PASS_THROUGH },
  };
}

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/** No circuit breaker: one failed list must not shut out heartbeats for seconds. */
const PASS_THROUGH = {
  execute: async (
    call: (context: { readonly signal: AbortSignal }) => unknown,
    signal?: AbortSignal,
  ) => call({ signal: signal ?? new AbortController().signal }),
  onSuccess: () => ({ dispose() {} }),
  onFailure: () => ({ dispose() {} }),
} as unknown as Policy;

const asBuffer = (value: Uint8Array): Buffer =>
  Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);

/** The smallest key behind this one. */
const behind = (key: Buffer): Buffer => Buffer.concat([key, Buffer.alloc(1)]);

/** The smallest key behind all that start with this; keys are text, so no byte is 0xff. */
function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}
