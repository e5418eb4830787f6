import { RondoError } from '../../workflows/contract/errors.js';
import { type FileReply, type FileRequest, MAX_LISTING_BYTES, type PathKind, PIECE_BYTES, type RefusalCode, WINDOW_BYTES } from './file-protocol.js';
import { createInflow, createOutflow, type Patience } from './flow.js';

export interface SandboxFile {
  /** Relative to the listed directory. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface FileListing {
  readonly files: readonly SandboxFile[];
  /** There were more files than a listing holds. */
  readonly truncated: boolean;
}

export interface StreamOptions {
  /** Ends the transfer; what was written so far is removed. */
  readonly signal?: AbortSignal;
}

/**
 * Files of one sandbox, below /workspace and /mnt. The supervisor works as the sandbox's user and follows no link. Errors:
 * `sandbox.file_refused` (with `details.reason`, a RefusalCode) when this file cannot be had or made; `sandbox.failed` when the
 * connection broke. Whatever comes from there is the sandbox's word: bounded, never believed.
 */
export interface SandboxFiles {
  /** Makes or replaces a regular file, at once or not at all. Missing directories are made. */
  writeFile(file: { readonly path: string; readonly mode?: number; readonly source: AsyncIterable<Uint8Array> } & StreamOptions): Promise<void>;
  /** The bytes of a regular file of at most `maximumBytes`. */
  readFile(path: string, options: { readonly maximumBytes: number } & StreamOptions): AsyncIterable<Uint8Array>;
  /** Regular files below a directory; none when it does not exist. */
  listFiles(directory: string): Promise<FileListing>;
  statPath(path: string): Promise<PathKind>;
  /**
   * Makes a directory of a tar archive, or of several behind each other, at once or not at all. It must not exist, or be empty.
   * `strip`: how many leading parts the names in the archive lose.
   */
  extract(directory: string, archive: AsyncIterable<Uint8Array>, options?: { readonly strip?: 0 | 1 } & StreamOptions): Promise<void>;
}

export interface TransferLink {
  /** How the sandbox is called in error messages. */
  readonly sandbox: string;
  readonly stallMs: number;
  readonly send: (request: FileRequest) => void;
  /** The other side has been asked for so many bytes more. */
  readonly expect: (bytes: number) => void;
  /** Ends the connection: the other side does not keep to the protocol. */
  readonly fail: (reason: string) => void;
  /** Why the connection has ended, if it has. */
  readonly failure: () => RondoError | undefined;
  /** Watches the connection while `work` runs. */
  readonly during: <T>(work: () => Promise<T>) => Promise<T>;
}

interface Transfer {
  receive(reply: FileReply): void;
  fail(error: Error): void;
}

/** Base64, the frame around it, and a margin. */
const onTheWire = (bytes: number): number => bytes * 1.4 + 4096;

/** The worker's side of moving files. Replies come in by `receive`; `end` fails what is open. */
export function createFileTransfers(link: TransferLink) {
  const open = new Map<number, Transfer>();
  let last = 0;

  const stalled = (what: string): Patience => ({
    milliseconds: link.stallMs,
    error: () => new RondoError('sandbox.failed', `Sandbox ${link.sandbox} did not go on for ${link.stallMs} ms while it should ${what}.`),
  });

  /** Opens a transfer, and closes it on both sides whatever happens. */
  const transferring = async <T>(signal: AbortSignal | undefined, begin: (id: number) => Transfer & { readonly result: () => Promise<T> }): Promise<T> => {
    const failure = link.failure();
    if (failure !== undefined) throw failure;
    signal?.throwIfAborted();
    last += 1;
    const id = last;
    const transfer = begin(id);
    const stop = () => transfer.fail(signal?.reason as Error);
    open.set(id, transfer);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await transfer.result();
    } catch (error) {
      link.send({ type: 'abort', transfer: id });
      throw error;
    } finally {
      open.delete(id);
      signal?.removeEventListener('abort', stop);
    }
  };

  /** One question, one answer. */
  const ask = <Type extends FileReply['type']>(question: (id: number) => FileRequest, type: Type): Promise<Extract<FileReply, { type: Type }>> =>
    link.during(() =>
      transferring(undefined, (id) => {
        const answer = Promise.withResolvers<Extract<FileReply, { type: Type }>>();
        return {
          result: () => {
            link.send(question(id));
            return within(answer.promise, stalled('answer'));
          },
          receive: (reply) => (reply.type === type ? answer.resolve(reply as Extract<FileReply, { type: Type }>) : answer.reject(refusal(link, reply))),
          fail: answer.reject,
        };
      }),
    );

  const upload = (source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined, begin: (id: number) => FileRequest): Promise<void> =>
    link.during(() =>
      transferring(signal, (id) => {
        const outflow = createOutflow({
          send: (piece) => link.send({ type: 'data', transfer: id, data: Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('base64') }),
          patience: stalled('take a file'),
        });
        const done = Promise.withResolvers<number>();
        done.promise.catch(() => undefined);
        const fail = (error: Error) => {
          outflow.fail(error);
          done.reject(error);
        };
        return {
          fail,
          receive(reply) {
            if (reply.type === 'credit') outflow.grant(reply.bytes);
            else if (reply.type === 'done') done.resolve(reply.bytes);
            else fail(refusal(link, reply));
          },
          async result() {
            link.send(begin(id));
            for await (const bytes of source) await outflow.write(bytes);
            link.send({ type: 'end', transfer: id });
            const taken = await within(done.promise, stalled('keep a file'));
            if (taken !== outflow.sent) throw new RondoError('sandbox.failed', `Sandbox ${link.sandbox} took ${taken} of ${outflow.sent} bytes.`);
          },
        };
      }),
    );

  async function* download(path: string, { maximumBytes, signal }: { readonly maximumBytes: number } & StreamOptions): AsyncGenerator<Uint8Array> {
    const failure = link.failure();
    if (failure !== undefined) throw failure;
    signal?.throwIfAborted();
    last += 1;
    const id = last;
    let received = 0;
    let finished = false;
    const watching = Promise.withResolvers<void>();
    const inflow = createInflow({
      patience: stalled('send a file'),
      onTaken(bytes) {
        link.expect(onTheWire(bytes));
        link.send({ type: 'credit', transfer: id, bytes });
      },
    });
    open.set(id, {
      fail: inflow.fail,
      receive(reply) {
        if (reply.type === 'data') {
          const piece = Buffer.from(reply.data, 'base64');
          received += piece.length;
          if (received > maximumBytes) return inflow.fail(tooLarge(link, path, maximumBytes));
          if (piece.length > PIECE_BYTES || !inflow.push(piece)) link.fail('it sent more of a file than was asked for');
        } else if (reply.type === 'done') {
          finished = true;
          if (reply.bytes === received) inflow.end();
          else inflow.fail(new RondoError('sandbox.failed', `Sandbox ${link.sandbox} sent ${received} of ${reply.bytes} bytes of ${path}.`));
        } else inflow.fail(refusal(link, reply));
      },
    });
    const stop = () => inflow.fail(signal?.reason as Error);
    signal?.addEventListener('abort', stop, { once: true });
    void link.during(() => watching.promise);
    try {
      link.expect(onTheWire(Math.min(WINDOW_BYTES, maximumBytes)));
      link.send({ type: 'file_read', transfer: id, path, maximum_bytes: maximumBytes });
      yield* inflow;
    } finally {
      if (!finished) link.send({ type: 'abort', transfer: id });
      open.delete(id);
      signal?.removeEventListener('abort', stop);
      watching.resolve();
    }
  }

  const files: SandboxFiles = {
    writeFile: ({ path, mode = 0o644, source, signal }) => upload(source, signal, (transfer) => ({ type: 'file_write', transfer, path, mode })),
    readFile: download,
    async listFiles(directory) {
      link.expect(onTheWire(MAX_LISTING_BYTES));
      const listing = await ask((transfer) => ({ type: 'file_list', transfer, directory }), 'listing');
      const listed = listing.files.map(({ path, size_bytes: sizeBytes, modified_ms: modifiedMs }) => ({ path, sizeBytes, modifiedMs }));
      return { files: listed, truncated: listing.truncated };
    },
    statPath: async (path) => (await ask((transfer) => ({ type: 'file_stat', transfer, path }), 'stat')).kind,
    extract: (directory, archive, { strip = 0, signal } = {}) => upload(archive, signal, (transfer) => ({ type: 'file_extract', transfer, directory, strip })),
  };

  return {
    files,
    /** What belongs to no open transfer is late, or made up, and is dropped. */
    receive: (reply: FileReply) => open.get(reply.transfer)?.receive(reply),
    end(error: RondoError) {
      for (const transfer of [...open.values()]) transfer.fail(error);
    },
  };
}

async function within<T>(promise: Promise<T>, { milliseconds, error }: Patience): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(error()), milliseconds);
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}

function refusal({ sandbox, fail }: TransferLink, reply: FileReply): RondoError {
  if (reply.type === 'refused') return fileRefused(reply.code, `Sandbox ${sandbox}: ${reply.message}`);
  fail(`it answered a file request with ${reply.type}`);
  return new RondoError('sandbox.failed', `Sandbox ${sandbox} answered a file request with ${reply.type}.`);
}

const tooLarge = ({ sandbox }: TransferLink, path: string, maximumBytes: number): RondoError =>
  fileRefused('too_large', `${path} of sandbox ${sandbox} is larger than the ${maximumBytes} bytes that are accepted.`);

const fileRefused = (reason: RefusalCode, message: string): RondoError => new RondoError('sandbox.file_refused', message, { details: { reason } });
