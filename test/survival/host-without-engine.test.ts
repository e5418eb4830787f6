import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, sql } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';
import { aSession } from '../workflow/mounts.fixture.js';
import { aHost, hostOf, liveHosts, SHELL, type TestHost, turn } from './hosts.fixture.js';

const LONG = 180_000;
/** So many that each host's workers are asked for some of them. */
const SESSIONS = 8;

let platform: Platform;
let bare: TestHost;
let able: TestHost;

beforeAll(async () => {
  platform = await startPlatform({ workers: 0, scripts: SHELL, environment: { RONDO_IDLE_CLOSE_SECONDS: '600', RONDO_JANITOR_SECONDS: '2' } });
  bare = aHost(platform, 'bare', { RONDO_SANDBOX: 'docker', RONDO_HOST_SANDBOXES: '50' });
  able = aHost(platform, 'able', { RONDO_HOST_SANDBOXES: '30' });
  await bare.startWorker({ DOCKER_HOST: `unix://${join(bare.home, 'no-docker.sock')}` });
}, LONG);
afterAll(async () => {
  await Promise.all([bare.dispose(), able.dispose()]);
  await platform.stop();
});

async function put(sessionId: string, path: string, body: string): Promise<Response> {
  const headers = { authorization: `Bearer ${platform.key}` };
  return fetch(`${platform.url}/v1/sessions/${sessionId}/workspace/${path}`, { method: 'PUT', headers, body });
}

describe('a host that never had an engine', () => {
  it(
    'fails what nobody else could do, and says what is missing',
    async () => {
      const { session_id, ...refused } = await turn(platform, 'echo nobody');
      expect(refused).toMatchObject({ status: 'failed', stop_reason: { cause: 'sandbox_unavailable' } });
      const response = await put((await aSession(platform)).id, 'a.txt', 'a');
      expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('No sandbox can be made')]);
      await expectWholeLog(platform, session_id);
    },
    LONG,
  );

  it(
    'leaves calls and files to another one that has, whoever of them is asked first',
    async () => {
      await able.startWorker();
      await waitFor('the other one to live', async () => (await liveHosts(platform)).some(({ id }) => id === 'able'));
      const turns = await Promise.all(Array.from({ length: SESSIONS }, () => turn(platform, 'echo served')));
      for (const { session_id, status, output_text } of turns) {
        expect([status, output_text, await hostOf(platform, session_id)]).toEqual(['completed', expect.stringContaining('served'), 'able']);
        await expectWholeLog(platform, session_id);
      }
      const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => aSession(platform)));
      const responses = await Promise.all(sessions.map(({ id }) => put(id, 'a.txt', 'a')));
      expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200));
      const hosts = await sql<{ host_id: string }>(platform, 'select distinct host_id from sandboxes');
      expect(hosts).toEqual([{ host_id: 'able' }]);
    },
    LONG,
  );
});
