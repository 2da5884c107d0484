// Label selectors: the text of URLs (`app=web,tier in (a,b),!canary`) and the LabelSelector of
// manifests, both compiled into one matcher. Grammar and error texts follow Kubernetes' labels
// package; a text that does not parse is a BadRequest.

import type { LabelSelector } from '../proto/generated/meta.v1.ts';
import { badRequest } from './errors.ts';
import { isLabelValue, isQualifiedName } from './names.ts';

export type Labels = Readonly<Record<string, string>>;

export type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

export interface Selector {
  /** All of them must hold, sorted by key. */
  readonly requirements: readonly Requirement[];
  /** True for the selector without requirements. */
  readonly isEverything: boolean;
  matches(labels: Labels | undefined): boolean;
  /** As in URLs. */
  toString(): string;
}

type Token = readonly [kind: 'word' | 'sign' | 'end', text: string];

const NO_LABELS: Labels = Object.freeze({});

export function selectorOfRequirements(requirements: readonly Requirement[]): Selector {
  const sorted = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    requirements: sorted,
    isEverything: sorted.length === 0,
    matches: (labels = NO_LABELS) => sorted.every((one) => meets(labels, one)),
    toString: () => sorted.map(requirementText).join(','),
  };
}

export const everything: Selector = selectorOfRequirements([]);

export const nothing: Selector = {
  requirements: [],
  isEverything: false,
  matches: () => false,
  toString: () => '<none>',
};

/** Exactly these labels; none select everything. */
export const selectorOfLabels = (labels: Labels | undefined): Selector =>
  selectorOfRequirements(
    Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: 'In', values: [value] })),
  );

/** Absent selects nothing, empty selects everything, as upstream has it. Throws BadRequest. */
export function selectorOf(selector: LabelSelector | undefined): Selector {
  if (selector === undefined) return nothing;
  const exact = selectorOfLabels(selector.matchLabels).requirements;
  const sets = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) =>
    checked({ key, operator: operator as Operator, values }),
  );
  return selectorOfRequirements([...exact, ...sets]);
}

/** Reads the text of a URL; empty selects everything. Throws BadRequest. */
export function parseSelector(text: string): Selector {
  if (text.trim() === '') return everything;
  const requirements: Requirement[] = [];
  const tokens = new Tokens(text);
  for (;;) {
    const [kind, word] = tokens.peek();
    if (kind === 'end') break;
    if (kind === 'sign' && word !== '!') {
      throw badRequest(`found '${word}', expected: !, identifier, or 'end of string'`);
    }
    requirements.push(readRequirement(tokens));
    const [after, sign] = tokens.take();
    if (after === 'end') break;
    if (sign !== ',') throw badRequest(`found '${sign}', expected: ',' or 'end of string'`);
    const [next, nextWord] = tokens.peek();
    if (next !== 'word' && nextWord !== '!') {
      throw badRequest(`found '${nextWord}', expected: identifier after ','`);
    }
  }
  return selectorOfRequirements(requirements);
}

/** Exact value that the selector demands of a label, if it does. */
export function exactValueOf(selector: Selector, key: string): string | undefined {
  const found = selector.requirements.find(
    (one) => one.key === key && one.operator === 'In' && one.values.length === 1,
  );
  return found?.values[0];
}

function meets(labels: Labels, { key, operator, values }: Requirement): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isInteger(value) && isInteger(values[0]) && BigInt(value) > BigInt(values[0]);
    case 'Lt':
      return isInteger(value) && isInteger(values[0]) && BigInt(value) < BigInt(values[0]);
  }
}

const isInteger = (text: string | undefined): text is string =>
  text !== undefined && text.length <= 20 && /^[+-]?\d+$/.test(text);

function requirementText({ key, operator, values }: Requirement): string {
  const list = [...values].sort().join(',');
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${list}` : `${key} in (${list})`;
    case 'NotIn':
      return values.length === 1 ? `${key}!=${list}` : `${key} notin (${list})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    case 'Gt':
      return `${key}>${list}`;
    case 'Lt':
      return `${key}<${list}`;
  }
}

/** Words and signs of a selector text, one ahead. */
class Tokens {
  readonly #source: string;
  readonly #pattern = /[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^ \t\r\n=!(),<>]+)|$)/y;
  #next: Token;

  constructor(source: string) {
    this.#source = source;
    this.#next = this.#scan();
  }

  peek(): Token {
    return this.#next;
  }

  take(): Token {
    const token = this.#next;
    if (token[0] !== 'end') this.#next = this.#scan();
    return token;
  }

  #scan(): Token {
    const match = this.#pattern.exec(this.#source);
    if (match?.[1] !== undefined) return ['sign', match[1]];
    if (match?.[2] !== undefined) return ['word', match[2]];
    return ['end', ''];
  }
}

function readRequirement(tokens: Tokens): Requirement {
  const isNegated = tokens.peek()[1] === '!';
  if (isNegated) tokens.take();
  const [kind, key] = tokens.take();
  if (kind !== 'word') throw unparsed(`found '${key}', expected: identifier`);
  const [next, sign] = tokens.peek();
  if (next === 'end' || sign === ',') {
    return checked({ key, operator: isNegated ? 'DoesNotExist' : 'Exists', values: [] });
  }
  const [, operator] = tokens.take();
  switch (operator) {
    case 'in':
      return checked({ key, operator: 'In', values: readValues(tokens) });
    case 'notin':
      return checked({ key, operator: 'NotIn', values: readValues(tokens) });
    case '=':
    case '==':
      return checked({ key, operator: 'In', values: [readValue(tokens)] });
    case '!=':
      return checked({ key, operator: 'NotIn', values: [readValue(tokens)] });
    case '>':
      return checked({ key, operator: 'Gt', values: [readValue(tokens)] });
    case '<':
      return checked({ key, operator: 'Lt', values: [readValue(tokens)] });
    default:
      throw unparsed(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
  }
}

function readValue(tokens: Tokens): string {
  const [kind, text] = tokens.peek();
  if (kind === 'end' || text === ',') return '';
  tokens.take();
  if (kind !== 'word') throw unparsed(`found '${text}', expected: identifier`);
  return text;
}

/** `(a,b)`; an empty place between commas is the empty value. */
function readValues(tokens: Tokens): readonly string[] {
  const [, open] = tokens.take();
  if (open !== '(') throw unparsed(`found '${open}' expected: '('`);
  const values = new Set<string>();
  for (;;) {
    const isWord = tokens.peek()[0] === 'word';
    values.add(isWord ? tokens.take()[1] : '');
    const [, sign] = tokens.take();
    if (sign === ')') return [...values];
    if (sign !== ',') throw unparsed(`found '${sign}', expected: ',' or ')'`);
  }
}

function checked(requirement: Requirement): Requirement {
  const fault = faultOf(requirement);
  if (fault !== undefined) throw unparsed(fault);
  return requirement;
}

function faultOf({ key, operator, values }: Requirement): string | undefined {
  const keyFaults = isQualifiedName(key);
  if (keyFaults.length > 0) return `key: Invalid value: "${key}": ${keyFaults.join('; ')}`;
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) return "for 'in', 'notin' operators, values set can't be empty";
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) return 'values set must be empty for exists and does not exist';
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1 || !isInteger(values[0])) {
        return "for 'Gt', 'Lt' operators, the value must be an integer";
      }
      break;
    default:
      return `"${operator}" is not a valid label selector operator`;
  }
  for (const value of values) {
    const faults = isLabelValue(value);
    if (faults.length > 0) return `values: Invalid value: "${value}": ${faults.join('; ')}`;
  }
  return undefined;
}

const unparsed = (why: string) => badRequest(`unable to parse requirement: ${why}`);
