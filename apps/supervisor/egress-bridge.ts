import net from 'node:net';

/**
 * Carries connections of programs that use a proxy to the egress gateway's socket, unread. The gateway removes and makes
 * its socket anew when it is started again, so it is looked up for every connection. Resolves with the port.
 */
export async function serveEgressBridge(options: { readonly port: number; readonly socketPath: string }): Promise<{ readonly port: number; close(): void }> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (near) => {
    const far = net.connect({ path: options.socketPath, allowHalfOpen: true });
    const end = () => {
      near.destroy();
      far.destroy();
    };
    near.on('error', end).once('close', () => far.destroy());
    far.once('error', () => void near.resume().end(UNAVAILABLE));
    far.once('connect', () => {
      far.removeAllListeners('error').on('error', end);
      near.pipe(far);
      far.pipe(near);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return { port: (server.address() as net.AddressInfo).port, close: () => void server.close() };
}

/** What a program is told while the gateway is away. */
const BODY = 'The way out of this sandbox is not there at the moment; try again in some seconds.\n';
const UNAVAILABLE = `HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\nretry-after: 2\r\nconnection: close\r\n\r\n${BODY}`;
