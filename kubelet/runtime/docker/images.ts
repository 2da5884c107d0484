// Images of one engine, by the names that pods use.

import { Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import type { Image } from '../runtime.ts';
import { messageOf, unlessGone } from './engine.ts';
import { drain, PAUSE_IMAGE, pauseTar } from './pause.ts';

export async function ensurePauseImage(docker: Dockerode, architecture: string): Promise<void> {
  if (await unlessGone(docker.getImage(PAUSE_IMAGE).inspect())) return;
  const [repo, tag] = PAUSE_IMAGE.split(':');
  const tar = Readable.from([pauseTar(architecture)]);
  await drain((await docker.importImage(tar, { repo, tag })) as unknown as NodeJS.ReadableStream);
  if (await unlessGone(docker.getImage(PAUSE_IMAGE).inspect())) return;
  throw new Error(`the engine did not keep the image ${PAUSE_IMAGE}`);
}

export async function findImage(docker: Dockerode, name: string): Promise<Image | undefined> {
  const info = await unlessGone(docker.getImage(name).inspect());
  return (
    info && {
      id: info.Id,
      names: info.RepoTags ?? [],
      digests: info.RepoDigests ?? [],
      sizeBytes: info.Size,
      user: info.Config?.User ?? '',
    }
  );
}

export async function listImages(docker: Dockerode): Promise<readonly Image[]> {
  const infos = await docker.listImages();
  return infos.map((info) => ({
    id: info.Id,
    names: (info.RepoTags ?? []).filter((name) => name !== '<none>:<none>'),
    digests: (info.RepoDigests ?? []).filter((name) => !name.startsWith('<none>')),
    sizeBytes: info.Size,
    user: '',
  }));
}

/** Pulls and answers the image; an error of the registry comes within the stream, not before. */
export async function pull(docker: Dockerode, name: string, signal: AbortSignal): Promise<Image> {
  let told: string;
  try {
    told = await drain(
      (await docker.pull(withTag(name), { abortSignal: signal })) as NodeJS.ReadableStream,
    );
  } catch (error) {
    throw new Error(messageOf(error), { cause: error });
  }
  for (const line of told.split('\n')) {
    const failure = errorIn(line);
    if (failure !== undefined) throw new Error(failure);
  }
  const image = await findImage(docker, name);
  if (!image) throw new Error(`the engine pulled ${name} and does not have it`);
  return image;
}

/** Without a tag the engine would pull all of them. */
function withTag(name: string): string {
  const last = name.slice(name.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? name : `${name}:latest`;
}

function errorIn(line: string): string | undefined {
  if (!line.includes('"error"')) return undefined;
  try {
    const { error } = JSON.parse(line) as { error?: string };
    return error;
  } catch {
    return undefined;
  }
}
