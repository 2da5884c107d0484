// All that the kubelet holds in memory about one pod. Nothing in here must survive a restart:
// the pod is in the API, its sandbox and containers are in the engine.

import { deepEqual } from '../../machinery/equality.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import type { Container, PodRef, Sandbox } from '../runtime/runtime.ts';
import type { CrashBackOff } from './back-off.ts';
import type { Ending, Health, PodView, Verdict, Waiting } from './view.ts';

const LAST_WORDS_MAX = 100; // Runs whose last words are kept: more than any pod has containers.

export class PodRecord {
  readonly ref: PodRef;
  /** The newest that was seen; undefined once it is gone from the API. */
  pod: Pod | undefined;
  isAdmitted = false;
  /** The final delete was sent: all that is left is to wait for the API to tell it. */
  isReleased = false;
  /** Volumes and files under /etc are as the pod and its sources want them. */
  areFilesFresh = false;
  verdict: Verdict | undefined;
  /** Address of the last sandbox, which may be gone before anybody was told. */
  lastIp = '';
  readonly sandboxes = new Map<string, Sandbox>();
  readonly containers = new Map<string, Container>();
  readonly crashes = new Map<string, CrashBackOff>();
  readonly waiting = new Map<string, Waiting>();
  readonly health = new Map<string, Health>();
  readonly endings = new Map<string, Ending>();
  /** Containers, by id, whose postStart hook still runs. */
  readonly greeting = new Set<string>();
  readonly lastWords = new Map<string, string>();

  constructor(ref: PodRef) {
    this.ref = ref;
  }

  /** Takes the pod unless a newer state of it is known already. */
  see(pod: Pod): boolean {
    const before = this.pod;
    if (revisionOf(pod) < revisionOf(before)) return false;
    const { labels, annotations } = pod.metadata;
    const isRelabelled =
      !deepEqual(labels, before?.metadata.labels) ||
      !deepEqual(annotations, before?.metadata.annotations);
    if (isRelabelled) this.areFilesFresh = false; // The downward API may show them.
    this.pod = pod;
    return true;
  }

  /** A run that has ended never runs again: what says so is newer. */
  addContainer(container: Container): void {
    if (this.containers.get(container.id)?.state === 'exited') return;
    this.containers.set(container.id, container);
  }

  dropContainer(id: string): void {
    this.containers.delete(id);
    this.health.delete(id);
    this.endings.delete(id);
    this.greeting.delete(id);
    this.lastWords.delete(id);
  }

  /** Where to reach the container; '' when its sandbox is gone. */
  ipOf(container: Container, nodeIp: string): string {
    if (this.pod?.spec.hostNetwork) return nodeIp;
    return this.sandboxes.get(container.sandboxId)?.ip ?? '';
  }

  rememberLastWords(id: string, words: string): void {
    if (this.lastWords.size < LAST_WORDS_MAX) this.lastWords.set(id, words);
  }

  view(pod: Pod, nowMs: number, nodeIp: string): PodView {
    return {
      pod,
      nowMs,
      nodeIp,
      lastIp: this.lastIp,
      sandboxes: [...this.sandboxes.values()],
      containers: [...this.containers.values()],
      crashes: this.crashes,
      waiting: this.waiting,
      health: this.health,
      endings: this.endings,
      greeting: this.greeting,
      lastWords: this.lastWords,
      verdict: this.verdict,
    };
  }
}

const revisionOf = (pod: Pod | undefined): number => Number(pod?.metadata.resourceVersion ?? 0);
