import { createHmac } from 'node:crypto';
import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import type { World } from '../world.js';

const KEY = `whsec_${Buffer.from('a key that Rondo would have given').toString('base64')}`;
const BODY = JSON.stringify({ id: 'event_1', type: 'event', created_at: '2026-11-20T00:00:00Z', data: { type: 'session.status_idled', id: 'sesn_1' } });

/** Both methods read what a server has sent and send nothing themselves, so what is asked is whether Rondo can be told where to send it. */
const registered = async ({ client }: World): Promise<void> =>
  void (await client.beta.organization.webhooks.create({
    name: 'events',
    url: 'https://hooks.example.com/rondo',
    enabled_events: ['session.status_idled'],
  } as never));

export const webhooks: Entries = {
  'webhooks.unwrap': {
    'reads a signed event that Rondo sends': async (world) => {
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signature = createHmac('sha256', Buffer.from(KEY.slice('whsec_'.length), 'base64'))
        .update(`event_1.${timestamp}.${BODY}`)
        .digest('base64');
      const headers = { 'webhook-id': 'event_1', 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
      expect(world.client.beta.webhooks.unwrap(BODY, { headers, key: KEY }).id).toBe('event_1');
      await registered(world);
    },
  },
  'webhooks.parseUnverified': {
    'reads an event that Rondo sends': async (world) => {
      expect(world.client.beta.webhooks.parseUnverified(BODY).id).toBe('event_1');
      await registered(world);
    },
  },
};
