import * as fs from 'node:fs';
import path from 'node:path';
import { isContinuation, wholeEnd } from './utf8.js';

/** A part of an output, of whole characters; `offset` and `end` count bytes of UTF-8. */
export interface OutputPart {
  readonly offset: number;
  readonly end: number;
  readonly text: string;
}

/** The output of one call: its last part in memory, all of it in a file once it outgrows that. */
export interface CallOutput {
  /** Takes whole characters of UTF-8, and keeps none of the space they come in. */
  write(bytes: Buffer): void;
  /** Bytes written so far. */
  readonly total: number;
  /** What follows an offset, `most` bytes at most; begins later where that is not kept any more. */
  read(offset: number, most: number): OutputPart;
  /** The kept tail, headed by a note on what is missing from it. */
  text(): string;
  /**
   * Goes on after the call, for programs in the background: all that was and will be written goes into the file, until the
   * answered function is called. `note` says where it is.
   */
  goOn(): { readonly note: string; readonly end: () => void };
  /** Ends the call's part of it. */
  close(): void;
  /** Called after every write. */
  subscribe(listener: () => void): () => void;
}

export interface CallOutputOptions {
  readonly callId: string;
  /** Where a long output is spilled to: `<directory>/<call id>.txt`. */
  readonly directory: string;
  /** Bytes that a result shows. */
  readonly keep: number;
  readonly spillLimit: number;
}

export function createCallOutput(options: CallOutputOptions): CallOutput {
  const { keep } = options;
  const listeners = new Set<() => void>();
  const spill = createSpill(options);
  const tail = createTail(keep);
  let total = 0;
  let goesOn = false;

  return {
    get total() {
      return total;
    },
    write(bytes) {
      if (bytes.length === 0) return;
      if (goesOn) return spill.append(bytes);
      if (total + bytes.length > keep) {
        if (total <= keep) spill.append(tail.bytes());
        spill.append(bytes);
      }
      tail.append(bytes);
      total += bytes.length;
      for (const listener of listeners) listener();
    },
    read(offset, most) {
      const inMemory = total - tail.bytes().length;
      const saved = offset < inMemory ? spill.read(offset, most) : undefined;
      const begin = saved === undefined ? Math.max(offset, inMemory) : offset;
      return wholeCharacters(saved ?? tail.bytes().subarray(begin - inMemory, begin - inMemory + most), begin);
    },
    goOn() {
      goesOn = true;
      if (total <= keep) spill.append(tail.bytes());
      return { note: spill.place(), end: spill.close };
    },
    close() {
      if (!goesOn) spill.close();
    },
    text() {
      if (total <= keep) return tail.bytes().toString();
      const shown = tail.bytes().subarray(-keep);
      return `[The output has ${total} bytes; only the last ${keep} are shown. ${spill.note()}]\n${wholeCharacters(shown, 0).text}`;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Leaves out what is cut through at either end. */
function wholeCharacters(bytes: Buffer, offset: number): OutputPart {
  let begin = 0;
  while (begin < bytes.length && isContinuation(bytes[begin])) begin += 1;
  const end = wholeEnd(bytes, begin);
  return { offset: offset + begin, end: offset + end, text: bytes.toString('utf8', begin, end) };
}

/** At least the last `keep` bytes, in a space that grows to twice as many and no further. */
function createTail(keep: number) {
  let space = Buffer.alloc(0);
  let length = 0;
  return {
    bytes: () => space.subarray(0, length),
    append(added: Buffer) {
      const bytes = added.subarray(-keep);
      if (length + bytes.length > space.length) {
        const kept = Math.min(length, keep);
        const larger = Math.min(2 * keep, Math.max(1024, 2 * (kept + bytes.length)));
        const from = space.subarray(length - kept, length);
        if (larger > space.length) space = Buffer.concat([from], larger);
        else from.copy(space);
        length = kept;
      }
      bytes.copy(space, length);
      length += bytes.length;
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
    return fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW, 0o600);
  };

  return {
    append(added: Buffer) {
      if (closed || failure !== undefined || written >= spillLimit) return;
      try {
        descriptor ??= open();
        const bytes = added.subarray(0, spillLimit - written);
        written += fs.writeSync(descriptor, bytes);
        if (written >= spillLimit) fs.writeSync(descriptor, `\n[What was printed beyond ${spillLimit} bytes is not kept.]\n`);
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
    },
    /** Undefined for what was not saved. */
    read(offset: number, most: number): Buffer | undefined {
      if (descriptor === undefined || offset >= written) return undefined;
      const bytes = Buffer.alloc(Math.min(most, written - offset));
      try {
        const length = fs.readSync(descriptor, bytes, 0, bytes.length, offset);
        return length === 0 ? undefined : bytes.subarray(0, length);
      } catch {
        return undefined;
      }
    },
    close() {
      if (descriptor !== undefined) fs.closeSync(descriptor);
      descriptor = undefined;
      closed = true;
    },
    place(): string {
      return failure === undefined ? file : `nowhere (${failure})`;
    },
    note() {
      if (failure !== undefined) return `The rest could not be saved (${failure}).`;
      return written >= spillLimit ? `Its first ${written} bytes are in ${file}.` : `All of it is in ${file}.`;
    },
  };
}
