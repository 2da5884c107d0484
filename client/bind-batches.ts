// Bindings that are made at the same time share a call, for a call costs far more than a binding:
// one goes out at once; those that come while calls are on their way wait together for the next.

import { StatusError } from '../machinery/errors.ts';
import { BINDINGS_MAX, type BindRequest } from '../proto/rpc.ts';
import { refusalOf } from './wire.ts';

/** A second call while the first is at the disk; more would only make the batches smaller. */
const CALLS_MAX = 2;

/** Answers one text for each binding: a Status document, or '' where it was made. */
export type SendBindings = (bindings: readonly BindRequest[]) => Promise<readonly string[]>;

interface Waiting {
  readonly binding: BindRequest;
  resolve(): void;
  reject(error: unknown): void;
}

/** What waits is bounded by the callers: each waits for its answer. */
export function bindBatches(send: SendBindings): (binding: BindRequest) => Promise<void> {
  const waiting: Waiting[] = [];
  let calls = 0;

  return (binding) =>
    new Promise((resolve, reject) => {
      waiting.push({ binding, resolve, reject });
      if (calls < CALLS_MAX) void call(waiting.splice(0, BINDINGS_MAX));
    });

  async function call(batch: readonly Waiting[]): Promise<void> {
    calls++;
    try {
      settle(batch, await send(batch.map(({ binding }) => binding)));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      calls--;
      if (waiting.length > 0) void call(waiting.splice(0, BINDINGS_MAX));
    }
  }
}

function settle(batch: readonly Waiting[], answers: readonly string[]): void {
  if (answers.length !== batch.length) {
    throw new StatusError('InternalError', 'the answer does not tell of every binding');
  }
  for (const [index, { resolve, reject }] of batch.entries()) {
    const refusal = answers[index]!;
    if (refusal === '') resolve();
    else reject(refusalOf(JSON.parse(refusal), 'InternalError'));
  }
}
