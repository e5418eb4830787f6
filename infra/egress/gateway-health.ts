import { z } from 'zod';
import { askGateway } from './control-client.js';

const Health = z.object({ status: z.literal('ok'), sandboxes: z.int() });

/** How many sandboxes the egress gateway of a host has a way out for; undefined where none answers. */
export const askGatewayHealth = (egressFolder: string): Promise<number | undefined> =>
  askGateway(egressFolder, { method: 'GET', path: '/healthz' })
    .then(({ body }) => Health.parse(JSON.parse(body)).sandboxes)
    .catch(() => undefined);
