import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

const TIMEOUT_MS = 2_000;
const Health = z.object({ status: z.literal('ok'), sandboxes: z.int() });

/** How many sandboxes the egress gateway behind a control socket has a way out for; undefined where none answers. */
export function askGatewayHealth(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const none = () => resolve(undefined);
    const sent = request({ socketPath, path: '/healthz', signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      json(response).then((body) => resolve(Health.safeParse(body).data?.sandboxes), none);
    });
    sent.on('error', none).end();
  });
}
