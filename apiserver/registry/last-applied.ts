// The way from client-side apply to server-side apply, as upstream paves it for kubectl: what the
// annotation of the last client-side apply says, and still holds, may be taken from its owner
// without force; and the annotation is kept right, for whoever goes back.

import { appliedFields } from '../../machinery/apply/applied.ts';
import { changesBetween } from '../../machinery/apply/changes.ts';
import type { Conflict } from '../../machinery/apply/conflict.ts';
import { membersOf, subtract } from '../../machinery/apply/field-set.ts';
import { pathTextOf } from '../../machinery/apply/fields-v1.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { Context } from './context.ts';
import { runDecoder } from './decode.ts';
import type { Kind } from './kind.ts';
import { ANNOTATIONS_BYTES_MAX } from './metadata.ts';

const ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';
/** Who wants no part in this names another manager. */
const KUBECTL = 'kubectl';

type World = Pick<Context, 'decoderOf' | 'shapeOf'>;

/** The conflicts that the last client-side apply does not explain. */
export function unexplained(
  world: World,
  kind: Kind,
  { conflicts, live, manager }: Disputed,
): readonly Conflict[] {
  const text = live?.metadata.annotations?.[ANNOTATION];
  if (manager !== KUBECTL || live === undefined || !text) return conflicts;
  const last = configurationOf(world, kind, text);
  if (last === undefined || last.apiVersion !== live.apiVersion) return conflicts;
  const shape = world.shapeOf(kind.resource.type);
  const { set, removed } = changesBetween(shape, last, live);
  const unchanged = subtract(subtract(appliedFields(shape, last).fields, set), removed);
  const explained = new Set([...membersOf(unchanged)].map(pathTextOf));
  return conflicts.filter(({ field }) => !explained.has(field));
}

interface Disputed {
  readonly conflicts: readonly Conflict[];
  readonly live: ApiObject | undefined;
  readonly manager: string;
}

/** An annotation is a client's text: what cannot be read says nothing. */
function configurationOf({ decoderOf }: World, kind: Kind, text: string): ApiObject | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
    runDecoder(kind, decoderOf(kind.resource.type), body as Record<string, unknown>, 'partial');
    return body as ApiObject;
  } catch {
    return undefined;
  }
}

/** Changes `object`, where it has the annotation at all. */
export function keepAnnotation(object: ApiObject, config: ApiObject, manager: string): void {
  const { annotations } = object.metadata;
  if (manager !== KUBECTL || !annotations?.[ANNOTATION]) return;
  const { [ANNOTATION]: _, ...others } = config.metadata.annotations ?? {};
  const metadata = { ...config.metadata, annotations: others };
  const text = `${JSON.stringify({ ...config, metadata })}\n`;
  // Half of what there is for all annotations: others must fit, too.
  if (Buffer.byteLength(text) <= ANNOTATIONS_BYTES_MAX / 2) annotations[ANNOTATION] = text;
  else delete annotations[ANNOTATION];
}
