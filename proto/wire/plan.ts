// Schema tables → what the codec walks: a message's fields in wire order, inlined messages as
// groups of their own. Made once a type, on first use.

import { SCHEMA } from '../generated/schema.ts';
import type { FieldSchema } from '../schema.ts';

export interface FieldNode {
  readonly is: 'field';
  readonly number: number;
  readonly name: string;
  readonly schema: FieldSchema;
}

/** A wire message whose fields JSON shows in the message around it. */
export interface GroupNode {
  readonly is: 'group';
  readonly number: number;
  readonly plan: Plan;
}

export interface Plan {
  /** Ascending by number, as upstream writes them. */
  readonly nodes: readonly (FieldNode | GroupNode)[];
  readonly byNumber: ReadonlyMap<number, FieldNode | GroupNode>;
}

const plans = new Map<string, Plan>();

/** undefined when the tables have no such message. */
export function planOf(type: string): Plan | undefined {
  const known = plans.get(type);
  if (known !== undefined) return known;
  if (!Object.hasOwn(SCHEMA, type)) return undefined;
  const fields = Object.entries(SCHEMA[type]?.fields ?? {}).filter(([, { number }]) => number > 0);
  const plan = planFields(
    fields.map(([name, schema]) => ({ name, schema, via: schema.via ?? [] })),
  );
  plans.set(type, plan);
  return plan;
}

interface PlacedField {
  readonly name: string;
  readonly schema: FieldSchema;
  /** What is left of the way through inlined messages. */
  readonly via: readonly number[];
}

function planFields(fields: readonly PlacedField[]): Plan {
  const nodes: (FieldNode | GroupNode)[] = [];
  const groups = new Map<number, PlacedField[]>();
  for (const { name, schema, via } of fields) {
    const [number, ...rest] = via;
    if (number === undefined) nodes.push({ is: 'field', number: schema.number, name, schema });
    else groups.set(number, [...(groups.get(number) ?? []), { name, schema, via: rest }]);
  }
  for (const [number, inner] of groups) {
    nodes.push({ is: 'group', number, plan: planFields(inner) });
  }
  nodes.sort((a, b) => a.number - b.number);
  return { nodes, byNumber: new Map(nodes.map((node) => [node.number, node])) };
}
