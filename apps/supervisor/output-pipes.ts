import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

/** Where one command prints to. Programs that it leaves in the background go on printing there. */
export interface OutputPipe {
  /** To be opened for writing by the command. */
  readonly path: string;
  /** Takes what the command, which has ended, has printed; answers whether somebody can still print. */
  settle(): boolean;
  /** Resolves when nobody prints any more. Not before it was settled. */
  readonly closed: Promise<void>;
}

export interface OutputPipes {
  /** What comes is good until `onOutput` returns. */
  open(onOutput: (bytes: Buffer) => void): OutputPipe;
}

/** How many are made at once: a program has to be run for it. */
const AT_ONCE = 4;
const READ_BYTES = 64 * 1024;
/** More than any pipe can hold, so that a program in the background that prints without end does not keep a command from ending. */
const MOST_LEFT = 1024 * 1024;
const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;

/** Pipes with names, since a shell that runs already can be given no other; each is used again when nobody holds it. */
export function createOutputPipes(directory: string): OutputPipes {
  const free: string[] = [];
  /** One for each pipe that is read, so that neither many commands nor a flood make garbage. */
  const spaces: Buffer[] = [];

  const make = (): string => {
    const names = Array.from({ length: AT_ONCE }, () => path.join(directory, `output-${randomBytes(6).toString('hex')}`));
    execFileSync('mkfifo', ['-m', '600', ...names], { stdio: 'ignore' });
    free.push(...names);
    return free.pop() as string;
  };
  /** What lies there may have been removed or replaced by a program. */
  const openReader = (): { name: string; reader: number } => {
    for (;;) {
      const name = free.pop() ?? make();
      try {
        const reader = fs.openSync(name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
        if (fs.fstatSync(reader).isFIFO()) return { name, reader };
        fs.closeSync(reader);
      } catch {
        // the next one
      }
    }
  };

  return {
    open(onOutput) {
      const { name, reader } = openReader();
      // Until the command has opened it, and while none of its programs has it open, this end keeps the pipe from ending.
      const keeper = fs.openSync(name, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
      const closed = Promise.withResolvers<void>();
      const space = spaces.pop() ?? Buffer.alloc(READ_BYTES);
      const take = (length: number): boolean => {
        onOutput(space.subarray(0, length));
        return true;
      };
      const socket = new net.Socket({ fd: reader, readable: true, writable: false, onread: { buffer: space, callback: take } });
      socket.on('error', () => socket.destroy());
      socket.once('close', () => {
        free.push(name);
        spaces.push(space);
        closed.resolve();
      });
      return {
        path: name,
        closed: closed.promise,
        settle() {
          fs.closeSync(keeper);
          const isOpen = readRest(reader, space, onOutput);
          if (!isOpen) socket.destroy();
          return isOpen;
        },
      };
    },
  };
}

/** Reads what is in the pipe; false at its end. */
function readRest(reader: number, space: Buffer, onOutput: (bytes: Buffer) => void): boolean {
  try {
    for (let left = MOST_LEFT; left > 0; ) {
      const length = fs.readSync(reader, space);
      if (length === 0) return false;
      onOutput(space.subarray(0, length));
      left -= length;
    }
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
  }
  return true;
}
