// /healthz, /livez, /readyz: plain text, one line a check where somebody asks for details.
//
//   /readyz?verbose   every check by name        /readyz/store   one check
//   /readyz?exclude=store                        200 `ok`, or 500 with the checks

export type HealthCheck = () => boolean | Promise<boolean>;

export interface HealthChecks {
  /** What only a restart would mend. */
  readonly live: Readonly<Record<string, HealthCheck>>;
  /** What requests need. */
  readonly ready: Readonly<Record<string, HealthCheck>>;
}

export interface HealthAnswer {
  readonly code: number;
  readonly text: string;
}

const ROUTE = /^\/(healthz|livez|readyz)(?:\/([\w.-]+))?\/?$/;

/** Undefined when the path asks for something else. */
export async function healthAnswer(
  checks: HealthChecks,
  path: string,
  query: URLSearchParams,
): Promise<HealthAnswer | undefined> {
  const [, endpoint, only] = ROUTE.exec(path) ?? [];
  if (endpoint === undefined) return undefined;
  const all = endpoint === 'livez' ? checks.live : { ...checks.live, ...checks.ready };
  if (only !== undefined && !Object.hasOwn(all, only)) return { code: 404, text: 'not found\n' };
  const excluded = new Set(query.getAll('exclude'));
  const chosen = Object.entries(all).filter(
    ([name]) => (only === undefined || name === only) && !excluded.has(name),
  );
  const results = await Promise.all(
    chosen.map(async ([name, check]) => ({ name, isOk: await passes(check) })),
  );
  return verdict(endpoint, results, query.has('verbose'));
}

function verdict(
  endpoint: string,
  results: readonly { readonly name: string; readonly isOk: boolean }[],
  isVerbose: boolean,
): HealthAnswer {
  const isOk = results.every((result) => result.isOk);
  if (isOk && !isVerbose) return { code: 200, text: 'ok' };
  const lines = results.map(({ name, isOk: passed }) =>
    passed ? `[+]${name} ok` : `[-]${name} failed: reason withheld`,
  );
  const end = `${endpoint} check ${isOk ? 'passed' : 'failed'}`;
  return { code: isOk ? 200 : 500, text: `${[...lines, end].join('\n')}\n` };
}

async function passes(check: HealthCheck): Promise<boolean> {
  try {
    return await check();
  } catch {
    return false;
  }
}
