import { afterAll, beforeAll, expect, test } from 'vitest';
import { CERTIFICATE_SIGNING_REQUESTS } from '../../proto/generated/resources.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';

let api: InProcessApi;
beforeAll(async () => {
  api = await startInProcessApi();
});
afterAll(() => api.close());

test('a request for a certificate names who really asked, for good', async () => {
  const call = {
    ...api.callTo(CERTIFICATE_SIGNING_REQUESTS),
    user: { name: 'ann', groups: ['team'] },
  };
  const spec = { request: 'YQ==', signerName: 'a.b/c', usages: ['client auth'] };
  const forged = { ...spec, username: 'system:admin', groups: ['system:masters'], uid: '1' };
  const made = await api.registry.create(call, { metadata: { name: 'mine' }, spec: forged });
  expect(made.object).toMatchObject({ spec: { ...spec, username: 'ann', groups: ['team'] } });
  expect(made.object).not.toHaveProperty('spec.uid');
  const body = { metadata: { labels: { a: 'b' } }, spec: { username: 'eve' } };
  const other = { ...call, name: 'mine', user: { name: 'eve', groups: [] } };
  const patched = await api.registry.patch(other, { type: 'merge', body });
  expect(patched.object).toMatchObject({ spec: { username: 'ann', groups: ['team'] } });
});
