// A fault in a .proto file, told with its place.

import type { Source } from './model.ts';

export class SourceError extends Error {
  constructor(source: Source, line: number, message: string) {
    super(`${source.file}:${line}: ${message}`);
    this.name = 'SourceError';
  }
}

/** The line on which `message.field` (or the message) is declared; 1 when it cannot be found. */
export function lineOf({ text }: Source, message: string, field?: string): number {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => new RegExp(`^\\s*message\\s+${message}\\b`).test(line));
  if (start < 0) return 1;
  if (field === undefined) return start + 1;
  const declared = new RegExp(`\\s${field.replaceAll('$', '\\$')}\\s*=\\s*\\d+`);
  const offset = lines.slice(start).findIndex((line) => declared.test(line));
  return start + 1 + Math.max(offset, 0);
}

const DUPLICATE =
  /^duplicate (?:id (?<id>\d+)|name '(?<name>\w+)') in (?:Type (?<type>\w+)|Namespace)/;

/** Where the parser's `duplicate ...` happened: it names the element but not its line. */
export function lineOfDuplicate({ text }: Source, fault: string): number {
  const { id, name, type } = DUPLICATE.exec(fault)?.groups ?? {};
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`message ${type ?? name} `));
  const again = new RegExp(
    type === undefined ? `^message ${name}\\b` : id === undefined ? `\\b${name} =` : `= ${id}\\b`,
  );
  const found = lines.flatMap((line, at) => (at >= start && again.test(line) ? [at + 1] : []));
  return found[1] ?? 1;
}
