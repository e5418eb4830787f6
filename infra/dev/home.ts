import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Longest path of a Unix socket, in bytes, with its closing zero taken off. */
const LONGEST_SOCKET_PATH = 107;

/** Folders that nobody but this user reads: session contents, process records, logs. */
const PRIVATE = ['temporal', 'run', 'logs'];

/**
 * A folder under RONDO_HOME, made if missing. Others may pass through a RONDO_HOME that is made here, because Postgres runs as a
 * user of its own, but not list it.
 */
export function homeFolder(home: string, ...parts: string[]): string {
  const folder = join(home, ...parts);
  mkdirSync(dirname(home), { recursive: true });
  mkdirSync(home, { recursive: true, mode: 0o711 });
  mkdirSync(folder, { recursive: true });
  const [name] = parts;
  const isPrivate = name !== undefined && PRIVATE.includes(name);
  if (isPrivate && statSync(join(home, name)).uid === process.getuid?.()) chmodSync(join(home, name), 0o700);
  return folder;
}

/** A random secret of so many bytes, in a file that only its owner can read; made at the first call. */
export function keptSecret(file: string, bytes = 24, encoding: 'base64' | 'base64url' = 'base64url'): string {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    const draft = `${file}.${process.pid}`;
    // What is encrypted under it is lost with it, so it is on the disk before anything is.
    writeFileSync(draft, `${randomBytes(bytes).toString(encoding)}\n`, { mode: 0o600, flush: true });
    renameSync(draft, file);
  }
  chmodSync(file, 0o600);
  return readFileSync(file, 'utf8').trim();
}

/**
 * A folder for sockets whose longest name inside is `longest` bytes: in RONDO_HOME, or, where that would be too long for a
 * socket, in the system's folder for temporary files under a name that belongs to this RONDO_HOME.
 */
export function socketFolder(home: string, name: string, longest: number): string {
  const near = join(home, name);
  if (Buffer.byteLength(near) + 1 + longest <= LONGEST_SOCKET_PATH) return privateFolder(near);
  const mark = createHash('sha256').update(home).digest('hex').slice(0, 10);
  return privateFolder(join(tmpdir(), `rondo-${mark}-${name}`));
}

/** Anyone may write to the folder for temporary files, so a folder there counts only if it is really ours. */
function privateFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const facts = lstatSync(folder);
  if (!facts.isDirectory() || facts.uid !== process.getuid?.()) {
    throw new Error(`${folder} belongs to somebody else: remove it, or set RONDO_HOME to a shorter path.`);
  }
  chmodSync(folder, 0o700);
  return folder;
}
