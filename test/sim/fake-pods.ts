// The least API that a scheduler needs: pods and nodes that change when told, a bind that the test
// may delay, refuse or lose. Changes reach every watcher at once, or when the test says so.

import { conflict, notFound } from '../../machinery/errors.ts';
import { keyOf } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Node, Pod, PodCondition } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import { FakeInformer } from './fake-informer.ts';

type BindTarget = Parameters<Transport['bind']>[0];
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
