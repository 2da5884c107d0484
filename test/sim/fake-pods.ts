// The least API that a scheduler needs: pods and nodes that change when told, a bind that the test
// may delay, refuse or lose. Changes reach every watcher at once, or when the test says so.

import type { Change, Informer } from '../../client/lister.ts';
import { conflict, notFound } from '../../machinery/errors.ts';
import { keyOf } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Node, Pod, PodCondition } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import type { ApiObject } from '../../proto/resource.ts';

type BindTarget = Parameters<Transport['bind']>[0];
type Handler<T extends ApiObject> = (change: Change<T>) => void;

/** An informer that is told what to see. */
export class FakeInformer<T extends ApiObject> implements Informer<T> {
  readonly isSynced = true;
  revision = 1;
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<Handler<T>>();

  get = (key: string): T | undefined => this.#objects.get(key);
  byIndex = (): readonly T[] => [];
  synced = async (): Promise<void> => {};
  run = async (): Promise<void> => {};

  list(namespace?: string): readonly T[] {
    const all = [...this.#objects.values()];
    return namespace === undefined ? all : all.filter((it) => it.metadata.namespace === namespace);
  }

  onChange(handler: Handler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) handler({ type: 'added', object });
    return () => this.#handlers.delete(handler);
  }

  put(object: T): void {
    const previous = this.#objects.get(keyOf(object));
    this.#objects.set(keyOf(object), object);
    this.#tell(
      previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous },
    );
  }

  remove(key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#objects.delete(key);
    this.#tell({ type: 'deleted', object });
  }

  #tell(change: Change<T>): void {
    this.revision++;
    for (const handler of this.#handlers) handler(change);
  }
}

export class FakePods {
  readonly pods = new FakeInformer<Pod>();
  readonly nodes = new FakeInformer<Node>();
  readonly bindings: { readonly pod: string; readonly node: string }[] = [];
  readonly conditions = new Map<string, PodCondition>();
  /** Runs before a binding takes effect; throw to refuse it. */
  beforeBind: (pod: BindTarget, node: string) => Promise<void> = async () => {};
  /** Runs once it has taken effect; throw to lose the answer. */
  afterBind: (pod: BindTarget, node: string) => Promise<void> = async () => {};
  readonly #truth = new Map<string, Pod>();

  create(pod: Pod): void {
    this.#truth.set(keyOf(pod), pod);
    this.pods.put(pod);
  }

  delete(key: string): void {
    this.#truth.delete(key);
    this.pods.remove(key);
  }

  readonly transport = {
    bind: async (at, nodeName) => {
      await this.beforeBind(at, nodeName);
      const key = `${at.namespace}/${at.name}`;
      const pod = this.#truth.get(key);
      if (pod === undefined) throw notFound(PODS, at.name);
      if (pod.spec.nodeName) throw conflict(PODS, at.name, 'it is bound already');
      if (at.uid !== pod.metadata.uid) throw conflict(PODS, at.name, 'it is another pod');
      this.bindings.push({ pod: key, node: nodeName });
      this.#update({ ...pod, spec: { ...pod.spec, nodeName } });
      await this.afterBind(at, nodeName);
    },
    patch: async (_resource, at, { body }) => {
      const key = `${at.namespace}/${at.name}`;
      const pod = this.#truth.get(key);
      if (pod === undefined) throw notFound(PODS, at.name);
      const { conditions } = (body as Pod).status!;
      this.conditions.set(key, conditions![0]!);
      this.#update({ ...pod, status: { ...pod.status, conditions: conditions! } });
      return pod as never;
    },
  } satisfies Pick<Transport, 'bind' | 'patch'>;

  #update(pod: Pod): void {
    this.#truth.set(keyOf(pod), pod);
    this.pods.put(pod);
  }
}
