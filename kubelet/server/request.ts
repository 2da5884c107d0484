// What a request to the kubelet is about, from its URL. Pure.

import type { LogOptions } from '../runtime/runtime.ts';

export type Target =
  | { readonly type: 'healthz' | 'pods' | 'stats' }
  | {
      readonly type: 'logs' | 'exec' | 'attach';
      readonly namespace: string;
      readonly pod: string;
      readonly container: string;
    }
  | { readonly type: 'portForward'; readonly namespace: string; readonly pod: string };

const FIXED: Readonly<Record<string, 'healthz' | 'pods' | 'stats'>> = {
  '/healthz': 'healthz',
  '/pods': 'pods',
  '/stats/summary': 'stats',
};

const STREAMS: Readonly<Record<string, 'logs' | 'exec' | 'attach'>> = {
  containerLogs: 'logs',
  exec: 'exec',
  attach: 'attach',
};

export function targetOf(pathname: string): Target | undefined {
  const fixed = FIXED[pathname];
  if (fixed) return { type: fixed };
  const [root = '', namespace, pod, container, ...more] = segmentsOf(pathname);
  if (!namespace || !pod || more.length > 0) return undefined;
  if (root === 'portForward' && container === undefined) {
    return { type: 'portForward', namespace, pod };
  }
  const type = STREAMS[root];
  return type && container ? { type, namespace, pod, container } : undefined;
}

function segmentsOf(pathname: string): string[] {
  try {
    return pathname.slice(1).split('/').map(decodeURIComponent);
  } catch {
    return [];
  }
}

export interface LogRequest {
  readonly options: LogOptions;
  readonly isPrevious: boolean;
  readonly bytesMax: number;
}

/** Undefined: the query makes no sense; `why` is not worth more words than that. */
export function logRequestOf(query: URLSearchParams, nowMs: number): LogRequest | undefined {
  const tailLines = countOf(query.get('tailLines'));
  const bytesMax = countOf(query.get('limitBytes'));
  const sinceMs = sinceOf(query, nowMs);
  if (tailLines === null || bytesMax === null || sinceMs === null) return undefined;
  return {
    isPrevious: isTrue(query.get('previous')),
    bytesMax: bytesMax ?? Number.POSITIVE_INFINITY,
    options: {
      follow: isTrue(query.get('follow')),
      timestamps: isTrue(query.get('timestamps')),
      ...(tailLines !== undefined && { tailLines }),
      ...(sinceMs !== undefined && { sinceMs }),
    },
  };
}

export const isTrue = (text: string | null): boolean => text === 'true' || text === '1';

/** Null: not a count. */
function countOf(text: string | null): number | undefined | null {
  if (text === null || text === '') return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function sinceOf(query: URLSearchParams, nowMs: number): number | undefined | null {
  const seconds = countOf(query.get('sinceSeconds'));
  if (seconds === null) return null;
  if (seconds !== undefined) return nowMs - seconds * 1000;
  const time = query.get('sinceTime');
  if (time === null || time === '') return undefined;
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? null : ms;
}
