// What the watch hub keeps caches of: one a stored resource, with the indexes that selectors use.

import type { IndexDefinition } from '../watch/cache.ts';
import type { HubResource } from '../watch/hub.ts';
import type { Kind } from './kind.ts';
import { INDEXED_FIELDS } from './selection.ts';

export const hubResourcesOf = (kinds: readonly Kind[]): readonly HubResource[] =>
  kinds
    .filter(({ view }) => view === undefined)
    .map((kind) => ({ resource: kind.resource, indexes: indexesOf(kind) }));

const indexesOf = ({ fields = {} }: Kind): readonly IndexDefinition[] =>
  INDEXED_FIELDS.filter((name) => Object.hasOwn(fields, name)).map((name) => {
    const getter = fields[name]!;
    const mark = `"${name.slice(name.lastIndexOf('.') + 1)}":`;
    return {
      name,
      // Canonical JSON without the key has no such field: most pods on their way to a node need
      // not be parsed for this.
      valueOf: (item) =>
        asBuffer(item.bytes).includes(mark, 0, 'latin1') ? getter(item.object) : '',
    };
  });

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
