import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { egressFolder } from '../../activities/sandbox/session-directories.js';
import { serveControl } from '../../apps/egress/control.js';
import { createEndpoints } from '../../apps/egress/endpoints.js';
import { askGatewayHealth } from '../../infra/egress/gateway-health.js';
import { createWayOut } from '../../infra/egress/way-out.js';
import { newId } from '../../infra/ids.js';

const log = pino({ level: 'silent' });
let root: string;
let home: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rondo-long-'));
  home = join(root, 'a-data-folder-far-below'.repeat(4), 'and-further-down'.repeat(4));
  const publicFolder = join(egressFolder(home), 'public');
  mkdirSync(publicFolder, { recursive: true });
  for (const name of ['ca.pem', 'ca-bundle.pem', 'ca.jks']) writeFileSync(join(publicFolder, name), 'public');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('a data folder whose path is longer than that of a socket may be is served like any other', async () => {
  const folder = egressFolder(home);
  const endpoints = createEndpoints({
    folder,
    publicFolder: join(folder, 'public'),
    serve: () => createServer(),
    createSandbox: (record) => ({
      ...record,
      upstream: { close: async () => undefined } as never,
      meter: async () => Promise.reject(new Error('nobody asks')),
      held: 0,
      going: 0,
      connections: new Set(),
    }),
    log,
  });
  const control = await serveControl({ folder, endpoints, log });
  const wayOut = createWayOut({ egressFolder: egressFolder(home), log });
  await wayOut.open({ sessionId: newId('session'), workspaceId: newId('workspace') }, 1);
  expect(await askGatewayHealth(egressFolder(home))).toBe(1);
  wayOut.end();
  await control.close();
  await endpoints.stop();
  expect(await askGatewayHealth(egressFolder(home))).toBeUndefined();
});
