import { open, rename, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Logger } from 'pino';
import { z } from 'zod';
import { ERRORS, RondoError } from '../../workflows/contract/errors.js';
import { type Endpoints, SandboxRecord } from './endpoints.js';

const Body = z.strictObject({ workspace_id: z.string() });
const LONGEST_BODY = 10_000;

/**
 * What workers of this host tell the gateway, over a socket that only its owner can open:
 * `PUT /sandboxes/{session}/{generation}` with `{workspace_id}`, answered `{folder}`; `DELETE` of the same; `GET /healthz`.
 */
export async function serveControl(parts: {
  readonly folder: string;
  readonly endpoints: Endpoints;
  readonly log: Logger;
}): Promise<{ close(): Promise<void> }> {
  // Reached through the open folder, since a socket's path may have 107 bytes at most.
  const folder = await open(parts.folder, 'r');
  const path = `/proc/self/fd/${folder.fd}/control.sock`;
  if (await answers(path)) throw new Error(`Another egress gateway serves ${join(parts.folder, 'control.sock')}; there is one for a host.`);
  const server = createServer((request, response) => {
    handle(parts.endpoints, request).then(
      (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      (error: unknown) => {
        const known = error instanceof RondoError ? error : undefined;
        if (!known) parts.log.error({ error: error instanceof Error ? error.message : String(error) }, 'a worker could not be served');
        const message = known?.message ?? 'The gateway failed; its log says why.';
        response.writeHead(ERRORS[known?.code ?? 'internal'].http, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message } }));
      },
    );
  });
  await listenPrivately(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve(folder.close()));
        server.closeAllConnections();
      }),
  };
}

async function handle(endpoints: Endpoints, request: IncomingMessage): Promise<unknown> {
  const { method, url = '' } = request;
  if (method === 'GET' && url === '/healthz') return { status: 'ok', sandboxes: endpoints.count() };
  const { session, generation } = /^\/sandboxes\/(?<session>[0-9A-Za-z_]+)\/(?<generation>\d{1,9})$/.exec(url)?.groups ?? {};
  if (session === undefined || (method !== 'PUT' && method !== 'DELETE'))
    throw new RondoError('request.not_found', `${method} ${url} is nothing the egress gateway knows.`);
  if (method === 'DELETE') {
    await endpoints.close(session, Number(generation));
    return {};
  }
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > LONGEST_BODY) throw new RondoError('request.too_large', 'The body is too large.');
  const body = Body.safeParse(parseJson(await text(request)));
  const record = SandboxRecord.safeParse({ sessionId: session, generation: Number(generation), workspaceId: body.data?.workspace_id });
  if (!record.success) throw new RondoError('request.invalid', 'A sandbox has a session, a generation and {"workspace_id": "wrkspc_…"}.');
  return endpoints.open(record.data);
}

/** Its owner's alone from the first moment: it gets its name when nobody else can open it any more. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const next = `${path}.next`;
  await rm(next, { force: true });
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(next, resolve);
    });
  } finally {
    process.umask(before);
  }
  await rename(next, path);
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
