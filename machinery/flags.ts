// Flags are data: one table gives parsing, types and --help.
//   parseFlags({ listen: text('127.0.0.1:0', 'address to serve on') }, argv) → frozen config
// `--name=value`, `--name value`; a boolean is `--name` or `--name=false`.

export interface Flag<T> {
  readonly fallback: T;
  readonly help: string;
  /** What --help shows for the value; absent for booleans, which need none. */
  readonly placeholder?: string;
  parse(text: string): T;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;

export type Config<F extends Flags> = {
  readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never;
};

/** The command line is wrong: say why, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Somebody asked for --help: print the message, exit 0. */
export class HelpRequest extends Error {
  override readonly name = 'HelpRequest';
}

export const text = (fallback: string, help: string): Flag<string> => ({
  fallback,
  help,
  placeholder: 'text',
  parse: (value) => value,
});

export const integer = (fallback: number, help: string): Flag<number> => ({
  fallback,
  help,
  placeholder: 'number',
  parse(value) {
    const parsed = Number(value);
    if (value.trim() === '' || !Number.isSafeInteger(parsed)) {
      throw new UsageError(`want an integer, got "${value}"`);
    }
    return parsed;
  },
});

export const number = (fallback: number, help: string): Flag<number> => ({
  fallback,
  help,
  placeholder: 'number',
  parse(value) {
    const parsed = Number(value);
    if (value.trim() === '' || !Number.isFinite(parsed)) {
      throw new UsageError(`want a number, got "${value}"`);
    }
    return parsed;
  },
});

export const boolean = (fallback: boolean, help: string): Flag<boolean> => ({
  fallback,
  help,
  parse(value) {
    if (value !== 'true' && value !== 'false') {
      throw new UsageError(`want true or false, got "${value}"`);
    }
    return value === 'true';
  },
});

/** Comma-separated; empty text is the empty list. */
export const list = (fallback: readonly string[], help: string): Flag<readonly string[]> => ({
  fallback,
  help,
  placeholder: 'a,b,...',
  parse: (value) => (value === '' ? [] : value.split(',').map((item) => item.trim())),
});

export const choice = <const C extends string>(
  choices: readonly C[],
  fallback: NoInfer<C>,
  help: string,
): Flag<C> => ({
  fallback,
  help,
  placeholder: choices.join('|'),
  parse(value) {
    const chosen = choices.find((one) => one === value);
    if (chosen === undefined) {
      throw new UsageError(`want one of ${choices.join(', ')}, got "${value}"`);
    }
    return chosen;
  },
});

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds in the config; `1h30m`, `40s`, `1.5s`, `20ms` on the command line. */
export const duration = (fallbackMs: number, help: string): Flag<number> => ({
  fallback: fallbackMs,
  help,
  placeholder: 'duration',
  parse(value) {
    const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
    if (value !== '0' && (parts.length === 0 || parts.map(([part]) => part).join('') !== value)) {
      throw new UsageError(`want a duration such as 40s, got "${value}"`);
    }
    return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * UNIT_MS[unit]!, 0);
  },
});

/** Throws UsageError, or HelpRequest with the text to print. */
export function parseFlags<F extends Flags>(
  flags: F,
  argv: readonly string[],
  usage = '',
): Config<F> {
  const given = readWords(flags, argv, usage);
  const entries = Object.entries(flags).map(([name, flag]) => {
    const value = given.get(name);
    return [name, value === undefined ? flag.fallback : parsed(name, flag, value)];
  });
  return Object.freeze(Object.fromEntries(entries)) as Config<F>;
}

export function helpText(flags: Flags, usage: string): string {
  const rows = Object.entries(flags).map(([name, flag]) => ({
    left: `  --${name}${flag.placeholder === undefined ? '' : ` <${flag.placeholder}>`}`,
    right: flag.help + defaultText(flag),
  }));
  const width = Math.max(0, ...rows.map(({ left }) => left.length)) + 2;
  const lines = rows.map(({ left, right }) => left.padEnd(width) + right);
  return [...(usage === '' ? [] : [usage, '']), 'Flags:', ...lines].join('\n');
}

/** As one would type it; nothing where the default is that nothing is said. */
function defaultText({ fallback, placeholder }: Flag<unknown>): string {
  const typed = String(fallback);
  if (typed === '' || fallback === false) return '';
  return ` (default ${typed}${placeholder === 'duration' ? 'ms' : ''})`;
}

function readWords(flags: Flags, argv: readonly string[], usage: string): Map<string, string> {
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--help' || word === '-h') throw new HelpRequest(helpText(flags, usage));
    const match = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(word);
    if (!match) throw new UsageError(`want --name=value, got "${word}"`);
    const name = match[1]!;
    if (!Object.hasOwn(flags, name)) throw new UsageError(`unknown flag --${name}`);
    given.set(name, match[2] ?? valueAfter(flags[name]!, name, argv[i + 1]));
    if (match[2] === undefined && flags[name]!.placeholder !== undefined) i++;
  }
  return given;
}

function valueAfter(flag: Flag<unknown>, name: string, next: string | undefined): string {
  if (flag.placeholder === undefined) return 'true';
  if (next === undefined) throw new UsageError(`--${name} needs a value`);
  return next;
}

function parsed(name: string, flag: Flag<unknown>, value: string): unknown {
  try {
    return flag.parse(value);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`--${name}: ${error.message}`);
    throw error;
  }
}
