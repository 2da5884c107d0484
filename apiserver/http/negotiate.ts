// Which form an answer takes: the Accept header → one of the forms that the server has.
// Pure; results are remembered, since clients send the same few headers over and over.

import { StatusError } from '../../machinery/errors.ts';

export type MediaType = 'json' | 'yaml' | 'protobuf';

export interface Form {
  readonly media: MediaType;
  /** A view of the object instead of the object. */
  readonly as?: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';
  /** `v1` or `v1beta1`, of `as`. */
  readonly version?: string;
}

export const CONTENT_TYPES: Readonly<Record<MediaType, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

const JSON_FORM: Form = { media: 'json' };
/** Headers come from clients: a hostile one must not fill the memory. */
const REMEMBERED_MAX = 200;
const VIEWS: ReadonlySet<string> = new Set([
  'Table',
  'PartialObjectMetadata',
  'PartialObjectMetadataList',
]);

const remembered = new Map<string, readonly Form[]>();

/** The best form that the client accepts. `NotAcceptable` when there is none. */
export function formOf(accept: string | undefined): Form {
  const [first] = formsOf(accept);
  if (first === undefined) throw notAcceptable();
  return first;
}

/** Every form that the client accepts, best first. */
export function formsOf(accept: string | undefined): readonly Form[] {
  if (accept === undefined || accept === '' || accept === 'application/json') return [JSON_FORM];
  const known = remembered.get(accept);
  if (known !== undefined) return known;
  const forms = parseAccept(accept);
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  remembered.set(accept, forms);
  return forms;
}

export const notAcceptable = (): StatusError =>
  new StatusError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml, ' +
      'application/vnd.kubernetes.protobuf',
  );

function parseAccept(accept: string): readonly Form[] {
  const weighted = accept.split(',').flatMap((clause) => {
    const [type = '', ...rest] = clause.split(';').map((word) => word.trim());
    const parameters = new Map(rest.map(parameterOf));
    const form = formOfClause(type.toLowerCase(), parameters);
    return form === undefined ? [] : [{ form, weight: Number(parameters.get('q') ?? 1) }];
  });
  const wanted = weighted.filter(({ weight }) => weight > 0);
  return wanted.sort((a, b) => b.weight - a.weight).map(({ form }) => form);
}

const parameterOf = (word: string): [name: string, value: string] => {
  const equals = word.indexOf('=');
  return equals < 0 ? [word, ''] : [word.slice(0, equals).trim(), word.slice(equals + 1).trim()];
};

function formOfClause(type: string, parameters: ReadonlyMap<string, string>): Form | undefined {
  const media = mediaOf(type);
  const as = parameters.get('as');
  if (media === undefined) return undefined;
  if (as === undefined) return { media };
  const version = parameters.get('v') ?? 'v1';
  const isView = VIEWS.has(as) && parameters.get('g') === 'meta.k8s.io';
  if (!isView || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  return { media, as: as as NonNullable<Form['as']>, version };
}

function mediaOf(type: string): MediaType | undefined {
  switch (type) {
    case '*/*':
    case 'application/*':
    case 'application/json':
      return 'json';
    case 'application/yaml':
      return 'yaml';
    case 'application/vnd.kubernetes.protobuf':
      return 'protobuf';
    default:
      return undefined;
  }
}
