// Every namespace has a ConfigMap `kube-root-ca.crt` with the certificate of the cluster's
// authority: pods trust the API server by it.
//
//   Namespace change, ConfigMap of that name ─► name of the namespace
//   reconcile                                   read it → create it, or put its content right

import type { Informer } from '../../client/lister.ts';
import { hasReason } from '../../machinery/errors.ts';
import { isDeleting } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { ConfigMap, Namespace } from '../../proto/generated/core.v1.ts';
import { CONFIG_MAPS } from '../../proto/generated/resources.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { type Controller, source } from '../controller.ts';

const WORKERS = 2;
const NAME = 'kube-root-ca.crt';
const FILE = 'ca.crt';

export interface RootCaDependencies {
  readonly namespaces: Informer<Namespace>;
  /** Metadata suffices: the content is read when something changed. */
  readonly configMaps: Informer<ApiObject>;
  readonly transport: Transport;
  /** PEM. */
  readonly rootCa: string;
}

export function rootCaController(deps: RootCaDependencies): Controller {
  const { namespaces, configMaps, transport, rootCa } = deps;
  return {
    name: 'root-ca',
    workers: WORKERS,
    sources: [
      source(namespaces, ({ metadata }) => [metadata.name]),
      source(configMaps, ({ metadata }) =>
        metadata.name === NAME ? [metadata.namespace ?? ''] : [],
      ),
    ],

    async reconcile(name) {
      const namespace = namespaces.get(name);
      if (namespace === undefined || isDeleting(namespace)) return undefined;
      const present = await read(transport, name);
      const wanted = planRootCa(present, { namespace: name, rootCa });
      if (wanted === undefined) return undefined;
      await (present === undefined
        ? transport.create(CONFIG_MAPS, wanted)
        : transport.update(CONFIG_MAPS, wanted));
      return undefined;
    },
  };
}

/** Undefined: it is as it should be. */
export function planRootCa(
  present: ConfigMap | undefined,
  { namespace, rootCa }: { readonly namespace: string; readonly rootCa: string },
): ConfigMap | undefined {
  const data = { [FILE]: rootCa };
  if (present === undefined) {
    const metadata = { name: NAME, namespace };
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
  }
  const isRight = present.data?.[FILE] === rootCa && Object.keys(present.data).length === 1;
  return isRight ? undefined : { ...present, data };
}

async function read(transport: Transport, namespace: string): Promise<ConfigMap | undefined> {
  try {
    return await transport.get(CONFIG_MAPS, { namespace, name: NAME });
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
