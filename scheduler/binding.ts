// Carries a decision out: permit → preBind → bind → postBind. The place is held meanwhile; what
// went wrong is an answer, so that the caller gives it back.

import { hasReason } from '../machinery/errors.ts';
import type { Plugin } from './framework.ts';
import type { PodInfo } from './pod-info.ts';

export type BindOutcome =
  | { readonly kind: 'bound' }
  /** The pod is no more. */
  | { readonly kind: 'gone' }
  /** Somebody else bound it, or it was made anew: the watch will tell. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'failed'; readonly error: unknown };

export async function bindPod(
  { pod, nodeName, plugins }: Binding,
  signal: AbortSignal,
): Promise<BindOutcome> {
  try {
    for (const plugin of plugins) {
      const refusal = await plugin.permit?.(pod, nodeName, signal);
      if (refusal !== undefined) throw new Error(refusal.reasons.join(', '));
    }
    for (const plugin of plugins) await plugin.preBind?.(pod, nodeName, signal);
    if (!(await bindByFirst(plugins, pod, nodeName))) throw new Error('no plugin binds this pod');
    for (const plugin of plugins) plugin.postBind?.(pod, nodeName);
    return { kind: 'bound' };
  } catch (error) {
    if (hasReason(error, 'NotFound')) return { kind: 'gone' };
    if (hasReason(error, 'Conflict')) return { kind: 'conflict' };
    return { kind: 'failed', error };
  }
}

export interface Binding {
  readonly pod: PodInfo;
  readonly nodeName: string;
  readonly plugins: readonly Plugin[];
}

async function bindByFirst(
  plugins: readonly Plugin[],
  pod: PodInfo,
  nodeName: string,
): Promise<boolean> {
  for (const plugin of plugins) {
    if ((await plugin.bind?.(pod, nodeName)) === 'bound') return true;
  }
  return false;
}

/** False when a plugin would not reserve; whatever was reserved is given back then. */
export function reserve({ pod, nodeName, plugins }: Binding): boolean {
  for (const plugin of plugins) {
    if (plugin.reserve?.(pod, nodeName) === undefined) continue;
    unreserve({ pod, nodeName, plugins });
    return false;
  }
  return true;
}

/** In the opposite order of `reserve`. */
export function unreserve({ pod, nodeName, plugins }: Binding): void {
  for (const plugin of plugins.toReversed()) plugin.unreserve?.(pod, nodeName);
}
