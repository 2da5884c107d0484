// The volumes of pods as folders of this node, and how containers mount them.
//
//   <root>/pods/<uid>/volumes/<name>   emptyDir, configMap, secret, projected, downwardAPI
//   hostPath                           the path itself

import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, open, readdir, realpath, rm, stat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import type { Clock } from '../../machinery/clock.ts';
import { wholeValueOf } from '../../machinery/quantity.ts';
import { type Random, suffix } from '../../machinery/random.ts';
import type {
  Container,
  HostPathVolumeSource,
  Pod,
  Volume,
  VolumeProjection,
} from '../../proto/generated/core.v1.ts';
import type { Objects } from '../env/env.ts';
import { expand } from '../env/expansion.ts';
import type { SelfKnowledge } from '../env/field-ref.ts';
import type { Mount } from '../runtime/runtime.ts';
import { writeAtomically } from './atomic-writer.ts';
import { MODE_DEFAULT, type Payload, payloadOf } from './payload.ts';
import { mountTmpfs, unmountTmpfs } from './tmpfs.ts';
import type { Tokens } from './tokens.ts';

/** A volume that cannot be there yet (or ever); the pod waits and is tried again. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
}

export interface VolumesOptions {
  readonly root: string;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly random: Random;
}

export interface MountContext extends SelfKnowledge {
  readonly objects: Objects;
}

export class Volumes {
  readonly #options: VolumesOptions;
  /** Digest of what was written last, by folder: nothing is rewritten that is right already. */
  readonly #written = new Map<string, string>();

  constructor(options: VolumesOptions) {
    this.#options = options;
  }

  folderOf(uid: string): string {
    return join(this.#options.root, 'pods', uid);
  }

  /** When the pod's volumes are due again although nothing changed; undefined: never. */
  refreshMs(uid: string): number | undefined {
    return this.#options.tokens.refreshMs(uid);
  }

  /** Makes all volumes of the pod and brings their files up to date. Idempotent. */
  async prepare(context: MountContext): Promise<void> {
    const volumes = context.pod.spec.volumes ?? [];
    await Promise.all(volumes.map((volume) => this.#prepareOne(volume, context)));
  }

  /** Fetches the pod's tokens, so that `prepare` finds them at hand. */
  async fetchTokens(pod: Pod): Promise<void> {
    const sources = (pod.spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
    await Promise.all(
      sources.map(({ serviceAccountToken }) =>
        serviceAccountToken ? this.#options.tokens.get(pod, serviceAccountToken) : undefined,
      ),
    );
  }

  async mountsOf(
    { pod }: SelfKnowledge,
    spec: Container,
    env: ReadonlyMap<string, string>,
  ): Promise<Mount[]> {
    const mounts: Mount[] = [];
    for (const mount of spec.volumeMounts ?? []) {
      const volume = pod.spec.volumes?.find(({ name }) => name === mount.name);
      if (!volume) throw new VolumeError(`volume "${mount.name}" is not defined`);
      const subPath = mount.subPathExpr
        ? expand(mount.subPathExpr, (name) => env.get(name))
        : (mount.subPath ?? '');
      const base = this.#pathOf(pod, volume);
      const hostPath = subPath === '' ? base : await subPathOf(base, subPath);
      mounts.push({
        hostPath,
        containerPath: isAbsolute(mount.mountPath) ? mount.mountPath : `/${mount.mountPath}`,
        isReadOnly: (mount.readOnly ?? false) || isProjected(volume),
        ...(mount.mountPropagation === 'HostToContainer' && { propagation: 'rslave' as const }),
        ...(mount.mountPropagation === 'Bidirectional' && { propagation: 'rshared' as const }),
      });
    }
    return mounts;
  }

  /** Removes all that the pod had here. */
  async remove(uid: string): Promise<void> {
    const folder = this.folderOf(uid);
    const volumes = join(folder, 'volumes');
    for (const name of await readdir(volumes).catch(() => [])) {
      await unmountTmpfs(join(volumes, name));
    }
    for (const path of this.#written.keys()) {
      if (path.startsWith(`${folder}/`)) this.#written.delete(path);
    }
    await rm(folder, { recursive: true, force: true });
    this.#options.tokens.forget(uid);
  }

  /** Uids that have a folder here. */
  async present(): Promise<readonly string[]> {
    return readdir(join(this.#options.root, 'pods')).catch(() => []);
  }

  #pathOf(pod: Pod, { name, hostPath }: Volume): string {
    if (hostPath) return hostPath.path;
    return join(this.folderOf(pod.metadata.uid ?? ''), 'volumes', name);
  }

  async #prepareOne(volume: Volume, context: MountContext): Promise<void> {
    const path = this.#pathOf(context.pod, volume);
    const group = context.pod.spec.securityContext?.fsGroup;
    if (volume.hostPath) return prepareHostPath(volume.hostPath);
    if (isProjected(volume)) return this.#project(path, volume, { ...context, group });
    if (volume.emptyDir || Object.keys(volume).length === 1) {
      const { medium = '', sizeLimit } = volume.emptyDir ?? {};
      const isNew = (await mkdir(path, { recursive: true })) !== undefined;
      if (medium === 'Memory') await mountTmpfs(path, wholeValueOf(sizeLimit));
      if (!isNew) return;
      if (group !== undefined) await chown(path, -1, group);
      await chmod(path, group === undefined ? 0o777 : 0o2777);
      return;
    }
    const kind = Object.keys(volume).find((key) => key !== 'name');
    throw new VolumeError(`volume "${volume.name}": this node has no ${kind} volumes`);
  }

  async #project(
    path: string,
    volume: Volume,
    context: MountContext & { readonly group: number | undefined },
  ): Promise<void> {
    const { sources, mode } = projectionOf(volume);
    const tokens = new Map<string, string>();
    for (const { serviceAccountToken: wanted } of sources) {
      if (wanted) tokens.set(wanted.path, await this.#options.tokens.get(context.pod, wanted));
    }
    const answer = payloadOf(sources, mode, { ...context, tokens });
    if (!answer.isOk) {
      throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${answer.why}`);
    }
    const digest = digestOf(answer.payload);
    if (this.#written.get(path) === digest) return;
    const { clock, random } = this.#options;
    const version = `${clock.now()}.${suffix(random)}`;
    await writeAtomically(path, answer.payload, { version, group: context.group });
    this.#written.set(path, digest);
  }
}

const isProjected = ({ configMap, secret, projected, downwardAPI }: Volume): boolean =>
  Boolean(configMap || secret || projected || downwardAPI);

/** Every kind of projecting volume is a projected volume with one source. */
function projectionOf({ configMap, secret, projected, downwardAPI }: Volume): {
  readonly sources: readonly VolumeProjection[];
  readonly mode: number;
} {
  if (configMap) return { sources: [{ configMap }], mode: configMap.defaultMode ?? MODE_DEFAULT };
  if (downwardAPI) {
    return { sources: [{ downwardAPI }], mode: downwardAPI.defaultMode ?? MODE_DEFAULT };
  }
  if (secret) {
    const { secretName, defaultMode = MODE_DEFAULT, items, optional } = secret;
    const source = {
      ...(secretName !== undefined && { name: secretName }),
      ...(items && { items }),
      ...(optional !== undefined && { optional }),
    };
    return { sources: [{ secret: source }], mode: defaultMode };
  }
  return { sources: projected?.sources ?? [], mode: projected?.defaultMode ?? MODE_DEFAULT };
}

function digestOf(payload: Payload): string {
  const hash = createHash('sha256');
  for (const [path, { content, mode }] of payload) {
    hash.update(`${path}\0${mode}\0${content.length}\0`).update(content);
  }
  return hash.digest('base64');
}

async function prepareHostPath({ path, type = '' }: HostPathVolumeSource): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (type === 'DirectoryOrCreate' && !info) return void (await mkdir(path, { recursive: true }));
  if (type === 'FileOrCreate' && !info) return (await open(path, 'a', 0o644)).close();
  if (type === '') {
    // The engine wants the source of a bind to exist; an untyped path may be a folder to make.
    if (!info) await mkdir(path, { recursive: true });
    return;
  }
  const isRight: Record<string, boolean | undefined> = {
    Directory: info?.isDirectory(),
    DirectoryOrCreate: info?.isDirectory(),
    File: info?.isFile(),
    FileOrCreate: info?.isFile(),
    Socket: info?.isSocket(),
    CharDevice: info?.isCharacterDevice(),
    BlockDevice: info?.isBlockDevice(),
  };
  if (!isRight[type]) throw new VolumeError(`hostPath type check failed: ${path} is not a ${type}`);
}

/** A part of a volume. A link inside the volume must not lead out of it. */
async function subPathOf(base: string, subPath: string): Promise<string> {
  const parts = subPath.split('/');
  if (isAbsolute(subPath) || parts.includes('..')) {
    throw new VolumeError(`subPath "${subPath}" must stay within its volume`);
  }
  const wanted = join(base, subPath);
  const root = await realpath(base);
  if (!(await stat(wanted).catch(() => undefined))) await mkdir(wanted, { recursive: true });
  const real = await realpath(wanted);
  const inside = relative(root, real);
  if (inside === '..' || inside.startsWith('../') || isAbsolute(inside)) {
    throw new VolumeError(`subPath "${subPath}" leads out of its volume`);
  }
  return real;
}
