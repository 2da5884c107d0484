// A token for a service account, on request: bound to a pod or secret where the request says so.
// A node gets tokens only for pods that run on it.

import { timestampOf } from '../../machinery/clock.ts';
import { badRequest, conflict, forbidden, StatusError } from '../../machinery/errors.ts';
import { Faults } from '../../machinery/validation.ts';
import type {
  BoundObjectReference,
  TokenRequest,
} from '../../proto/generated/authentication.v1.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { PODS, SECRETS, SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import {
  API_AUDIENCES,
  type ServiceAccountTokens,
  type TokenSubject,
} from '../authn/service-account.ts';
import type { Call, Registry } from '../registry/registry.ts';
import type { Actions } from './actions.ts';

const LIFETIME_SECONDS = 3600;
const LIFETIME_SECONDS_MIN = 600;
const LIFETIME_SECONDS_MAX = 2 ** 32;
const NODE_GROUP = 'system:nodes';
const NODE_USER_PREFIX = 'system:node:';

export function tokenActions(registry: Registry, tokens: ServiceAccountTokens): Actions {
  return {
    'serviceaccounts./token': {
      bodyType: 'io.k8s.api.authentication.v1.TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      run,
    },
  };

  async function run(call: Call, body: unknown): Promise<object> {
    const request = body as TokenRequest;
    const spec = request.spec ?? {};
    const lifetimeSeconds = lifetimeOf(call, spec.expirationSeconds);
    const account = await read(call, SERVICE_ACCOUNTS, call.name ?? '');
    const audiences = spec.audiences?.length ? spec.audiences : API_AUDIENCES;
    const bound = await boundTo(call, spec.boundObjectRef);
    refuseForeignPod(call, bound.pod);
    const { token, expiresMs } = await tokens.sign({
      namespace: call.namespace ?? '',
      serviceAccount: namedOf(account),
      audiences,
      lifetimeSeconds,
      ...bound.claims,
    });
    return {
      ...request,
      metadata: { name: account.metadata.name, namespace: account.metadata.namespace },
      spec: { ...spec, audiences, expirationSeconds: lifetimeSeconds },
      status: { token, expirationTimestamp: timestampOf(expiresMs) },
    };
  }

  async function read(call: Call, resource: Resource, name: string): Promise<ApiObject> {
    const kind = registry.kindOf(resource.group, resource.version, resource.plural);
    if (kind === undefined) throw badRequest(`${resource.plural} are not served`);
    return (await registry.get({ ...call, kind, name, subresource: undefined })).object;
  }

  async function boundTo(
    call: Call,
    reference: BoundObjectReference | undefined,
  ): Promise<{ readonly claims: Partial<TokenSubject>; readonly pod?: Pod }> {
    const name = reference?.name;
    if (reference === undefined || !name) return { claims: {} };
    switch (`${reference.apiVersion}/${reference.kind}`) {
      case 'v1/Pod': {
        const pod = (await read(call, PODS, name)) as Pod;
        refuseOtherUid(PODS, reference, pod);
        refuseOtherAccount(call, pod);
        const { nodeName } = pod.spec;
        return {
          pod,
          claims: { pod: namedOf(pod), ...(nodeName && { node: { name: nodeName } }) },
        };
      }
      case 'v1/Secret': {
        const secret = await read(call, SECRETS, name);
        refuseOtherUid(SECRETS, reference, secret);
        return { claims: { secret: namedOf(secret) } };
      }
      default:
        throw badRequest(
          `cannot bind token for serviceaccount "${call.name}" to kind ` +
            `"${reference.apiVersion}/${reference.kind}"`,
        );
    }
  }
}

function lifetimeOf(call: Call, seconds = LIFETIME_SECONDS): number {
  const faults = new Faults();
  const path = 'spec.expirationSeconds';
  if (seconds < LIFETIME_SECONDS_MIN) {
    faults.invalid(path, seconds, 'may not specify a duration less than 10 minutes');
  }
  if (seconds > LIFETIME_SECONDS_MAX) {
    faults.invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds');
  }
  if (faults.causes.length === 0) return seconds;
  const [cause] = faults.causes;
  const message = `TokenRequest.authentication.k8s.io "${call.name}" is invalid: ${path}: ${cause?.message}`;
  throw new StatusError('Invalid', message, {
    details: {
      name: call.name ?? '',
      group: 'authentication.k8s.io',
      kind: 'TokenRequest',
      causes: faults.causes,
    },
  });
}

const namedOf = ({ metadata }: ApiObject) => ({ name: metadata.name, uid: metadata.uid ?? '' });

function refuseOtherUid(resource: Resource, wanted: BoundObjectReference, found: ApiObject): void {
  const { name, uid } = found.metadata;
  if (!wanted.uid || wanted.uid === uid) return;
  const why = `the UID in the bound object reference (${wanted.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  throw conflict(resource, name, why);
}

function refuseOtherAccount(call: Call, pod: Pod): void {
  if (pod.spec.serviceAccountName === call.name) return;
  throw badRequest(
    `cannot bind token for serviceaccount "${call.name}" to pod running with different ` +
      'serviceaccount name.',
  );
}

function refuseForeignPod({ user, name }: Call, pod: Pod | undefined): void {
  if (!user.groups.includes(NODE_GROUP)) return;
  const nodeName = user.name.slice(NODE_USER_PREFIX.length);
  if (pod?.spec.nodeName === nodeName) return;
  throw forbidden(SERVICE_ACCOUNTS, name ?? '', `node ${nodeName} may only ask for its own pods`);
}
