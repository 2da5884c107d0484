// JSON patch, RFC 6902, through fast-json-patch. A list of operations that cannot be read is a
// BadRequest; one that does not apply to the object, or whose `test` fails, is Invalid.

import jsonPatch, { type Operation } from 'fast-json-patch';
import { badRequest, StatusError } from '../errors.ts';
import { copyOf, isObject } from './json-value.ts';

const OPERATIONS_MAX = 10_000;
/** `copy` can double an object per operation: together they may add no more than an object's size. */
const COPIED_BYTES_MAX = 3 * 1024 * 1024;

const VERBS = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/** The result shares nothing with `current` or `patch`. */
export function applyJsonPatch(current: unknown, patch: unknown): unknown {
  const operations = readOperations(copyOf(patch));
  let document = copyOf(current);
  let copiedBytes = 0;
  operations.forEach((operation, index) => {
    if (operation.op === 'copy') {
      copiedBytes += sizeAt(document, operation.from);
      if (copiedBytes > COPIED_BYTES_MAX) {
        throw new StatusError('RequestEntityTooLarge', 'the patch copies more than 3 MB');
      }
    }
    document = applied(document, operation, index);
  });
  return document;
}

function readOperations(patch: unknown): readonly Operation[] {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be an array of operations');
  if (patch.length > OPERATIONS_MAX) {
    throw new StatusError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`,
    );
  }
  for (const [index, operation] of patch.entries()) {
    if (!isObject(operation) || !VERBS.has(String(operation.op))) {
      throw badRequest(`operation ${index} of the JSON patch is unknown`);
    }
    for (const pointer of [operation.path, operation.from ?? '']) {
      if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/'))) {
        throw badRequest(`operation ${index} of the JSON patch has no valid path`);
      }
    }
  }
  return patch as readonly Operation[];
}

function applied(document: unknown, operation: Operation, index: number): unknown {
  try {
    return jsonPatch.applyOperation(document, operation, true, true, true, index).newDocument;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new StatusError(
      'Invalid',
      `the JSON patch does not apply: operation ${index} (${operation.op} ${operation.path}): ${why}`,
      { cause: error },
    );
  }
}

/** 0 where the pointer leads nowhere: applying the operation then says so. */
function sizeAt(document: unknown, pointer: string): number {
  try {
    const value: unknown = jsonPatch.getValueByPointer(document, pointer);
    return JSON.stringify(value)?.length ?? 0;
  } catch {
    return 0;
  }
}
