import { open } from 'node:fs/promises';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface ControlRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

const TIMEOUT_MS = 5_000;

/** One request to the egress gateway whose folder it is, over its control socket. Rejects when none answers. */
export async function askGateway(egressFolder: string, { method, path, body }: ControlRequest): Promise<{ readonly status: number; readonly body: string }> {
  // Reached through the open folder, since a socket's path may have 107 bytes at most.
  const folder = await open(egressFolder, 'r');
  try {
    return await new Promise((resolve, reject) => {
      const socketPath = `/proc/self/fd/${folder.fd}/control.sock`;
      const sent = request({ socketPath, method, path, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
        text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
      });
      sent.on('error', reject);
      sent.end(body && JSON.stringify(body));
    });
  } finally {
    await folder.close();
  }
}
