import * as fs from 'node:fs';
import path from 'node:path';

/** The output of one call: its last part in memory, all of it in a file once it outgrows that. */
export interface CallOutput {
  write(text: string): void;
  /** Code units written so far. */
  readonly total: number;
  /** What is still in memory of the output from `offset` on, and where that begins. */
  from(offset: number): { readonly offset: number; readonly text: string };
  /** The kept tail, headed by a note on what is missing from it. */
  text(): string;
  /** Ends the spilled file. */
  close(): void;
  /** Called after every write. */
  subscribe(listener: () => void): () => void;
}

export interface CallOutputOptions {
  readonly callId: string;
  /** Where a long output is spilled to: `<directory>/<call id>.txt`. */
  readonly directory: string;
  readonly keep: number;
  readonly spillLimit: number;
}

export function createCallOutput(options: CallOutputOptions): CallOutput {
  const { keep } = options;
  const listeners = new Set<() => void>();
  const spill = createSpill(options);
  let tail = '';
  let total = 0;

  return {
    get total() {
      return total;
    },
    write(text) {
      tail += text;
      total += text.length;
      if (total > keep) spill.append(total - text.length <= keep ? tail : text);
      if (tail.length > 2 * keep) tail = tail.slice(-keep);
      for (const listener of listeners) listener();
    },
    from(offset) {
      const begin = Math.max(offset, total - tail.length);
      return { offset: begin, text: tail.slice(tail.length - (total - begin)) };
    },
    close: spill.close,
    text() {
      if (total <= keep) return tail;
      return `[The output has ${total} characters; only the last ${keep} are shown. ${spill.note()}]\n${tail.slice(-keep)}`;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function createSpill({ callId, directory, spillLimit }: CallOutputOptions) {
  const file = path.join(directory, `${callId}.txt`);
  let descriptor: number | undefined;
  let written = 0;
  let failure: string | undefined;
  let closed = false;

  const open = () => {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    const ignore = path.join(path.dirname(directory), '.gitignore');
    if (!fs.existsSync(ignore)) fs.writeFileSync(ignore, '*\n');
    // Exclusive and without following links: what lies there already may be a FIFO, which would block.
    return fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW, 0o600);
  };

  return {
    append(text: string) {
      if (closed || failure !== undefined || written >= spillLimit) return;
      try {
        descriptor ??= open();
        const bytes = Buffer.from(text).subarray(0, spillLimit - written);
        fs.writeSync(descriptor, bytes);
        written += bytes.length;
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
    },
    close() {
      if (descriptor !== undefined) fs.closeSync(descriptor);
      descriptor = undefined;
      closed = true;
    },
    note() {
      if (failure !== undefined) return `The rest could not be saved (${failure}).`;
      return written >= spillLimit ? `Its first ${written} bytes are in ${file}.` : `All of it is in ${file}.`;
    },
  };
}
