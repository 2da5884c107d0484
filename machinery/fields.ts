// Field selectors: `spec.nodeName=n1,status.phase!=Failed`. Which fields exist is the kind's
// business; here is the grammar: `=`, `==`, `!=`, and backslash before `,`, `=` and itself.

import { badRequest } from './errors.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly isEqual: boolean;
  readonly value: string;
}

export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
  readonly isEverything: boolean;
  /** `fieldOf` answers '' for a field that is not set. */
  matches(fieldOf: (field: string) => string): boolean;
}

/** Throws BadRequest. */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements = splitTerms(text)
    .filter((term) => term !== '')
    .map((term) => readTerm(term, text));
  return {
    requirements,
    isEverything: requirements.length === 0,
    matches: (fieldOf) =>
      requirements.every(({ field, isEqual, value }) => (fieldOf(field) === value) === isEqual),
  };
}

/** Exact value that the selector demands of a field, if it does. */
export const exactFieldOf = (selector: FieldSelector, field: string): string | undefined =>
  selector.requirements.find((one) => one.field === field && one.isEqual)?.value;

export const escapeFieldValue = (value: string): string => value.replace(/[\\,=]/g, '\\$&');

function splitTerms(text: string): string[] {
  const terms = [''];
  for (let i = 0; i < text.length; i++) {
    const sign = text.charAt(i);
    if (sign === ',') terms.push('');
    else terms[terms.length - 1] += sign === '\\' ? sign + text.charAt(++i) : sign;
  }
  return terms;
}

function readTerm(term: string, text: string): FieldRequirement {
  const match = /^([^=!]*)(!=|==|=)(.*)$/s.exec(term);
  if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
  const [, field = '', operator, value = ''] = match;
  return { field, isEqual: operator !== '!=', value: unescaped(value) };
}

function unescaped(value: string): string {
  return value.replace(/\\(.?)|[=,]/gs, (found, escaped: string | undefined) => {
    if (escaped === undefined) {
      throw badRequest(`invalid field selector: unescaped character in value: ${found}`);
    }
    if (escaped === '' || !'\\,='.includes(escaped)) {
      throw badRequest(`invalid field selector: invalid escape sequence: ${found}`);
    }
    return escaped;
  });
}
