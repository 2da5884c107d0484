// Server-side apply over every wire: the patch type, its force and its manager arrive, and so do
// the causes of a conflict.

import { expect, test } from 'vitest';
import { CONFIG_MAPS } from '../../proto/generated/resources.ts';
import type { InNamespace } from './own-namespace.ts';

export function testApply(inNamespace: InNamespace): void {
  test('applying makes, changes and shares an object; force takes what others own', async () => {
    const { transport, at } = await inNamespace();
    const apply = (fieldManager: string, data: object, force?: boolean) => {
      const body = { metadata: { name: 'a' }, data };
      const patch = { type: 'apply', body, force } as const;
      return transport.patch(CONFIG_MAPS, at('a'), patch, { fieldManager });
    };
    await apply('one', { k: '1' });
    await apply('two', { l: '2' });
    await expect(apply('two', { k: '3', l: '2' })).rejects.toMatchObject({
      reason: 'Conflict',
      code: 409,
      message: 'Apply failed with 1 conflict: conflict with "one": .data.k',
      details: {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.k' },
        ],
      },
    });
    const forced = await apply('two', { k: '3', l: '2' }, true);
    expect(forced.data).toEqual({ k: '3', l: '2' });
    expect(forced.metadata.managedFields?.map(({ manager }) => manager)).toEqual(['two']);
    expect((await apply('two', { l: '2' })).data).toEqual({ l: '2' });
  });

  test('writers are told apart by the managers that they name', async () => {
    const { transport, own, at } = await inNamespace();
    const object = { metadata: { name: 'a', namespace: own }, data: { k: '1' } };
    await transport.create(CONFIG_MAPS, object, { fieldManager: 'maker' });
    const patch = { type: 'merge', body: { data: { l: '2' } } } as const;
    const { metadata } = await transport.patch(CONFIG_MAPS, at('a'), patch, {
      fieldManager: 'mender',
    });
    const owners = metadata.managedFields?.map(({ manager, fieldsV1 }) => [manager, fieldsV1]);
    expect(Object.fromEntries(owners ?? [])).toEqual({
      maker: { 'f:data': { '.': {}, 'f:k': {} } },
      mender: { 'f:data': { 'f:l': {} } },
    });
  });
}
