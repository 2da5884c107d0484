// The engine's events as hints: which container of which pod to look at again.

import type Dockerode from 'dockerode';
import type { RuntimeEvent } from '../runtime.ts';
import { isSandbox, LABEL, parseName } from './names.ts';

const LINE_BYTES_MAX = 1024 * 1024; // An event is about 1 KiB; more is not an event stream.

export interface EngineEvent {
  readonly id: string;
  readonly name: string;
}

export async function* engineEvents(
  docker: Dockerode,
  node: { readonly cluster: string; readonly node: string },
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const stream = await docker.getEvents({
    filters: {
      type: ['container'],
      event: ['die', 'oom', 'destroy'],
      label: [`${LABEL.node}=${node.node}`, `${LABEL.cluster}=${node.cluster}`],
    },
    abortSignal: signal,
  } as Dockerode.GetEventsOptions);
  let rest = '';
  for await (const chunk of stream) {
    rest += String(chunk);
    if (rest.length > LINE_BYTES_MAX) throw new Error('the event stream holds no lines');
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = parseEvent(line);
      if (event) yield event;
    }
  }
}

export function runtimeEventOf({ id, name }: EngineEvent): RuntimeEvent | undefined {
  const owned = parseName(name);
  if (!owned) return undefined;
  return { type: isSandbox(owned) ? 'sandbox' : 'container', podUid: owned.pod.uid, id };
}

function parseEvent(line: string): EngineEvent | undefined {
  if (line === '') return undefined;
  const { Actor: actor } = JSON.parse(line) as {
    Actor?: { ID?: string; Attributes?: { name?: string } };
  };
  if (!actor?.ID) return undefined;
  return { id: actor.ID, name: actor.Attributes?.name ?? '' };
}
