import { expect, test } from 'vitest';
import { Faults } from '../../machinery/validation.ts';
import type { ObjectMeta } from '../../proto/generated/meta.v1.ts';
import { SeededRandom } from '../../test/sim/seeded-random.ts';
import { configMapKind } from '../kinds/configuration.ts';
import { serviceKind } from '../kinds/service.ts';
import { eraseKind } from './kind.ts';
import {
  generatedName,
  isSpecChanged,
  prepareMetadataUpdate,
  validateMetadata,
  validateMetadataUpdate,
} from './metadata.ts';

const KIND = eraseKind(configMapKind);
const meta = (rest: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name: 'a',
  namespace: 'default',
  ...rest,
});
const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' };

function faultsOf(metadata: ObjectMeta, kind = KIND): string[] {
  const faults = new Faults();
  validateMetadata(metadata, kind, faults);
  return faults.causes.map(({ field, message }) => `${field}: ${message}`);
}

test('what is right has no faults', () => {
  const metadata = meta({
    name: 'a.b-c',
    labels: { 'example.com/a': 'b', c: '' },
    annotations: { 'Example.com/Any': 'any text at all' },
    ownerReferences: [{ ...owner, controller: true }, owner],
    finalizers: ['orphan', 'example.com/hold'],
  });
  expect(faultsOf(metadata)).toEqual([]);
});

test.each<[string, Partial<ObjectMeta>]>([
  ['metadata.name: Required value: name or generateName is required', { name: '' }],
  ['metadata.namespace: Required value', { namespace: '' }],
  [
    'metadata.annotations: Too long: may not be more than 262144 bytes',
    { annotations: { a: 'x'.repeat(262_144) } },
  ],
  [
    'metadata.ownerReferences[0].uid: Invalid value: "": must not be empty',
    { ownerReferences: [{ ...owner, uid: '' }] },
  ],
  [
    'metadata.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    { finalizers: ['mine'] },
  ],
  [
    'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: ' +
      'finalizer orphan and foregroundDeletion cannot be both set',
    { finalizers: ['orphan', 'foregroundDeletion'] },
  ],
])('%s', (fault, rest) => {
  expect(faultsOf(meta(rest))).toEqual([fault]);
});

test('one controller is enough', () => {
  const ownerReferences = [
    { ...owner, controller: true },
    { ...owner, name: 'q', controller: true },
  ];
  expect(faultsOf(meta({ ownerReferences }))[0]).toContain(
    'Only one reference can have Controller set to true. Found "true" in references for p and q',
  );
});

test('a name follows the rule of its kind', () => {
  expect(faultsOf(meta({ name: 'A' }))[0]).toContain(
    'metadata.name: Invalid value: "A": a lowercase',
  );
  expect(faultsOf(meta({ name: '1a' }), eraseKind(serviceKind))[0]).toContain('DNS-1035');
  expect(faultsOf(meta({ name: 'web-x', generateName: 'web-' }))).toEqual([]);
});

test('an update may leave out what the server set, and may not change it', () => {
  const previous = meta({ uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', generation: 3 });
  const silent = meta();
  prepareMetadataUpdate(silent, previous);
  expect(silent).toEqual(previous);
  const faults = new Faults();
  const changed = { ...previous, creationTimestamp: '2000-01-01T00:00:00Z' };
  validateMetadataUpdate(changed, previous, faults);
  expect(faults.causes).toMatchObject([
    { field: 'metadata.creationTimestamp', message: expect.stringContaining('field is immutable') },
  ]);
});

test('a generated name fits, however long its base is', () => {
  const name = generatedName('x'.repeat(80), new SeededRandom(1));
  expect(name).toHaveLength(63);
});

test('generation counts what is neither metadata nor status', () => {
  const object = { metadata: meta(), spec: { a: 1, b: undefined }, status: { c: 1 } };
  expect(isSpecChanged(object, { metadata: {}, spec: { a: 1 }, status: {} })).toBe(false);
  expect(isSpecChanged(object, { metadata: {}, spec: { a: 2 } })).toBe(true);
  expect(isSpecChanged(object, { metadata: {} })).toBe(true);
});
