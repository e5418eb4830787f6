import { PIECE_BYTES, WINDOW_BYTES } from './file-protocol.js';

/** How long either side waits for the other to move; undefined: for ever, the connection's end is enough. */
export interface Patience {
  readonly milliseconds: number;
  readonly error: () => Error;
}

/** The receiving end of a stream: what was pushed and not taken yet is never more than a window. */
export interface Inflow extends AsyncIterable<Uint8Array> {
  /** False when the sender has exceeded its window; the piece is then dropped. */
  push(piece: Uint8Array): boolean;
  end(): void;
  fail(error: Error): void;
}

/** `onTaken`: so many bytes are done with, the sender may send as many more. */
export function createInflow(options: { readonly onTaken: (bytes: number) => void; readonly patience?: Patience }): Inflow {
  const gate = createGate(options.patience);
  const queue: Uint8Array[] = [];
  let room = WINDOW_BYTES;
  let ended = false;

  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      gate.check();
      const piece = queue.shift();
      if (piece === undefined) {
        if (ended) return;
        await gate.wait();
        continue;
      }
      yield piece;
      room += piece.length;
      options.onTaken(piece.length);
    }
  }

  return {
    push(piece) {
      if (ended || piece.length > room) return false;
      room -= piece.length;
      queue.push(piece);
      gate.open();
      return true;
    },
    end() {
      ended = true;
      gate.open();
    },
    fail: gate.fail,
    [Symbol.asyncIterator]: pieces,
  };
}

/** The sending end of a stream. */
export interface Outflow {
  /** Bytes sent so far. */
  readonly sent: number;
  /** Sends as the receiver allows, in pieces. */
  write(bytes: Uint8Array): Promise<void>;
  grant(bytes: number): void;
  fail(error: Error): void;
}

export function createOutflow(options: { readonly send: (piece: Uint8Array) => void; readonly patience?: Patience }): Outflow {
  const gate = createGate(options.patience);
  let credit = WINDOW_BYTES;
  let sent = 0;
  return {
    get sent() {
      return sent;
    },
    async write(bytes) {
      for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
        const piece = bytes.subarray(offset, offset + PIECE_BYTES);
        while (credit < piece.length) await gate.wait();
        gate.check();
        credit -= piece.length;
        sent += piece.length;
        options.send(piece);
      }
    },
    grant(bytes) {
      credit = Math.min(WINDOW_BYTES, credit + bytes);
      gate.open();
    },
    fail: gate.fail,
  };
}

/** Lets one waiter through at a time, or fails it and every later one. */
function createGate(patience: Patience | undefined) {
  let waiter: PromiseWithResolvers<void> | undefined;
  let failure: Error | undefined;
  const open = () => {
    waiter?.resolve();
    waiter = undefined;
  };
  return {
    open,
    check() {
      if (failure !== undefined) throw failure;
    },
    fail(error: Error) {
      failure ??= error;
      waiter?.reject(failure);
      waiter = undefined;
    },
    async wait(): Promise<void> {
      if (failure !== undefined) throw failure;
      waiter ??= Promise.withResolvers<void>();
      const { promise, reject } = waiter;
      const timer = patience && setTimeout(() => reject(patience.error()), patience.milliseconds);
      try {
        await promise;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
