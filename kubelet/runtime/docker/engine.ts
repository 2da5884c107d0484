// The connection to one Docker engine.
// No agent of our own: docker-modem inspects its whole request for a debug text, agent included.

import type Dockerode from 'dockerode';
import { loadDockerode } from './load.ts';

/** Which engine, and whose containers: everything this node makes carries these two labels. */
export interface DockerOptions {
  readonly socketPath: string;
  readonly cluster: string;
  readonly node: string;
  readonly podCidr: string;
  readonly mtu: number;
  /** Ready sandboxes kept in stock. */
  readonly poolSize: number;
}

export function connect(socketPath: string): Dockerode {
  const Docker = loadDockerode();
  // A host from the environment would win over the socket; an explicit nothing keeps it out.
  return new Docker({ socketPath, host: undefined } as Dockerode.DockerOptions);
}

const statusOf = (error: unknown): number | undefined =>
  (error as { statusCode?: number } | undefined)?.statusCode;

export const isNotFound = (error: unknown): boolean => statusOf(error) === 404;
export const isConflict = (error: unknown): boolean => statusOf(error) === 409;
/** The engine's "nothing to do": started already, stopped already. */
export const isNotModified = (error: unknown): boolean => statusOf(error) === 304;

/** What the engine said, without the client's frame around it. */
export function messageOf(error: unknown): string {
  const said = (error as { json?: { message?: unknown } } | undefined)?.json?.message;
  if (typeof said === 'string') return said;
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
}

/** The answer, or undefined when what was asked about is gone. */
export async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Removal is a wish about the end state: gone, and being removed by another, are both fine. */
export async function removeForce(docker: Dockerode, id: string): Promise<void> {
  try {
    await docker.getContainer(id).remove({ force: true, v: true });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** The engine's zero time means "never". */
export function timeOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '' || text.startsWith('0001-')) return undefined;
  return Date.parse(text);
}
