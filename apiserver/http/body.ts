// A request's body → a JSON value: read within limits, decoded by its content type.
//
//   application/json · application/yaml · application/vnd.kubernetes.protobuf

import type { IncomingMessage } from 'node:http';
import { badRequest, StatusError } from '../../machinery/errors.ts';
import { DecodeError, decode, decodeEnvelope } from '../../proto/codec.ts';
import { decodeJson } from './decode-json.ts';
import { type Exchange, fieldValidationOf, warn } from './exchange.ts';
import { typeOfMessage } from './message-types.ts';

/** As upstream: twice etcd's limit for a value. */
export const BODY_BYTES_MAX = 3 * 1024 * 1024;
/** An alias bomb grows by aliases of aliases; real manifests use few. */
const YAML_ALIASES_MAX = 100;

/** The body as JSON; undefined when there is none. */
export async function readObject(exchange: Exchange): Promise<unknown> {
  const bytes = await readBody(exchange.request);
  if (bytes.length === 0) return undefined;
  const type = mediaTypeOf(exchange.request);
  switch (type) {
    case '':
    case 'application/json':
      return objectOfJson(exchange, bytes);
    case 'application/yaml':
    case 'text/yaml':
      return objectOfYaml(exchange, bytes);
    case 'application/vnd.kubernetes.protobuf':
      return objectOfProtobuf(bytes);
    default:
      throw unsupported(type, ['application/json', 'application/yaml', PROTOBUF]);
  }
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

export const unsupported = (type: string, supported: readonly string[]): StatusError =>
  new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format (${type}) - ` +
      `accepted media types include: ${supported.join(', ')}`,
  );

/** Lower case, without parameters; '' when the client named none. */
export const mediaTypeOf = (request: IncomingMessage): string =>
  (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > BODY_BYTES_MAX) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    // A client that went away, or was too slow, is no fault of ours.
    if (request.complete || error instanceof StatusError) throw error;
    throw badRequest('the body ended too early', { cause: error });
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

const tooLarge = (): StatusError =>
  new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${BODY_BYTES_MAX}`);

export function objectOfJson(exchange: Exchange, bytes: Buffer): unknown {
  const { value, duplicates, hadPrototype } = decodeJson(bytes.toString('utf8'));
  const texts = duplicates.map((path) => `duplicate field "${path}"`);
  if (hadPrototype) texts.push('unknown field "__proto__"');
  if (texts.length > 0) refuseFields(exchange, texts);
  return value;
}

function refuseFields(exchange: Exchange, texts: readonly string[]): void {
  switch (fieldValidationOf(exchange.info.query)) {
    case 'Strict':
      throw badRequest(`strict decoding error: ${texts.join(', ')}`);
    case 'Warn':
      for (const text of texts) warn(exchange, text);
      break;
    case 'Ignore':
      break;
  }
}

export async function objectOfYaml(exchange: Exchange, bytes: Buffer): Promise<unknown> {
  const { parse } = await import('yaml');
  const uniqueKeys = fieldValidationOf(exchange.info.query) === 'Strict';
  try {
    const value: unknown = parse(bytes.toString('utf8'), {
      uniqueKeys,
      maxAliasCount: YAML_ALIASES_MAX,
      schema: 'core',
      version: '1.2',
    });
    // Through JSON: no dates, no maps, no shared references are left.
    return decodeJson(JSON.stringify(value ?? null)).value;
  } catch (error) {
    if (error instanceof StatusError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`couldn't parse the body as YAML: ${why}`, { cause: error });
  }
}

function objectOfProtobuf(bytes: Buffer): unknown {
  try {
    const { apiVersion, kind, raw } = decodeEnvelope(bytes);
    const type = typeOfMessage(apiVersion, kind);
    if (type === undefined) throw badRequest(`no kind "${kind}" is registered for "${apiVersion}"`);
    return { apiVersion, kind, ...decode(type, raw) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw badRequest(`couldn't parse the body as protobuf: ${error.message}`, { cause: error });
  }
}
