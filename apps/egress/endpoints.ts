import { chmod, copyFile, type FileHandle, link, mkdir, open, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { EGRESS_SOCKET } from '../../activities/sandbox/egress-environment.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { idSchema } from '../../workflows/contract/ids.js';
import { PUBLIC_FILES } from './authority-files.js';
import type { SandboxProxy } from './proxy.js';
import type { Sandbox } from './sandbox.js';

/** What is kept of a sandbox for a gateway that is started again. */
export const SandboxRecord = z.strictObject({ sessionId: idSchema('session'), workspaceId: idSchema('workspace'), generation: z.int().min(0) });
export type SandboxRecord = z.output<typeof SandboxRecord>;

/** The sockets of a host's sandboxes: at most one of a session, that of its newest generation. */
export interface Endpoints {
  /** Answers the folder to mount. Doing it again changes nothing. Errors: `request.conflict` for a generation that is not the newest. */
  open(record: SandboxRecord): Promise<{ readonly folder: string }>;
  /** Closes a generation and all before it, connections included. */
  close(sessionId: string, generation: number): Promise<void>;
  /** How many sandboxes have one now. */
  count(): number;
  /** Opens what an earlier process had open. */
  restore(): Promise<number>;
  /** Stops listening; what is open in files stays. */
  stop(): Promise<void>;
}

export interface EndpointParts {
  /** Where the sockets' folders are, and what is kept about them. */
  readonly folder: string;
  readonly publicFolder: string;
  readonly serve: SandboxProxy['serve'];
  readonly createSandbox: (record: SandboxRecord) => Sandbox;
  readonly log: Logger;
}

interface Open {
  readonly sandbox: Sandbox;
  readonly server: Server;
  readonly handle: FileHandle;
}

export function createEndpoints({ folder, publicFolder, serve, createSandbox, log }: EndpointParts): Endpoints {
  const sandboxes = join(folder, 'sandboxes');
  const records = join(folder, 'records');
  const running = new Map<string, Open>();
  /** The newest generation that was ever open here, of sessions that have none now. */
  const closed = new Map<string, number>();
  /** One change of a session after the other. */
  const queues = new Map<string, Promise<unknown>>();

  const folderOf = ({ sessionId, generation }: Pick<SandboxRecord, 'sessionId' | 'generation'>): string => join(sandboxes, sessionId, `g${generation}`);
  const recordFile = (sessionId: string): string => join(records, `${sessionId}.json`);

  const inOrder = <T>(sessionId: string, work: () => Promise<T>): Promise<T> => {
    const done = (queues.get(sessionId) ?? Promise.resolve()).then(work, work);
    queues.set(sessionId, done);
    void done
      .catch(() => undefined)
      .finally(() => {
        if (queues.get(sessionId) === done) queues.delete(sessionId);
      });
    return done;
  };

  const listen = async (record: SandboxRecord): Promise<void> => {
    const own = folderOf(record);
    await mkdir(own, { recursive: true, mode: 0o755 });
    for (const name of PUBLIC_FILES) await publish(join(publicFolder, name), join(own, name));
    const sandbox = createSandbox(record);
    const server = serve(sandbox);
    // Reached through the open folder, since a socket's path may have 107 bytes at most.
    const handle = await open(own, 'r');
    const base = `/proc/self/fd/${handle.fd}`;
    await rm(join(own, NEXT), { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(`${base}/${NEXT}`, resolve);
    });
    // Whoever sees the folder may connect: a sandbox does so as a user of its own.
    await chmod(`${base}/${NEXT}`, 0o666);
    // Under its name only now: who sees it can connect.
    await rename(`${base}/${NEXT}`, `${base}/${EGRESS_SOCKET}`);
    running.set(record.sessionId, { sandbox, server, handle });
  };

  /** Removes the folders of a generation and of those before it; a newer one may have been put in its place already. */
  const removeFolders = async (sessionId: string, generation: number): Promise<void> => {
    const own = join(sandboxes, sessionId);
    for (const name of await readdir(own).catch(() => [])) {
      if (Number(name.slice(1)) <= generation) await rm(join(own, name), { recursive: true, force: true });
    }
    await rmdir(own).catch(() => undefined);
  };

  const shut = async (sessionId: string, removing: boolean): Promise<void> => {
    const current = running.get(sessionId);
    if (!current) return;
    running.delete(sessionId);
    const { sandbox, server, handle } = current;
    server.close();
    for (const connection of sandbox.connections) connection.destroy();
    await sandbox.upstream.close();
    if (removing) {
      closed.set(sessionId, sandbox.generation);
      const [oldest] = closed.keys();
      if (closed.size > MOST_CLOSED_KNOWN && oldest !== undefined) closed.delete(oldest);
      await rm(recordFile(sessionId), { force: true });
      await removeFolders(sessionId, sandbox.generation);
    }
    await handle.close();
  };

  return {
    open: (record) =>
      inOrder(record.sessionId, async () => {
        const current = running.get(record.sessionId)?.sandbox;
        const newest = current?.generation ?? closed.get(record.sessionId) ?? -1;
        if (current && current.generation === record.generation && current.workspaceId === record.workspaceId) return { folder: folderOf(record) };
        if (record.generation <= newest) {
          throw new RondoError(
            'request.conflict',
            `Sandbox ${record.generation} of ${record.sessionId} is not opened: ${newest} is newer, or another workspace's.`,
          );
        }
        await shut(record.sessionId, true);
        await mkdir(records, { recursive: true, mode: 0o700 });
        const file = recordFile(record.sessionId);
        await writeFile(`${file}.next`, JSON.stringify(record), { mode: 0o600 });
        await rename(`${file}.next`, file);
        await listen(record);
        return { folder: folderOf(record) };
      }),
    close: (sessionId, generation) =>
      inOrder(sessionId, async () => {
        const current = running.get(sessionId)?.sandbox;
        if (current && current.generation <= generation) await shut(sessionId, true);
        else await removeFolders(sessionId, generation);
      }),
    count: () => running.size,
    async restore() {
      // A socket lets in whoever reaches it, and sandboxes reach theirs by a mount: the way to them is not for other users of this host.
      await mkdir(sandboxes, { recursive: true, mode: 0o700 });
      await chmod(sandboxes, 0o700);
      await mkdir(records, { recursive: true, mode: 0o700 });
      let found = 0;
      for (const name of await readdir(records)) {
        const record = name.endsWith('.json') ? SandboxRecord.safeParse(parseJson(await readFile(join(records, name), 'utf8'))).data : undefined;
        if (!record) {
          await rm(join(records, name), { force: true });
          continue;
        }
        await removeFolders(record.sessionId, record.generation - 1);
        await listen(record);
        found += 1;
      }
      // Folders without a record stay: workers put them there before they ask for the socket.
      log.info({ sandboxes: found }, 'sandboxes found');
      return found;
    },
    async stop() {
      for (const sessionId of running.keys()) await shut(sessionId, false);
    },
  };
}

const NEXT = 'egress.next';
const MOST_CLOSED_KNOWN = 10_000;

/** Puts a public file beside the socket: one mounted folder then holds everything. */
async function publish(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
