// Images of containers about to start: looked up, or pulled in the background by the pod's policy.
// A pull never holds up a pod's worker; the pod is told when it is over. Failed pulls back off.

import type { Clock } from '../machinery/clock.ts';
import type { Container as ContainerSpec } from '../proto/generated/core.v1.ts';
import { BACK_OFF_MS, BACK_OFF_MS_MAX } from './pods/back-off.ts';
import type { Waiting } from './pods/view.ts';
import type { Image, Runtime } from './runtime/runtime.ts';

const PULLS_MAX = 4; // At once; more would only share the same line.
const FAILURES_KEPT_MAX = 1000;
/** `[host[:port]/]path[:tag][@digest]`; only the host and the tag may have capitals. */
const REFERENCE =
  /^(?=.{1,255}$)(?:[a-zA-Z0-9]+(?:[.-]+[a-zA-Z0-9]+)*(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+|\/)[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;

export interface ImageRequest {
  readonly podUid: string;
  readonly spec: ContainerSpec;
  readonly attempt: number;
}

export type ImageAnswer =
  | { readonly type: 'present'; readonly image: Image; readonly wasPulled: boolean }
  | { readonly type: 'pulling'; readonly isNew: boolean }
  | {
      readonly type: 'refused';
      readonly waiting: Waiting;
      readonly retryAtMs?: number;
      /** First told now: worth an event. */
      readonly isNew: boolean;
    };

interface Failure {
  readonly message: string;
  readonly delayMs: number;
  readonly atMs: number;
  isTold: boolean;
}

export interface ImagesOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onDone: (podUid: string) => void;
}

export class Images {
  readonly #options: ImagesOptions;
  /** By image name: who waits for it. */
  readonly #pulls = new Map<string, Set<string>>();
  readonly #queue: string[] = [];
  #running = 0;
  readonly #failures = new Map<string, Failure>();
  /** Starts whose policy asks for a pull that has been done. */
  readonly #pulledFor = new Map<string, string>();

  constructor(options: ImagesOptions) {
    this.#options = options;
  }

  async ensure(request: ImageRequest): Promise<ImageAnswer> {
    const name = request.spec.image ?? '';
    if (!REFERENCE.test(name)) return refused('InvalidImageName', invalidName(name));
    const policy = policyOf(request.spec);
    const wasPulled = this.#pulledFor.get(tagOf(request)) === name;
    if (policy !== 'Always' || wasPulled) {
      const image = await this.#options.runtime.image(name);
      if (image) return { type: 'present', image, wasPulled };
      if (policy === 'Never') {
        const message = `Container image "${name}" is not present with pull policy of Never`;
        return refused('ErrImageNeverPull', message);
      }
    }
    return this.#pull(name, request);
  }

  /** The start is done, or will never be. */
  forget(podUid: string): void {
    for (const tag of this.#pulledFor.keys()) {
      if (tag.startsWith(`${podUid}/`)) this.#pulledFor.delete(tag);
    }
  }

  #pull(name: string, request: ImageRequest): ImageAnswer {
    const pull = this.#pulls.get(name);
    if (pull) {
      pull.add(tagOf(request));
      return { type: 'pulling', isNew: false };
    }
    const failure = this.#failures.get(name);
    const retryAtMs = failure ? failure.atMs + failure.delayMs : 0;
    if (failure && !failure.isTold) {
      failure.isTold = true;
      const waiting = { reason: 'ErrImagePull', message: failure.message };
      return { type: 'refused', waiting, retryAtMs, isNew: true };
    }
    if (failure && retryAtMs > this.#options.clock.now()) {
      const message = `Back-off pulling image "${name}": ErrImagePull: ${failure.message}`;
      const waiting = { reason: 'ImagePullBackOff', message };
      return { type: 'refused', waiting, retryAtMs, isNew: false };
    }
    this.#pulls.set(name, new Set([tagOf(request)]));
    this.#queue.push(name);
    this.#runQueue();
    return { type: 'pulling', isNew: true };
  }

  #runQueue(): void {
    while (this.#running < PULLS_MAX && this.#queue.length > 0) {
      this.#running++;
      void this.#runOne(this.#queue.shift()!).finally(() => {
        this.#running--;
        this.#runQueue();
      });
    }
  }

  async #runOne(name: string): Promise<void> {
    const { runtime, clock, signal, onDone } = this.#options;
    let isPulled = false;
    try {
      await runtime.pullImage(name, signal);
      this.#failures.delete(name);
      isPulled = true;
    } catch (error) {
      const before = this.#failures.get(name)?.delayMs;
      const why = error instanceof Error ? error.message.trim() : String(error);
      if (this.#failures.size >= FAILURES_KEPT_MAX) this.#failures.clear();
      this.#failures.set(name, {
        message: `failed to pull image "${name}": ${why}`,
        delayMs: before === undefined ? BACK_OFF_MS : Math.min(before * 2, BACK_OFF_MS_MAX),
        atMs: clock.now(),
        isTold: false,
      });
    }
    const tags = this.#pulls.get(name) ?? new Set();
    this.#pulls.delete(name);
    for (const tag of tags) {
      if (isPulled) this.#pulledFor.set(tag, name);
      onDone(tag.slice(0, tag.indexOf('/')));
    }
  }
}

const tagOf = ({ podUid, spec, attempt }: ImageRequest): string =>
  `${podUid}/${spec.name}/${attempt}`;

const refused = (reason: string, message: string): ImageAnswer => ({
  type: 'refused',
  waiting: { reason, message },
  isNew: true,
});

const invalidName = (name: string): string =>
  `Failed to apply default image tag "${name}": couldn't parse image name "${name}": invalid reference format`;

/** The API sets the policy; this is for objects that came another way. */
function policyOf({ image = '', imagePullPolicy }: ContainerSpec): string {
  if (imagePullPolicy) return imagePullPolicy;
  const last = image.slice(image.lastIndexOf('/') + 1);
  return last.endsWith(':latest') || !/[:@]/.test(last) ? 'Always' : 'IfNotPresent';
}
