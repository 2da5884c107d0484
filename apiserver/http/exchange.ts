// One request and its answer, once it is known what is asked and who asks.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { StatusError } from '../../machinery/errors.ts';
import type { User } from '../authn/user.ts';
import type { Kind } from '../registry/kind.ts';
import { optionsInvalid } from '../registry/owners.ts';
import type { Call } from '../registry/registry.ts';
import type { RequestInfo, ResourceInfo } from './request-info.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly info: RequestInfo;
  readonly user: User;
  /** Throws Forbidden where the user may not do to the same object what this verb names. */
  assertMay(verb: string): void;
  /** The client wants to leave HTTP behind: its raw connection, and what it has sent already. */
  readonly upgrade?: { readonly socket: Socket; readonly head: Buffer } | undefined;
}

export interface ResourceExchange extends Exchange {
  readonly resource: ResourceInfo;
  readonly kind: Kind;
}

/** A client is not helped by more, and headers have limits of their own. */
const WARNINGS_MAX = 20;
const WARNING_CHARS_MAX = 256;

/** The registry's call for a request; warnings end up in the answer's headers. */
export function callOf(exchange: ResourceExchange, dryRun = dryRunOf(exchange.info.query)): Call {
  const { user, kind, resource, info, request } = exchange;
  const { namespace, name, subresource } = resource;
  return {
    user,
    kind,
    namespace,
    name,
    subresource,
    dryRun,
    fieldManager: info.query.get('fieldManager') || undefined,
    userAgent: request.headers['user-agent'],
    fieldValidation: fieldValidationOf(info.query),
    warn: (text) => warn(exchange, text),
    assertMay: exchange.assertMay,
  };
}

export function warn({ response }: Pick<Exchange, 'response'>, text: string): void {
  if (response.headersSent) return;
  const before = response.getHeader('Warning');
  const warnings = Array.isArray(before) ? before : [];
  if (warnings.length < WARNINGS_MAX) response.setHeader('Warning', [...warnings, headerOf(text)]);
}

/** Header values are Latin-1 without controls; quotes and backslashes are escaped in quotes. */
function headerOf(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, ' ').slice(0, WARNING_CHARS_MAX);
  return `299 - "${plain.replace(/["\\]/g, '\\$&')}"`;
}

export function dryRunOf(query: URLSearchParams, options = 'CreateOptions'): boolean {
  const wanted = query.getAll('dryRun').filter((one) => one !== '');
  const unknown = wanted.find((one) => one !== 'All');
  if (unknown !== undefined) throw unsupportedValue(options, { dryRun: unknown }, ['All']);
  return wanted.length > 0;
}

export function fieldValidationOf(query: URLSearchParams): 'Strict' | 'Warn' | 'Ignore' {
  const wanted = query.get('fieldValidation') ?? 'Warn';
  if (wanted === 'Strict' || wanted === 'Warn' || wanted === 'Ignore') return wanted;
  if (wanted === '') return 'Warn';
  throw unsupportedValue('CreateOptions', { fieldValidation: wanted }, [
    'Ignore',
    'Strict',
    'Warn',
  ]);
}

/** What is wrong with the options of a request is told like what is wrong with an object. */
export function unsupportedValue(
  options: string,
  given: Readonly<Record<string, unknown>>,
  supported: readonly string[],
): StatusError {
  const [[field, value] = ['', '']] = Object.entries(given);
  const list = supported.map((one) => JSON.stringify(one)).join(', ');
  return optionsInvalid(options, {
    reason: 'FieldValueNotSupported',
    field,
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`,
  });
}
