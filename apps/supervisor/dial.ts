import * as fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const POLL_MS = 200;

type Watcher = Pick<fs.FSWatcher, 'once' | 'close'>;

/**
 * Connects to every `*.sock` that appears in `directory`. The host makes the directory and mounts it read-only: each
 * socket is one worker that wants to talk. The host counts inotify instances per user, and all sandboxes are one user to
 * it: where another one has used them up, the directory is read every 200 ms instead. Answers how to stop looking.
 */
export function dialNewSockets(
  directory: string,
  onConnection: (socket: net.Socket) => void,
  watch: (directory: string, onChange: () => void) => Watcher = fs.watch,
): () => void {
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
  let stop = () => {};
  const poll = () => {
    const timer = setInterval(scan, POLL_MS);
    stop = () => clearInterval(timer);
  };
  try {
    const watcher = watch(directory, scan);
    stop = () => watcher.close();
    watcher.once('error', () => {
      watcher.close();
      poll();
    });
  } catch {
    poll();
  }
  scan();
  return () => stop();
}
