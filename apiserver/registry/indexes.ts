// What the watch hub keeps caches of: one a stored resource, with the indexes that selectors use.

import type { IndexDefinition } from '../watch/cache.ts';
import type { HubResource } from '../watch/hub.ts';
import type { Kind } from './kind.ts';
import { INDEXED_FIELDS } from './selection.ts';

export const hubResourcesOf = (kinds: readonly Kind[]): readonly HubResource[] =>
  kinds.map((kind) => ({ resource: kind.resource, indexes: indexesOf(kind) }));

const indexesOf = ({ fields = {} }: Kind): readonly IndexDefinition[] =>
  INDEXED_FIELDS.filter((name) => Object.hasOwn(fields, name)).map((name) => ({
    name,
    valueOf: ({ object }) => fields[name]!(object),
  }));
