import { expect, it } from 'vitest';
import type { EgressRequest } from '../../workflows/contract/network-records.js';
import { createAudit } from './audit.js';

const line = (sessionId: string, path: string): EgressRequest => ({
  sessionId,
  generation: 1,
  toolCallIds: null,
  protocol: 'https',
  host: 'api.example.com',
  port: 443,
  method: 'GET',
  path,
  decision: 'allow',
  rule: 'test',
  status: 200,
  bytesUp: 0,
  bytesDown: 0,
  credentialIds: [],
  error: null,
  startedAt: new Date(0),
  durationMs: 1,
});

/** A table that refuses what it is told to. */
function startAudit(refuses: (workspaceId: string) => boolean) {
  const written: string[] = [];
  const audit = createAudit({
    write: async (workspaceId, requests) => {
      if (refuses(workspaceId)) throw new Error('refused');
      written.push(...requests.map(({ sessionId, path }) => `${workspaceId} ${sessionId} ${path}`));
    },
    log: { error: () => undefined },
  });
  return { audit, written };
}

it('writes the lines of a workspace although those of another cannot be written, and those later', async () => {
  let isAway = true;
  const { audit, written } = startAudit((workspaceId) => isAway && workspaceId === 'broken');
  audit.add('broken', line('b', '/1'));
  audit.add('fine', line('f', '/1'));
  audit.add('broken', line('b', '/2'));
  await audit.flush();
  expect(written).toEqual(['fine f /1']);
  isAway = false;
  await audit.close();
  expect(written).toEqual(['fine f /1', 'broken b /1', 'broken b /2']);
});

it('gives up the newest lines of a session that floods it, and nothing of another', async () => {
  let isAway = true;
  const { audit, written } = startAudit(() => isAway);
  audit.add('own', line('flood', '/what it hides'));
  audit.add('own', line('calm', '/1'));
  for (let count = 0; count < 60_000; count += 1) audit.add('own', line('flood', '/noise'));
  isAway = false;
  await audit.close();
  expect(written.slice(0, 2)).toEqual(['own flood /what it hides', 'own calm /1']);
  expect(written.length).toBeLessThanOrEqual(20_000);
});
