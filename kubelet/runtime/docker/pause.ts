// The pause image, made from nothing: one static binary of under 300 bytes that tells the kernel
// to reap its children (so that it may be process 1 of a shared process namespace) and sleeps.

export const PAUSE_IMAGE = 'wherry/pause:1';

const BASE = 0x400000;
const HEADERS_BYTES = 64 + 56; // One ELF header, one program header.
const TAR_BLOCK_BYTES = 512;

/** x86-64. Process 1 has no default actions for signals, so only SIGKILL ends it. */
const CODE = [
  [0xb8, 13, 0, 0, 0], //             mov eax, rt_sigaction
  [0xbf, 17, 0, 0, 0], //             mov edi, SIGCHLD
  [0x48, 0x8d, 0x35, 19, 0, 0, 0], // lea rsi, [rip + 19]: the action below
  [0x31, 0xd2], //                    xor edx, edx
  [0x41, 0xba, 8, 0, 0, 0], //        mov r10d, 8: size of the signal mask
  [0x0f, 0x05], //                    syscall
  [0xb8, 34, 0, 0, 0], //             again: mov eax, pause
  [0x0f, 0x05], //                    syscall
  [0xeb, 0xf7], //                    jmp again
  [1, 0, 0, 0, 0, 0, 0, 0], //        action: handler SIG_IGN,
  new Array<number>(24).fill(0), //   no flags, no restorer, empty mask
].flat();

/** An image of one layer, as the tar stream that an import takes. */
export function pauseTar(architecture: string): Buffer {
  if (architecture !== 'x64') {
    throw new Error(
      `no pause binary for ${architecture}: build an image whose /pause sleeps, tag it ${PAUSE_IMAGE}`,
    );
  }
  const binary = elf(Buffer.from(CODE));
  const padding = Buffer.alloc(-binary.length & (TAR_BLOCK_BYTES - 1));
  return Buffer.concat([
    tarHeader('pause', binary.length),
    binary,
    padding,
    Buffer.alloc(2 * TAR_BLOCK_BYTES),
  ]);
}

function elf(code: Buffer): Buffer {
  const size = BigInt(HEADERS_BYTES + code.length);
  const header = Buffer.alloc(HEADERS_BYTES);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // Magic, 64 bits, little endian, version 1.
  header.writeUInt16LE(2, 16); // Executable.
  header.writeUInt16LE(62, 18); // x86-64.
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(BASE + HEADERS_BYTES), 24); // Entry.
  header.writeBigUInt64LE(64n, 32); // Program headers follow.
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64); // Loaded segment,
  header.writeUInt32LE(5, 68); // readable and executable: the whole file.
  header.writeBigUInt64LE(BigInt(BASE), 80);
  header.writeBigUInt64LE(BigInt(BASE), 88);
  header.writeBigUInt64LE(size, 96);
  header.writeBigUInt64LE(size, 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, code]);
}

function tarHeader(name: string, bytes: number): Buffer {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  header.write(name, 0);
  header.write('0000755\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148); // The checksum counts its own field as spaces.
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** Reads a stream that the engine answers with to its end, so that its work is known to be done. */
export async function drain(stream: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}
