import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it } from 'vitest';
import { createMeter } from '../../activities/egress/meter.js';
import { CLOSED } from '../../activities/egress/policy.js';
import type { ForwardParts } from './forward.js';
import { openWebSocket, wantsWebSocket } from './upgrade.js';

const SECRET = 'tok_live_é_1234';
const PLACEHOLDER = `rondo_secret_${'0'.repeat(40)}`;
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A way out to one other side, without a database. */
async function wayTo(far: (socket: Socket) => void) {
  const farPort = await listen(createServer(far));
  const works: Promise<void>[] = [];
  const secret = { credentialId: 'c', placeholders: [PLACEHOLDER], hosts: undefined, inHeaders: true, inBodies: false, open: () => SECRET };
  const rules = { policy: { ...CLOSED, unrestricted: true }, oldestGeneration: 0, secrets: [secret], repositories: [] };
  const parts: ForwardParts = {
    policies: { find: async () => rules, close: () => undefined },
    ask: () => Promise.reject(new Error('nobody is asked')),
    audit: { add: () => undefined, flush: async () => undefined, close: async () => undefined },
    connections: 10,
  };
  const sandbox = {
    sessionId: 's',
    workspaceId: 'w',
    generation: 0,
    held: 0,
    going: 0,
    connections: new Set<Socket>(),
    meter: async () => createMeter({ requests: 0, bytes: 0 }, { requests: 0, bytes: 0 }),
    upstream: {
      request: () => Promise.reject(new Error('no request')),
      connect: async () => connect(farPort, '127.0.0.1'),
      close: async () => undefined,
    },
  };
  const target = { host: 'ws.example.com', port: 443 };
  const near = createHttpServer({ shouldUpgradeCallback: wantsWebSocket });
  near.on('upgrade', (request, socket, head) => void works.push(openWebSocket(parts, { sandbox, scheme: 'https', target }, request, '/', socket, head)));
  const client = connect(await listen(near), '127.0.0.1');
  client.on('error', () => undefined);
  client.write(`GET / HTTP/1.1\r\nhost: ws.example.com\r\nconnection: upgrade\r\nupgrade: websocket\r\nauthorization: Bearer ${PLACEHOLDER}\r\n\r\n`);
  return { client, works };
}

it('lets go of a server that says nothing as soon as the program has gone', async () => {
  const came = Promise.withResolvers<Socket>();
  const { client, works } = await wayTo((socket) => came.resolve(socket.on('error', () => undefined)));
  const far = await came.promise;
  await once(far.resume(), 'data');
  client.destroy();
  await once(far, 'close');
  await Promise.all(works);
  expect(works).toHaveLength(1);
});

it('does not pass on a reason that quotes the secret', async () => {
  const { client } = await wayTo((socket) => {
    socket
      .on('error', () => undefined)
      .once('data', () => {
        socket.end(
          Buffer.concat([
            Buffer.from(`HTTP/1.1 101 hello ${SECRET}\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-got: ${SECRET}\r\nx-other: \u00fc\r\n\r\n`),
          ]),
        );
      });
  });
  const answer = await text(client);
  expect(answer).not.toContain('tok_live');
  expect(answer).toContain(`x-got: ${PLACEHOLDER}`);
  expect(answer).toContain('x-other: \u00fc');
});
