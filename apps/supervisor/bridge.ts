import net from 'node:net';

const RETRY_MS = 20;
const GIVE_UP_MS = 15_000;

/** Joins standard input and output to the supervisor's socket, waiting until it listens. Ends with either side. */
export function bridge(socketPath: string): void {
  const until = Date.now() + GIVE_UP_MS;
  const attempt = () => {
    const socket = net.connect(socketPath);
    const retry = (error: Error) => {
      if (Date.now() < until) return void setTimeout(attempt, RETRY_MS);
      process.stderr.write(`the supervisor does not answer on ${socketPath}: ${error.message}\n`);
      process.exitCode = 1;
    };
    socket.once('error', retry);
    socket.once('connect', () => {
      socket.off('error', retry);
      socket.on('error', () => process.exit(1));
      process.stdin.pipe(socket);
      socket.pipe(process.stdout);
      socket.once('close', () => process.exit(0));
      process.stdout.on('error', () => process.exit(0));
    });
  };
  attempt();
}
