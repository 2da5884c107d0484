// Two families of failure, never mixed:
//   StatusError  the world said no: crosses the wire, callers may branch on `reason`.
//   invariant    we are wrong: only a boundary (listener, work queue) may catch it, to log
//                the stack and answer InternalError. The simulation fails on the first one.

import { qualifiedNameOf, type Resource } from '../proto/resource.ts';
import { REASONS, type Reason, type Status, type StatusDetails } from '../proto/status.ts';

type Named = Pick<Resource, 'group' | 'plural' | 'kind'>;

export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly reason: Reason;
  readonly details: StatusDetails;

  constructor(
    reason: Reason,
    message: string,
    options: ErrorOptions & { details?: StatusDetails } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.details = options.details ?? {};
  }

  get code(): number {
    return REASONS[this.reason];
  }

  toStatus(): Status {
    const { reason, message, details, code } = this;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(Object.keys(details).length > 0 && { details }),
      code,
    };
  }
}

export const statusErrorOf = (status: Partial<Status>): StatusError =>
  new StatusError(status.reason ?? 'InternalError', status.message ?? 'unknown error', {
    details: status.details ?? {},
  });

/** `details.kind` holds the plural, as upstream has it in errors about stored objects. */
const about = ({ group, plural }: Named, name: string): StatusDetails => ({
  name,
  ...(group !== '' && { group }),
  kind: plural,
});

export const notFound = (resource: Named, name: string): StatusError =>
  new StatusError('NotFound', `${qualifiedNameOf(resource)} "${name}" not found`, {
    details: about(resource, name),
  });

export const alreadyExists = (resource: Named, name: string): StatusError =>
  new StatusError('AlreadyExists', `${qualifiedNameOf(resource)} "${name}" already exists`, {
    details: about(resource, name),
  });

export const conflict = (
  resource: Named,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
): StatusError =>
  new StatusError(
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedNameOf(resource)} "${name}": ${why}`,
    { details: about(resource, name) },
  );

export const forbidden = (resource: Named, name: string, why: string): StatusError =>
  new StatusError(
    'Forbidden',
    `${qualifiedNameOf(resource)}${name === '' ? '' : ` "${name}"`} is forbidden: ${why}`,
    { details: about(resource, name) },
  );

export const badRequest = (message: string, options?: ErrorOptions): StatusError =>
  new StatusError('BadRequest', message, options);

export const expired = (message: string): StatusError => new StatusError('Expired', message);

export const hasReason = (error: unknown, ...reasons: readonly Reason[]): error is StatusError =>
  error instanceof StatusError && reasons.includes(error.reason);

/** A broken invariant: a bug of ours. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
