import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SCHEMA } from '../../proto/generated/schema.ts';
import { applyStrategicMergePatch } from './strategic-merge.ts';

const POD = 'io.k8s.api.core.v1.Pod';
const DEPLOYMENT = 'io.k8s.api.apps.v1.Deployment';
const patched = (type: string, current: object, patch: object) =>
  applyStrategicMergePatch(SCHEMA, type, current, patch);
const podWith = (...containers: object[]) => ({ spec: { containers } });

const A = { name: 'A', value: '1' };
const B = { name: 'B', value: '2' };

test('containers and variables merge by name; what the patch names stands in front', () => {
  const current = podWith({ name: 'web', image: 'web:1', env: [A] });
  const patch = podWith({ name: 'web', image: 'web:2', env: [B] }, { name: 'log', image: 'log:1' });
  expect(patched(POD, current, patch)).toEqual(
    podWith({ name: 'web', image: 'web:2', env: [B, A] }, { name: 'log', image: 'log:1' }),
  );
});

test('lists without a merge strategy are replaced', () => {
  const current = podWith({ name: 'web', args: ['a', 'b'] });
  expect(patched(POD, current, podWith({ name: 'web', args: ['c'] }))).toEqual(
    podWith({ name: 'web', args: ['c'] }),
  );
});

test('$patch: delete removes an element, and is harmless where it is absent', () => {
  const current = podWith({ name: 'a' }, { name: 'b' });
  const patch = podWith({ name: 'a', $patch: 'delete' }, { name: 'z', $patch: 'delete' });
  expect(patched(POD, current, patch)).toEqual(podWith({ name: 'b' }));
  expect(patched(POD, { spec: {} }, patch)).toEqual(podWith());
});

test('$patch: replace replaces an object or a whole list', () => {
  const current = { metadata: { labels: { a: '1' } }, ...podWith({ name: 'a' }, { name: 'b' }) };
  const patch = {
    metadata: { labels: { $patch: 'replace', b: '2' } },
    ...podWith({ $patch: 'replace' }, { name: 'c' }),
  };
  expect(patched(POD, current, patch)).toEqual({
    metadata: { labels: { b: '2' } },
    ...podWith({ name: 'c' }),
  });
});

test('null removes a field, also one that is absent or inside something new', () => {
  const current = { spec: { nodeName: 'n1', containers: [] } };
  const patch = { spec: { nodeName: null, hostname: null, affinity: { podAffinity: null } } };
  expect(patched(POD, current, patch)).toEqual({ spec: { containers: [], affinity: {} } });
});

test('lists of plain values merge as sets, and lose what $deleteFromPrimitiveList names', () => {
  const current = { metadata: { finalizers: ['a', 'b'] } };
  expect(patched(POD, current, { metadata: { finalizers: ['b', 'c'] } })).toEqual({
    metadata: { finalizers: ['a', 'b', 'c'] },
  });
  const remove = { metadata: { '$deleteFromPrimitiveList/finalizers': ['a', 'x'] } };
  expect(patched(POD, current, remove)).toEqual({ metadata: { finalizers: ['b'] } });
});

test('$retainKeys drops what the new choice excludes', () => {
  const current = {
    spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } }, replicas: 3 },
  };
  const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
  expect(patched(DEPLOYMENT, current, patch)).toEqual({
    spec: { strategy: { type: 'Recreate' }, replicas: 3 },
  });
  const wrong = { spec: { strategy: { $retainKeys: [], type: 'Recreate' } } };
  expect(() => patched(DEPLOYMENT, current, wrong)).toThrow(/does not name the field type/);
});

test('$setElementOrder orders the list; unnamed elements keep their neighbourhood', () => {
  const current = podWith({ name: 'a' }, { name: 'server' }, { name: 'b' });
  const patch = {
    spec: {
      '$setElementOrder/containers': [{ name: 'b' }, { name: 'new' }, { name: 'a' }],
      containers: [{ name: 'new', image: 'x' }],
    },
  };
  expect(patched(POD, current, patch)).toEqual(
    podWith({ name: 'server' }, { name: 'b' }, { name: 'new', image: 'x' }, { name: 'a' }),
  );
});

test('$setElementOrder must name what the patch sets, in its order', () => {
  const patch = {
    spec: {
      '$setElementOrder/containers': [{ name: 'a' }],
      containers: [{ name: 'b', image: 'x' }],
    },
  };
  expect(() => patched(POD, podWith({ name: 'a' }), patch)).toThrow(/does not match/);
});

test.each([
  [podWith({ image: 'x' }), /merge key: name/],
  [{ spec: { $patch: 'explode' } }, /unknown directive/],
  [JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}'), /__proto__/],
  [[], /must be an object/],
])('%j is refused', (patch, why) => {
  expect(() => patched(POD, podWith({ name: 'a' }), patch)).toThrow(why);
});

test('conditions merge by type, maps of quantities by key, unknown fields as plain JSON', () => {
  const current = {
    status: {
      conditions: [
        { type: 'Ready', status: 'False' },
        { type: 'Init', status: 'True' },
      ],
    },
    spec: { overhead: { cpu: '1' } },
  };
  const patch = {
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
    spec: { overhead: { memory: '1Gi' }, unheardOf: { list: [{ a: 1 }] } },
  };
  expect(patched(POD, current, patch)).toEqual({
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Init', status: 'True' },
      ],
    },
    spec: { overhead: { cpu: '1', memory: '1Gi' }, unheardOf: { list: [{ a: 1 }] } },
  });
});

const NAME = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const CONTAINERS = fc.uniqueArray(
  fc.record({ name: NAME, image: fc.constantFrom('x', 'y') }, { requiredKeys: ['name'] }),
  { selector: ({ name }) => name },
);

test('merging keeps every element, prefers the patch, repeats harmlessly and touches no input', () => {
  fc.assert(
    fc.property(CONTAINERS, CONTAINERS, (before, after) => {
      const inputs = structuredClone({ before, after });
      const result = patched(POD, podWith(...before), podWith(...after)) as ReturnType<
        typeof podWith
      >;
      const names = (list: readonly object[]) => list.map((one) => (one as { name: string }).name);
      const merged = new Map(before.map((one) => [one.name, one]));
      for (const one of after) merged.set(one.name, { ...merged.get(one.name), ...one });
      expect(new Set(result.spec.containers)).toEqual(new Set(merged.values()));
      expect(names(result.spec.containers).filter((name) => names(after).includes(name))).toEqual(
        names(after),
      );
      expect(patched(POD, result, podWith(...after))).toEqual(result);
      expect({ before, after }).toEqual(inputs);
    }),
  );
});

test('any JSON is merged or refused, and no prototype changes', () => {
  const key = fc.constantFrom('spec', 'containers', 'name', '$patch', '$retainKeys', '__proto__');
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('delete', 'replace', 'merge', null, 1, 'x'),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc
        .array(fc.tuple(key, tie('tree')), { maxLength: 4 })
        .map((entries) =>
          JSON.parse(`{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)}}`),
        ),
    ),
  }));
  fc.assert(
    fc.property(tree, tree, (current, patch) => {
      try {
        patched(POD, current as object, patch as object);
      } catch (error) {
        expect(error).toHaveProperty('reason', 'BadRequest');
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
  );
});
