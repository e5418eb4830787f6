import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What lies in a workspace. */
export interface Content {
  readonly label: string;
  readonly files: number;
  readonly fileBytes: number;
}

const PER_DIRECTORY = 100;

/** Half of every file is random, half is text: compression finds something, and not everything. */
function fileOf(bytes: number): Buffer {
  const half = Math.floor(bytes / 2);
  return Buffer.concat([randomBytes(half), Buffer.alloc(bytes - half, 'const answer = (question: string): string => question.trim();\n')]);
}

export function fill(directory: string, { files, fileBytes }: Content): void {
  for (let index = 0; index < files; index += 1) {
    const folder = join(directory, `folder-${Math.floor(index / PER_DIRECTORY)}`);
    if (index % PER_DIRECTORY === 0) mkdirSync(folder);
    writeFileSync(join(folder, `file-${index}`), fileOf(fileBytes));
  }
}

export const changeOne = (directory: string, { fileBytes }: Content): void => writeFileSync(join(directory, 'folder-0', 'file-0'), fileOf(fileBytes));

/** Throws unless as many bytes in as many files are there. */
export function expectContent(directory: string, { files, fileBytes }: Content): void {
  const sizes = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).size);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (sizes.length !== files || bytes !== files * fileBytes) throw new Error(`${directory} has ${sizes.length} files and ${bytes} bytes, not what was kept.`);
}
