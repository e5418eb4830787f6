import { type FileReply, type FileRequest, WINDOW_BYTES } from '../../activities/sandbox/file-protocol.js';
import { createInflow, createOutflow } from '../../activities/sandbox/flow.js';
import { FileRefused } from './file-access.js';
import type { Files } from './files.js';

/** File streams of one connection; they end with it. */
export interface Transfers {
  receive(request: FileRequest): void;
  close(): void;
}

const MAX_TRANSFERS = 16;

interface Transfer {
  take?(piece: Uint8Array): void;
  grant?(bytes: number): void;
  end?(): void;
  fail(error: Error): void;
}

export function createTransfers(files: Files, send: (reply: FileReply) => void): Transfers {
  const open = new Map<number, Transfer>();

  /** Runs the work of one stream and tells how it ended. */
  const run = (id: number, transfer: Transfer, work: () => Promise<FileReply | undefined>): void => {
    if (open.size >= MAX_TRANSFERS || open.has(id)) {
      send({ type: 'refused', transfer: id, code: 'busy', message: `${open.size} streams are open already` });
      return;
    }
    open.set(id, transfer);
    void work()
      .then(
        (reply) => reply && send(reply),
        (error: unknown) => send({ type: 'refused', transfer: id, ...describe(error) }),
      )
      .finally(() => open.delete(id));
  };

  const take = (id: number, work: (source: AsyncIterable<Uint8Array>) => Promise<void>): void => {
    let bytes = 0;
    const inflow = createInflow({ onTaken: (taken) => send({ type: 'credit', transfer: id, bytes: taken }) });
    const transfer: Transfer = {
      take(piece) {
        bytes += piece.length;
        if (!inflow.push(piece)) inflow.fail(new FileRefused('refused', `more than ${WINDOW_BYTES} bytes were sent ahead`));
      },
      end: inflow.end,
      fail: inflow.fail,
    };
    run(id, transfer, async () => {
      await work(inflow);
      return { type: 'done', transfer: id, bytes };
    });
  };

  const give = (id: number, file: string, maximumBytes: number): void => {
    const outflow = createOutflow({ send: (piece) => send({ type: 'data', transfer: id, data: Buffer.from(piece).toString('base64') }) });
    run(id, outflow, async () => {
      await files.read(file, maximumBytes, (piece) => outflow.write(piece));
      return { type: 'done', transfer: id, bytes: outflow.sent };
    });
  };

  const answer = (id: number, work: () => Promise<FileReply>): void => run(id, { fail: () => {} }, work);

  return {
    receive(request) {
      const id = request.transfer;
      switch (request.type) {
        case 'file_write':
          return take(id, (source) => files.write(request.path, request.mode, source));
        case 'file_extract':
          return take(id, (source) => files.extract(request.directory, source, request.strip));
        case 'file_read':
          return give(id, request.path, request.maximum_bytes);
        case 'file_list':
          return answer(id, async () => ({ type: 'listing', transfer: id, ...(await files.list(request.directory)) }));
        case 'file_stat':
          return answer(id, async () => ({ type: 'stat', transfer: id, kind: await files.stat(request.path) }));
        case 'data':
          return open.get(id)?.take?.(Buffer.from(request.data, 'base64'));
        case 'credit':
          return open.get(id)?.grant?.(request.bytes);
        case 'end':
          return open.get(id)?.end?.();
        case 'abort':
          return open.get(id)?.fail(new FileRefused('failed', 'it was given up'));
      }
    },
    close() {
      for (const transfer of open.values()) transfer.fail(new FileRefused('failed', 'the connection ended'));
    },
  };
}

function describe(error: unknown): { code: FileRefused['code']; message: string } {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 1000);
  return { code: error instanceof FileRefused ? error.code : 'failed', message };
}
