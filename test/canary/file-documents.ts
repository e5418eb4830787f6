import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import type { Document } from './secret-forms.js';

const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Every file below a folder as text, and what is compressed in it as what it holds. */
export function fileDocuments(place: string, folder: string): Document[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.flatMap(({ parentPath, name }) => {
    const bytes = readFileSync(join(parentPath, name));
    const inside = [...frames(bytes)].map((frame) => ({ place: `${place} ${name}, unpacked`, text: frame.toString('latin1') }));
    return [{ place: `${place} ${name}`, text: bytes.toString('latin1') }, ...inside];
  });
}

/** The contents of zstd frames that lie one behind the other. */
function* frames(bytes: Buffer): Generator<Buffer> {
  for (let rest = bytes; rest.subarray(0, 4).equals(ZSTD); ) {
    // With `info` it is not the content that is answered; its types know nothing of that.
    const { buffer, engine } = zstdDecompressSync(rest, { info: true }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    yield buffer;
    rest = rest.subarray(engine.bytesWritten);
  }
}
