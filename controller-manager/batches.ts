// Many similar calls, carefully: 1, 2, 4, ... at once, and no further batch after a failure.
// One bad template then costs one refused call, not five hundred.

const BATCH_START = 1;

/** Answers how many succeeded and, if any failed, the first error. */
export async function inGrowingBatches(
  count: number,
  call: (index: number) => Promise<void>,
): Promise<{ readonly done: number; readonly error?: unknown }> {
  let done = 0;
  for (let from = 0, size = BATCH_START; from < count; from += size, size *= 2) {
    size = Math.min(size, count - from);
    const results = await Promise.allSettled(
      Array.from({ length: size }, (_, offset) => call(from + offset)),
    );
    done += results.filter((result) => result.status === 'fulfilled').length;
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) return { done, error: failed.reason };
  }
  return { done };
}
