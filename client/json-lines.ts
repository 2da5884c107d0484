// A stream of JSON values, one a line, as they come in from the network in any pieces.

/** One event holds one object, 3 MB at most; a line far beyond that is no watch. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Throws RangeError on a line that is too long, SyntaxError on one that is no JSON. */
export async function* jsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  let pieces: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      pieces.push(chunk.subarray(start, end));
      const line = Buffer.concat(pieces).toString();
      pieces = [];
      pendingBytes = 0;
      start = end + 1;
      if (line.trim() !== '') yield JSON.parse(line);
    }
    pieces.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > LINE_BYTES_MAX) throw new RangeError('a line of the stream is too long');
  }
}
