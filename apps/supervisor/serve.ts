import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { EGRESS_SOCKET, PROXY_PORT } from '../../activities/sandbox/egress-environment.js';
import { EGRESS_PATH } from '../../activities/sandbox/supervisor-command.js';
import { createFileTools } from './anthropic-toolset.adapter.js';
import { createBash } from './bash.tool.js';
import { createBinding } from './binding.js';
import { createCalls } from './calls.js';
import { serveConnection } from './connection.js';
import { dialNewSockets } from './dial.js';
import { serveEgressBridge } from './egress-bridge.js';
import { clearStaging } from './file-access.js';
import { createFiles } from './files.js';
import { openJournal } from './journal.js';
import { killMarked } from './process-tree.js';

export interface ServeOptions {
  readonly workspace: string;
  /** Where files, skills and outputs of the session are. */
  readonly mounts: string;
  readonly journal: string;
  /** Socket to listen on; its directory also holds scratch files. */
  readonly socket: string;
  /** Directory of host sockets to dial, if the host listens. */
  readonly dial: string | undefined;
}

/** Runs the supervisor until it is killed. */
export function serve(options: ServeOptions): void {
  killMarked();
  const scratch = path.dirname(options.socket);
  const binding = createBinding(options.mounts);
  const journal = openJournal(options.journal);
  const bash = createBash({ workspace: options.workspace, scratch, environment: binding.environment, shellWasLost: journal.inherited });
  const calls = createCalls({
    endBackground: bash.endAll,
    journal,
    outputDirectory: path.join(options.workspace, '.rondo', 'outputs'),
    tools: {
      bash: bash.tool,
      ...createFileTools({ workspace: options.workspace, otherRoots: ['/tmp', options.mounts].filter((root) => fs.existsSync(root)) }),
    },
  });
  const roots = [options.workspace, options.mounts];
  clearStaging(roots);
  const bootId = randomUUID();
  openWayOut();
  const bind: typeof binding.bind = (...to) => {
    binding.bind(...to);
    bash.startAhead();
  };
  // Before anybody is known who will use it: what is particular is put into it when the sandbox is bound.
  bash.startAhead();
  const accept = (socket: net.Socket) => serveConnection(socket, { calls, binding: { bind }, files: createFiles(roots), bootId });

  if (options.dial !== undefined) {
    dialNewSockets(options.dial, accept);
    return;
  }
  fs.rmSync(options.socket, { force: true });
  net.createServer({ allowHalfOpen: true }, accept).listen(options.socket);
}

const PORT_EVERY_MS = 1_000;

/** The agent may have taken the port: then it has no way out until it gives it back, and the tools run all the same. */
function openWayOut(): void {
  serveEgressBridge({ port: PROXY_PORT, socketPath: path.join(EGRESS_PATH, EGRESS_SOCKET) }).catch(() => setTimeout(openWayOut, PORT_EVERY_MS).unref());
}
