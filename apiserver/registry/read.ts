// get, and what it means to read: from the caches, once they hold what was acknowledged before.

import { badRequest, notFound, StatusError } from '../../machinery/errors.ts';
import { keyFor } from '../../machinery/object.ts';
import type { Stores } from './change.ts';
import { type Context, targetOf } from './context.ts';
import type { Call, Encoded } from './registry.ts';

/** A revision that lies in the future is waited for as long as upstream does. */
const FUTURE_WAIT_MS = 3000;

export async function getObject(
  context: Context,
  call: Call,
  resourceVersion?: string,
): Promise<Encoded> {
  const { resource, namespace, name } = targetOf(call);
  await reach(context, resourceVersion, call.signal);
  const item = context.hub.cacheOf(resource).get(keyFor(namespace, name));
  if (item === undefined) throw notFound(resource, name);
  return item;
}

/** Absent: the newest state. `0`: whatever the cache holds. Else: not older than this. */
export async function reach(
  context: Context,
  resourceVersion: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  if (resourceVersion === undefined || resourceVersion === '') return newest(context, signal);
  const revision = revisionOf(resourceVersion);
  if (revision === 0) return;
  await waitForRevision(context, revision, signal);
}

async function newest({ store, hub }: Stores, signal?: AbortSignal): Promise<void> {
  await hub.waitFor(await store.progress(), signal);
}

/** Throws BadRequest for what is not a revision. */
export function revisionOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(`Invalid value: "${text}": resource version must be a number`);
}

async function waitForRevision(
  { hub, store, clock }: Context,
  revision: number,
  signal?: AbortSignal,
): Promise<void> {
  const giveUp = new AbortController();
  const cancel = clock.after(FUTURE_WAIT_MS, () => giveUp.abort());
  const either = signal ? AbortSignal.any([signal, giveUp.signal]) : giveUp.signal;
  try {
    await hub.waitFor(revision, either);
  } catch (error) {
    if (!giveUp.signal.aborted || signal?.aborted) throw error;
    const current = await store.progress();
    throw tooLarge(revision, current);
  } finally {
    cancel();
  }
}

const tooLarge = (revision: number, current: number): StatusError =>
  new StatusError('Timeout', `Too large resource version: ${revision}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
