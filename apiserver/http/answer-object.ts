// One object in the form that the client accepts: its cached bytes where that is JSON.

import { type ApiObject, apiVersionOf } from '../../proto/resource.ts';
import type { Encoded } from '../registry/registry.ts';
import { send } from './answer.ts';
import type { ResourceExchange } from './exchange.ts';
import { typeOfMessage } from './message-types.ts';
import { CONTENT_TYPES, type Form, formsOf, notAcceptable } from './negotiate.ts';
import { isTrue } from './request-info.ts';
import { includeOf, metadataOnly, tableOf } from './table.ts';

/** A JSON form is preferred wherever one is accepted: it costs nothing. */
export function formFor({ request }: ResourceExchange): Form {
  const forms = formsOf(request.headers.accept);
  const [best] = forms;
  if (best === undefined) throw notAcceptable();
  return best.media === 'protobuf' ? (forms.find(isPlainJson) ?? best) : best;
}

const isPlainJson = (form: Form): boolean => form.media === 'json' && form.as === undefined;

export async function answerObject(
  exchange: ResourceExchange,
  item: Encoded,
  { code = 200, nowMs }: { readonly code?: number; readonly nowMs: number },
): Promise<void> {
  const { response, kind, info } = exchange;
  const form = formFor(exchange);
  const isPretty = info.query.has('pretty') && isTrue(info.query.get('pretty'));
  if (isPlainJson(form) && !isPretty) {
    return send(response, code, CONTENT_TYPES.json, item.bytes);
  }
  const version = form.version ?? 'v1';
  const viewed = (): object => {
    if (form.as === 'Table') {
      const head = headOf(item.object);
      return tableOf([item.object], head, {
        kind,
        version,
        include: includeOf(info.query),
        nowMs,
      });
    }
    return form.as === undefined ? item.object : metadataOnly(item.object, version);
  };
  const { contentType, bytes } = await encoded(viewed(), form, isPretty);
  send(response, code, contentType, bytes);
}

const headOf = ({ metadata }: ApiObject) =>
  metadata?.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion };

/** Views have no protobuf form here; they fall back to JSON, which such clients read too. */
export async function encoded(
  value: object,
  form: Form,
  isPretty = false,
): Promise<{ readonly contentType: string; readonly bytes: Buffer }> {
  if (form.media === 'yaml') {
    const { stringify } = await import('yaml');
    return { contentType: CONTENT_TYPES.yaml, bytes: Buffer.from(stringify(value)) };
  }
  if (form.media === 'protobuf' && form.as === undefined) return protobufOf(value as ApiObject);
  const text = isPretty ? JSON.stringify(value, undefined, 2) : JSON.stringify(value);
  const contentType =
    form.as === undefined
      ? CONTENT_TYPES.json
      : `${CONTENT_TYPES.json};as=${form.as};v=${form.version};g=meta.k8s.io`;
  return { contentType, bytes: Buffer.from(`${text}\n`) };
}

async function protobufOf(
  object: ApiObject,
): Promise<{ readonly contentType: string; readonly bytes: Buffer }> {
  const { encodeEnvelope } = await import('../../proto/codec.ts');
  const { apiVersion = '', kind = '' } = object;
  const type = typeOfMessage(apiVersion, kind);
  if (type === undefined) throw notAcceptable();
  const bytes = encodeEnvelope({ apiVersion, kind, type }, object);
  return { contentType: CONTENT_TYPES.protobuf, bytes: Buffer.from(bytes) };
}

/** `PodList` of `v1`: how a list of a kind calls itself. */
export const listNamesOf = ({ kind: { resource } }: Pick<ResourceExchange, 'kind'>) => ({
  kind: `${resource.kind}List`,
  apiVersion: apiVersionOf(resource),
});
