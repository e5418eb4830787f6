import { execFile } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { promisify } from 'node:util';

/** Servers on every address of this host, that count what reaches them. */
export interface Listeners {
  readonly tcpPort: number;
  readonly tcp6Port: number;
  readonly udpPort: number;
  /** Connections and datagrams so far. */
  heard(): number;
  /** Runs the work while this host also has the address. Needs root, as the tests do. */
  withAddress<T>(address: string, work: () => Promise<T>): Promise<T>;
  close(): void;
}

export async function startListeners(): Promise<Listeners> {
  let count = 0;
  const answer = (socket: net.Socket) => {
    count += 1;
    socket.on('error', () => undefined).end('hello');
  };
  const tcp = net.createServer(answer).listen(0, '0.0.0.0');
  const tcp6 = net.createServer(answer).listen({ port: 0, host: '::', ipv6Only: true });
  const udp = dgram.createSocket('udp4');
  udp.on('message', (_message, from) => {
    count += 1;
    udp.send('hello', from.port, from.address);
  });
  udp.bind(0);
  await Promise.all([once(tcp, 'listening'), once(tcp6, 'listening'), once(udp, 'listening')]);

  return {
    tcpPort: (tcp.address() as AddressInfo).port,
    tcp6Port: (tcp6.address() as AddressInfo).port,
    udpPort: udp.address().port,
    heard: () => count,
    async withAddress(address, work) {
      await promisify(execFile)('ip', ['address', 'add', `${address}/32`, 'dev', 'lo']);
      try {
        return await work();
      } finally {
        await promisify(execFile)('ip', ['address', 'delete', `${address}/32`, 'dev', 'lo']);
      }
    },
    close() {
      tcp.close();
      tcp6.close();
      udp.close();
    },
  };
}
