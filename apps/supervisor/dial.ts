import * as fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

/**
 * Connects to every `*.sock` that appears in `directory`. The host makes the directory and mounts it read-only: each
 * socket is one worker that wants to talk.
 */
export function dialNewSockets(directory: string, onConnection: (socket: net.Socket) => void): void {
  const dialled = new Set<string>();
  const scan = () => {
    const names = fs.readdirSync(directory).filter((name) => name.endsWith('.sock'));
    for (const gone of [...dialled].filter((name) => !names.includes(name))) dialled.delete(gone);
    for (const name of names) {
      if (dialled.has(name)) continue;
      dialled.add(name);
      const socket = net.connect(path.join(directory, name), () => onConnection(socket));
      // Left behind by a worker that died: nobody listens.
      socket.on('error', () => socket.destroy());
    }
  };
  fs.watch(directory, scan);
  scan();
}
