import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SCHEMA } from '../../proto/generated/schema.ts';
import { changesBetween, fieldsOfNew } from './changes.ts';
import { conflictError } from './conflict.ts';
import { type FieldSet, subtract } from './field-set.ts';
import { type Entry, entriesAfterUpdate, fieldsOf, parseEntries } from './managers.ts';
import { type ApplyPlan, planApply } from './plan-apply.ts';
import { objectShapes } from './shape.ts';

const shapeOf = objectShapes(SCHEMA);
const DEPLOYMENT = shapeOf('io.k8s.api.apps.v1.Deployment');
const CONFIG_MAP = shapeOf('io.k8s.api.core.v1.ConfigMap');

interface State {
  readonly object: object | undefined;
  readonly entries: readonly Entry[];
}

const NEW: State = { object: undefined, entries: [] };
const T1 = '2026-01-01T00:00:01Z';
const T2 = '2026-01-01T00:00:02Z';

interface Options {
  readonly shape?: typeof DEPLOYMENT;
  readonly force?: boolean;
  readonly time?: string;
}

function plan({ object, entries }: State, name: string, config: object, options: Options = {}) {
  const { shape = DEPLOYMENT, force = false, time = T1 } = options;
  const manager = { name, operation: 'Apply', apiVersion: 'apps/v1' } as const;
  const isWritten = (element: string) => element !== 'f:status';
  return planApply({ shape, live: object, config, entries, manager, force, time, isWritten });
}

function merged(one: ApplyPlan): State {
  if (one.type !== 'merged') throw new Error(JSON.stringify(one));
  return one;
}

const apply = (state: State, name: string, config: object, options: Options = {}): State =>
  merged(plan(state, name, config, options));

function update(state: State, name: string, object: object, shape = DEPLOYMENT): State {
  const changes = changesBetween(shape, state.object ?? {}, object);
  const manager = { name, operation: 'Update', apiVersion: 'apps/v1' } as const;
  return { object, entries: entriesAfterUpdate(state.entries, changes, manager, T2) };
}

const conflictsOf = (one: ApplyPlan): readonly string[] =>
  one.type === 'conflict'
    ? one.conflicts.map(({ owner, field }) => `${owner.manager} ${field}`)
    : [];

const ownedBy = ({ entries }: State, name: string): FieldSet | undefined => {
  const entry = entries.find(({ manager }) => manager === name);
  return entry && fieldsOf(entry);
};

const container = (name: string, more: object = {}) => ({ name, image: 'nginx', ...more });
const config = (spec: object, containers: readonly object[] = [container('web')]) => ({
  metadata: { name: 'a' },
  spec: { ...spec, template: { spec: { containers } } },
});

test('what was applied is there, and owned', () => {
  const state = apply(NEW, 'me', {
    metadata: { name: 'a', labels: { x: '1' } },
    spec: { replicas: 2 },
  });
  expect(state.object).toMatchObject({ metadata: { labels: { x: '1' } }, spec: { replicas: 2 } });
  expect(state.entries).toEqual([
    {
      manager: 'me',
      operation: 'Apply',
      apiVersion: 'apps/v1',
      time: T1,
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:metadata': { 'f:labels': { 'f:x': {} } }, 'f:spec': { 'f:replicas': {} } },
    },
  ]);
});

test('a field that is not applied any more goes, unless somebody else owns it', () => {
  const both = apply(NEW, 'a', config({ replicas: 2, paused: true }));
  const shared = apply(both, 'b', config({ replicas: 2 }));
  const without = apply(shared, 'a', config({}));
  expect(without.object).toMatchObject({ spec: { replicas: 2 } });
  expect(without.object).not.toHaveProperty('spec.paused');
  expect(conflictsOf(plan(without, 'a', config({ replicas: 5 })))).toEqual(['b .spec.replicas']);
  expect(apply(without, 'b', config({})).object).not.toHaveProperty('spec.replicas');
});

test('an element goes as a whole, with the defaults that came into it', () => {
  const applied = apply(NEW, 'a', config({}, [container('web'), container('log')]));
  const defaulted = config({}, [
    container('web', { imagePullPolicy: 'Always' }),
    container('log', { imagePullPolicy: 'Always' }),
  ]);
  const after = apply({ ...applied, object: defaulted }, 'a', config({}));
  expect(after.object).toEqual(config({}, [container('web', { imagePullPolicy: 'Always' })]));
});

test('a struct goes with its defaults when nobody owns anything in it', () => {
  const probe = { httpGet: { port: 80 } };
  const applied = apply(NEW, 'a', config({}, [container('web', { livenessProbe: probe })]));
  const full = { ...probe, periodSeconds: 10 };
  const defaulted = config({}, [container('web', { livenessProbe: full })]);
  const gone = apply({ ...applied, object: defaulted }, 'a', config({}));
  expect(gone.object).toEqual(config({}));
  const edited = update(
    { ...applied, object: defaulted },
    'kubectl-edit',
    config({}, [container('web', { livenessProbe: { ...full, periodSeconds: 5 } })]),
  );
  const left = { periodSeconds: 5 };
  expect(apply(edited, 'a', config({})).object).toEqual(
    config({}, [container('web', { livenessProbe: left })]),
  );
});

test('another value than its owner gave it is a conflict, the same value is shared', () => {
  const mine = apply(NEW, 'me', config({ replicas: 1 }));
  const edited = update(mine, 'kubectl-edit', config({ replicas: 3 }));
  expect(ownedBy(edited, 'me')).not.toHaveProperty('f:spec.f:replicas');
  const refused = plan(edited, 'me', config({ replicas: 1 }));
  expect(conflictsOf(refused)).toEqual(['kubectl-edit .spec.replicas']);
  const error = conflictError(refused.type === 'conflict' ? refused.conflicts : []);
  expect(error.toStatus()).toMatchObject({
    code: 409,
    reason: 'Conflict',
    message:
      'Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas',
    details: {
      causes: [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "kubectl-edit" using apps/v1',
          field: '.spec.replicas',
        },
      ],
    },
  });
  expect(conflictsOf(plan(edited, 'me', config({ replicas: 3 })))).toEqual([]);
});

test('force takes the field, and its old owner loses it', () => {
  const edited = update(apply(NEW, 'me', config({ replicas: 1 })), 'edit', config({ replicas: 3 }));
  const forced = apply(edited, 'me', config({ replicas: 1 }), { force: true });
  expect(forced.object).toMatchObject({ spec: { replicas: 1 } });
  expect(ownedBy(forced, 'edit')).toBeUndefined();
});

test('conflicts of several managers are listed by manager', () => {
  const one = apply(NEW, 'b', config({ replicas: 1 }));
  const two = apply(one, 'a', {
    metadata: { name: 'a' },
    spec: { paused: true, minReadySeconds: 4 },
  });
  const refused = plan(two, 'c', config({ replicas: 2, minReadySeconds: 5 }));
  expect(conflictError(refused.type === 'conflict' ? refused.conflicts : []).message).toBe(
    'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.minReadySeconds\n' +
      'conflicts with "b":\n- .spec.replicas',
  );
});

test('lists merge by key: named elements in their order, others where they were', () => {
  const live = config(
    {},
    ['a', 'b', 'c'].map((name) => container(name)),
  );
  const order = (names: readonly string[]) => {
    const wanted = config(
      {},
      names.map((name) => container(name)),
    );
    const { object } = apply({ object: live, entries: [] }, 'me', wanted, { force: true });
    const { spec } = object as typeof live;
    return spec.template.spec.containers.map((one) => (one as { name: string }).name).join('');
  };
  expect(order(['b'])).toBe('abc');
  expect(order(['c', 'a'])).toBe('bca');
  expect(order(['x', 'a'])).toBe('xabc');
  expect(order(['b', 'x'])).toBe('abcx');
  expect(order(['x'])).toBe('abcx');
});

test('elements without keys and elements twice are refused with their path', () => {
  const refused = plan(NEW, 'me', config({}, [{ image: 'x' }, container('a'), container('a')]));
  expect(refused).toEqual({
    type: 'malformed',
    faults: [
      '.spec.template.spec.containers: element 0: a list with keys has an element that omits ' +
        'all key fields ["name"] (and doesn\'t have default values for any key fields)',
      '.spec.template.spec.containers: duplicate entries for key [name="a"]',
    ],
  });
});

test('who set the fields before the first apply is somebody, too', () => {
  const live = config({ replicas: 3 });
  const state = { object: live, entries: [] };
  expect(conflictsOf(plan(state, 'me', config({ replicas: 1 })))).toEqual([
    'before-first-apply .spec.replicas',
  ]);
  expect(ownedBy(apply(state, 'me', config({ replicas: 3 })), 'before-first-apply')).toBeDefined();
});

test('a status in a manifest is nobody\u2019s through this door', () => {
  const state = apply(NEW, 'me', { ...config({}), status: { replicas: 3 } });
  expect(ownedBy(state, 'me')).not.toHaveProperty('f:status');
});

test('more than ten updaters share one entry, the oldest first', () => {
  let state = apply(NEW, 'me', config({}));
  for (let index = 0; index < 14; index++) {
    const annotations = { ...annotationsOf(state), [`a${index}`]: 'x' };
    const object = { ...state.object, metadata: { name: 'a', annotations } };
    const name = `u${String(index).padStart(2, '0')}`;
    state = update(state, name, object);
  }
  const updaters = state.entries.filter(({ operation }) => operation === 'Update');
  expect(updaters).toHaveLength(10);
  expect(Object.keys(ownedBy(state, 'ancient-changes')!['f:metadata']!['f:annotations']!)).toEqual(
    expect.arrayContaining(['f:a0', 'f:a4']),
  );
  expect(ownedBy(state, 'u13')).toBeDefined();
});

const annotationsOf = ({ object }: State): object =>
  (object as { metadata: { annotations?: object } }).metadata.annotations ?? {};

test('entries that a client wrote are checked', () => {
  const entry = {
    manager: 'x',
    operation: 'Update',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
  } as const;
  expect(parseEntries([{ ...entry, fieldsV1: { 'f:a': {} } }])).toHaveLength(1);
  expect(parseEntries([{ ...entry, fieldsV1: { nonsense: {} } }])).toBeUndefined();
  expect(parseEntries([{ ...entry, fieldsType: 'FieldsV2' }])).toBeUndefined();
});

// Property tests: configurations of a deployment, small enough that they meet.

const keyed = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 });
const configs = fc
  .record(
    {
      replicas: fc.integer({ min: 0, max: 3 }),
      paused: fc.boolean(),
      nodeSelector: fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2')),
      labels: fc.dictionary(fc.constantFrom('x', 'y', '__proto__'), fc.constantFrom('1', '2')),
      finalizers: keyed,
      containers: keyed,
      ports: fc.uniqueArray(fc.constantFrom(80, 81, 82), { maxLength: 3 }),
      image: fc.constantFrom('one', 'two'),
    },
    { requiredKeys: ['containers', 'ports'] },
  )
  .map(({ labels, finalizers, containers, ports, nodeSelector, image, ...spec }) => ({
    metadata: { name: 'a', ...(labels && { labels }), ...(finalizers && { finalizers }) },
    spec: {
      ...spec,
      template: {
        spec: {
          ...(nodeSelector && { nodeSelector }),
          containers: containers.map((name) => ({
            name,
            ...(image && { image }),
            ports: ports.map((containerPort) => ({ containerPort })),
          })),
        },
      },
    },
  }));

const writes = fc.array(
  fc.record({ name: fc.constantFrom('p', 'q', 'r'), wanted: configs, isApply: fc.boolean() }),
  { maxLength: 5 },
);

const forced = { force: true };

const after = (history: typeof writes extends fc.Arbitrary<infer H> ? H : never): State =>
  history.reduce(
    (state, { name, wanted, isApply }) =>
      isApply ? apply(state, name, wanted, forced) : update(state, name, wanted),
    NEW,
  );

test('applying the same again changes nothing at all', () => {
  fc.assert(
    fc.property(writes, configs, (history, wanted) => {
      const once = apply(after(history), 'me', wanted, forced);
      const again = apply(once, 'me', wanted, { time: T2 });
      expect(again.object).toEqual(once.object);
      expect(again.entries).toBe(once.entries);
    }),
  );
});

test('no field that somebody still owns is lost, and every applied value is there', () => {
  fc.assert(
    fc.property(writes, configs, (history, wanted) => {
      const before = after(history);
      const state = apply(before, 'me', wanted, forced);
      // All that is wanted is in the object: laying it over once more changes nothing.
      const all = fieldsOfNew(DEPLOYMENT, state.object ?? {});
      const mine = changesBetween(DEPLOYMENT, state.object ?? {}, wanted).set;
      expect(mine).toEqual({});
      // What others still own is in the object, except the values that say "absent".
      for (const entry of state.entries) {
        if (entry.manager === 'me' || entry.operation === 'Apply') continue;
        expect(subtract(fieldsOf(entry), withParents(all))).toEqual({});
      }
    }),
  );
});

/** Structs around fields count as there: upstream lists them only where they came and went. */
function withParents(fields: FieldSet): FieldSet {
  const out: Record<string, FieldSet> = { '.': {} };
  for (const [element, branch] of Object.entries(fields)) {
    if (element !== '.') out[element] = withParents(branch);
  }
  return out;
}

test('the order of appliers that do not touch each other\u2019s fields does not matter', () => {
  const halves = fc.record({ mine: configs, theirs: configs }).map(({ mine, theirs }) => ({
    mine: { ...mine, spec: { ...mine.spec, template: {} } },
    theirs: { metadata: { name: 'a' }, spec: { template: theirs.spec.template } },
  }));
  fc.assert(
    fc.property(halves, halves, ({ mine, theirs }, later) => {
      const inOrder = (...steps: readonly (readonly [string, object])[]) =>
        steps.reduce((state, [name, wanted]) => apply(state, name, wanted), NEW);
      const one = inOrder(['a', mine], ['b', theirs], ['a', later.mine], ['b', later.theirs]);
      const two = inOrder(['b', theirs], ['a', mine], ['b', later.theirs], ['a', later.mine]);
      expect(two.object).toEqual(one.object);
      expect(two.entries).toEqual(one.entries);
    }),
  );
});

test('who stops applying leaves an object as if it had never been there', () => {
  fc.assert(
    fc.property(configs, fc.dictionary(fc.constantFrom('a', 'b'), fc.string()), (wanted, data) => {
      const before = apply(NEW, 'me', wanted);
      const guest = { metadata: { name: 'a', annotations: { guest: '1', ...data } } };
      const visited = apply(before, 'guest', guest);
      const left = apply(visited, 'guest', { metadata: { name: 'a' } });
      expect(left.object).toEqual(before.object);
      expect(left.entries).toEqual(before.entries);
    }),
  );
});

test('keys of a config map have owners of their own', () => {
  const options = { shape: CONFIG_MAP };
  const one = apply(NEW, 'a', { metadata: { name: 'x' }, data: { k: '1' } }, options);
  const two = apply(one, 'b', { metadata: { name: 'x' }, data: { l: '2' } }, options);
  expect(two.object).toMatchObject({ data: { k: '1', l: '2' } });
  expect(apply(two, 'a', { metadata: { name: 'x' } }, options).object).toMatchObject({
    data: { l: '2' },
  });
  expect(conflictsOf(plan(two, 'a', { data: { k: '1', l: '3' } }, options))).toEqual(['b .data.l']);
});
