// A request's body → an object of the kind that the URL names: right kind, right types, only known
// fields, static and computed defaults.

import { badRequest } from '../../machinery/errors.ts';
import { DecodeError, type Decoder } from '../../machinery/schema/decode.ts';
import { type ApiObject, apiVersionOf } from '../../proto/resource.ts';
import type { Kind } from './kind.ts';
import type { Call } from './registry.ts';

type Body = Record<string, unknown>;
type Strictness = Pick<Call, 'fieldValidation' | 'warn'>;

/** Takes `body` over and changes it in place. Throws BadRequest. */
export function decodeObject(
  kind: Kind,
  decoder: Decoder,
  body: unknown,
  strictness: Strictness,
): ApiObject {
  const object = checkedKind(kind, body);
  object.metadata ??= {};
  keepReset(object.metadata);
  reportUnknown(kind, runDecoder(kind, decoder, object), strictness);
  return object as unknown as ApiObject;
}

export function runDecoder(
  kind: Kind,
  decoder: Decoder,
  object: Body,
  extent?: 'partial',
): readonly string[] {
  try {
    return decoder(object, extent).unknown;
  } catch (error) {
    if (error instanceof DecodeError) throw badRequest(`${cannotBe(kind)}: ${error.message}`);
    throw error;
  }
}

export function checkedKind(kind: Kind, body: unknown): Body {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest(`${cannotBe(kind)}: the body is not a JSON object`);
  }
  const object = body as Body;
  const apiVersion = apiVersionOf(kind.resource);
  if (object.apiVersion !== undefined && object.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${String(object.apiVersion)}) does not match the expected API ` +
        `version (${apiVersion})`,
    );
  }
  if (object.kind !== undefined && object.kind !== kind.resource.kind) {
    throw badRequest(
      `${String(object.kind)} in version "${kind.resource.version}" cannot be handled as a ` +
        `${kind.resource.kind}: the URL and the kind in the data do not match`,
    );
  }
  object.kind = kind.resource.kind;
  object.apiVersion = apiVersion;
  return object;
}

/** An empty list of owners is a wish, and empty lists are dropped. */
function keepReset(metadata: unknown): void {
  const body = metadata as { managedFields?: unknown } | null;
  if (Array.isArray(body?.managedFields) && body.managedFields.length === 0) {
    body.managedFields = [{}];
  }
}

function reportUnknown(kind: Kind, unknown: readonly string[], strictness: Strictness): void {
  if (unknown.length === 0 || strictness.fieldValidation === 'Ignore') return;
  const texts = unknown.map((path) => `unknown field "${path}"`);
  if (strictness.fieldValidation === 'Strict') {
    throw badRequest(`${cannotBe(kind)}: strict decoding error: ${texts.join(', ')}`);
  }
  for (const text of texts) strictness.warn?.(text);
}

const cannotBe = ({ resource }: Kind): string =>
  `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}`;
