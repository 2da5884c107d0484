// What every verb of the registry works with.

import type { StructShape } from '../../machinery/apply/shape.ts';
import type { Clock } from '../../machinery/clock.ts';
import { badRequest, StatusError } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import type { Random } from '../../machinery/random.ts';
import type { Check } from '../../machinery/schema/check.ts';
import type { Decoder } from '../../machinery/schema/decode.ts';
import type { Resource } from '../../proto/resource.ts';
import type { AdmissionPlugin } from '../admission/admission.ts';
import type { StoreUnavailableError } from '../store/store.ts';
import type { Stores, Target } from './change.ts';
import type { Bookkeeping } from './hold.ts';
import type { Call } from './registry.ts';

export interface Context extends Stores {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly admission: readonly AdmissionPlugin[];
  readonly decoderOf: (type: string) => Decoder;
  readonly checkOf: (type: string) => Check;
  readonly shapeOf: (type: string) => StructShape;
  readonly bookkeepingOf: (resource: Resource) => Bookkeeping | undefined;
}

/** Namespace and name that the call addresses. Throws BadRequest where one is missing. */
export function targetOf(call: Call): Target {
  const { resource } = call.kind;
  if (!call.name) throw badRequest('name must be provided');
  if (resource.namespaced && !call.namespace) throw badRequest('namespace must be provided');
  return {
    resource,
    namespace: resource.namespaced ? call.namespace : undefined,
    name: call.name,
    dryRun: call.dryRun === true,
  };
}

export const methodNotAllowed = (call: Call): StatusError =>
  new StatusError(
    'MethodNotAllowed',
    `the server does not allow this method on the requested resource (${call.kind.resource.plural}` +
      `${call.subresource === undefined ? '' : `/${call.subresource}`})`,
  );

export const subresourceNotFound = (): StatusError =>
  new StatusError('NotFound', 'the server could not find the requested resource');

export const unavailable = (error: StoreUnavailableError): StatusError =>
  new StatusError('ServiceUnavailable', error.message, { cause: error });
