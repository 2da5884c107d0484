// Every pod runs as a service account, and finds its token, the cluster's CA and its namespace
// mounted, unless pod or account decline.

import type { Clock } from '../../machinery/clock.ts';
import { forbidden } from '../../machinery/errors.ts';
import { type Random, suffix } from '../../machinery/random.ts';
import type { At } from '../../machinery/transport.ts';
import type { Container, Pod, ServiceAccount, Volume } from '../../proto/generated/core.v1.ts';
import { PODS, SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import type { Lookup } from '../registry/lookup.ts';
import { type AdmissionPlugin, isResource } from './admission.ts';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** An hour and a bit: upstream's mark of a token that this admission asked for. */
const TOKEN_SECONDS = 3607;
/** Pods that a kubelet made itself: they exist, whatever the API says. */
const MIRROR = 'kubernetes.io/config.mirror';

/** A new namespace gets its account from a controller: `default` is waited for, a second at most. */
const LOOKUPS_MAX = 10;
const LOOKUP_INTERVAL_MS = 100;

interface Parts {
  readonly lookup: Lookup;
  readonly random: Random;
  readonly clock: Clock;
}

export const serviceAccountAdmission = (parts: Parts): AdmissionPlugin => ({
  name: 'ServiceAccount',

  mutate(request) {
    if (request.operation !== 'CREATE' || !isResource(request, 'pods')) return;
    const pod = request.object as Pod;
    if (pod.metadata.annotations?.[MIRROR] !== undefined) return;
    pod.spec.serviceAccountName ||= 'default';
    pod.spec.serviceAccount = pod.spec.serviceAccountName;
    const name = pod.spec.serviceAccountName;
    const namespace = request.namespace!;
    const cached = parts.lookup.find(SERVICE_ACCOUNTS, { namespace, name });
    if (cached !== undefined) return equip(pod, cached, parts.random);
    return awaitAccount(parts, { namespace, name }).then((account) => {
      if (account === undefined) throw refusal(pod, namespace);
      equip(pod, account, parts.random);
    });
  },
});

async function awaitAccount({ lookup, clock }: Parts, at: At): Promise<ServiceAccount | undefined> {
  const lookups = at.name === 'default' ? LOOKUPS_MAX : 1;
  for (let left = lookups; ; left--) {
    const account = await lookup.read(SERVICE_ACCOUNTS, at);
    if (account !== undefined || left === 1) return account;
    await clock.sleep(LOOKUP_INTERVAL_MS);
  }
}

const refusal = ({ metadata, spec }: Pod, namespace: string) =>
  forbidden(
    PODS,
    metadata.name,
    `error looking up service account ${namespace}/${spec.serviceAccountName}: serviceaccount ` +
      `"${spec.serviceAccountName}" not found`,
  );

function equip(pod: Pod, account: ServiceAccount, random: Random): void {
  const { spec } = pod;
  if (account.imagePullSecrets && !spec.imagePullSecrets) {
    spec.imagePullSecrets = account.imagePullSecrets.map((one) => ({ ...one }));
  }
  const isWanted =
    spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
  if (isWanted) mountToken(pod, random);
}

function mountToken({ spec }: Pod, random: Random): void {
  const before = spec.volumes?.find(({ name }) => name?.startsWith(VOLUME_PREFIX));
  const name = before?.name ?? VOLUME_PREFIX + suffix(random);
  let isMounted = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    if (isTaken(container)) continue;
    isMounted = true;
    container.volumeMounts = [
      ...(container.volumeMounts ?? []),
      { name, readOnly: true, mountPath: MOUNT_PATH },
    ];
  }
  if (isMounted && before === undefined) spec.volumes = [...(spec.volumes ?? []), volume(name)];
}

const isTaken = ({ volumeMounts = [] }: Container): boolean =>
  volumeMounts.some(({ mountPath }) => mountPath === MOUNT_PATH);

const volume = (name: string): Volume => ({
  name,
  projected: {
    sources: [
      { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [
            { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
          ],
        },
      },
    ],
    defaultMode: 0o644,
  },
});
