import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { TestSandbox } from './egress.fixture.js';

/** Sends bytes to the proxy as they are; answers everything until it closes the connection. */
export async function raw(sandbox: TestSandbox, bytes: string | Buffer): Promise<string> {
  const socket = connectTcp(Number(new URL(sandbox.proxyUrl).port), '127.0.0.1');
  socket.write(bytes);
  return readAll(socket);
}

export async function readAll(socket: Socket): Promise<string> {
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.setTimeout(20_000, () => socket.end());
  await once(socket, 'close');
  return received;
}

/** A tunnel as the proxy opened it, with nothing spoken in it yet. */
export async function openTunnel(sandbox: TestSandbox, authority: string): Promise<Socket> {
  const socket = connectTcp(Number(new URL(sandbox.proxyUrl).port), '127.0.0.1');
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  if (!head.toString().startsWith('HTTP/1.1 200 ')) throw new Error(head.toString());
  return socket;
}

/** TLS in a tunnel, trusting the gateway's authority. */
export async function openTls(
  sandbox: TestSandbox,
  authority: string,
  options: { readonly alpn?: string; readonly servername?: string } = {},
): Promise<TLSSocket> {
  const socket = await openTunnel(sandbox, authority);
  const [host = ''] = authority.split(':');
  const secure = connectTls({
    socket,
    servername: options.servername ?? host,
    ca: readFileSync(join(sandbox.folder, 'ca.pem')),
    ALPNProtocols: [options.alpn ?? 'http/1.1'],
    checkServerIdentity: () => undefined,
  });
  await once(secure, 'secureConnect');
  return secure;
}

/** Bytes of HTTP/1.1 in a tunnel with TLS; answers everything until the connection is closed. */
export async function rawInTls(sandbox: TestSandbox, authority: string, bytes: string): Promise<string> {
  const secure = await openTls(sandbox, authority);
  secure.write(bytes);
  return readAll(secure);
}
