// Admission: what the cluster as a whole says to a write, after the kind had its say.
// Plugins are values; `mutate` runs before validation, `validate` after it. Either throws a
// StatusError (mostly Forbidden) to refuse. A plugin that need not wait answers undefined, so that
// the hot path has nothing to await.

import type { ApiObject } from '../../proto/resource.ts';
import type { Call } from '../registry/registry.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly call: Call;
  /** Namespace and name of the object, whatever the call leaves to the body. */
  readonly namespace: string | undefined;
  readonly name: string;
  /** Absent for DELETE. Only `mutate` may change it. */
  readonly object: ApiObject | undefined;
  /** What is stored now; absent for CREATE. Shared: read only. */
  readonly previous: ApiObject | undefined;
}

export interface AdmissionPlugin {
  readonly name: string;
  mutate?(request: AdmissionRequest): void | Promise<void>;
  validate?(request: AdmissionRequest): void | Promise<void>;
}

export async function admitMutating(
  plugins: readonly AdmissionPlugin[],
  request: AdmissionRequest,
): Promise<void> {
  for (const plugin of plugins) {
    const pending = plugin.mutate?.(request);
    if (pending !== undefined) await pending;
  }
}

export async function admitValidating(
  plugins: readonly AdmissionPlugin[],
  request: AdmissionRequest,
): Promise<void> {
  for (const plugin of plugins) {
    const pending = plugin.validate?.(request);
    if (pending !== undefined) await pending;
  }
}

export const isResource = ({ call }: AdmissionRequest, plural: string, group = ''): boolean =>
  call.kind.resource.plural === plural && call.kind.resource.group === group;
