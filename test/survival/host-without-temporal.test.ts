import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, resultTexts, sql, waitForInvocation } from '../support/sessions.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { aHost, generationOf, hostOf, liveHosts, SHELL, sandboxOf, start, type TestHost, turn } from './hosts.fixture.js';

const LONG = 180_000;
const EFFECT = 'echo effect >> effects.txt; sleep 300; echo finished';

let platform: Platform;
let wire: TcpProxy;
let cut: TestHost;
let whole: TestHost;

beforeAll(async () => {
  platform = await startPlatform({ workers: 0, scripts: SHELL, environment: { RONDO_IDLE_CLOSE_SECONDS: '600', RONDO_JANITOR_SECONDS: '2' } });
  wire = await startTcpProxy(platform.temporalAddress);
  cut = aHost(platform, 'cut', { RONDO_HOST_SANDBOXES: '50', TEMPORAL_ADDRESS: wire.address });
  whole = aHost(platform, 'whole', { RONDO_HOST_SANDBOXES: '10' });
  await Promise.all([cut.startWorker(), whole.startWorker()]);
  await bothLive();
}, LONG);
afterAll(async () => {
  await Promise.all([cut.dispose(), whole.dispose()]);
  await wire.close();
  await platform.stop();
});

const bothLive = () => waitFor('both hosts to live', async () => (await liveHosts(platform)).length === 2);

describe('a host that reaches the database but not Temporal', () => {
  it(
    'is dead like any other: its sessions go on elsewhere, and it does no harm when it comes back',
    async () => {
      const { id, session_id } = await start(platform, EFFECT);
      const effects = join(cut.home, 'workspaces', session_id, 'effects.txt');
      await waitFor('the command to run', () => existsSync(effects));
      wire.cut();
      await waitFor('its death to be noticed', async () => !(await liveHosts(platform)).some((host) => host.id === 'cut'));
      const ended = await waitForInvocation(platform, id, undefined, 90_000);
      expect(ended).toMatchObject({ status: 'completed', output_text: expect.stringContaining('The outcome of this call is unknown') });
      expect(ended.output_text).toContain('everything written to /workspace and /mnt is lost, because the host that had it is gone');
      expect(await hostOf(platform, session_id)).toBe('whole');
      // It reached the database all the while: it says so of itself as a worker.
      const workers = await sql(platform, `select 1 from worker_status where seen_at > clock_timestamp() - interval '10 seconds'`);
      expect(workers).toHaveLength(2);
      expect(await sandboxOf(cut, session_id)).toBeDefined();

      wire.mend();
      await bothLive();
      await waitFor('its janitor to end what it had', async () => (await sandboxOf(cut, session_id)) === undefined, 60_000);
      expect(await turn(platform, 'cat effects.txt || echo none', session_id)).toMatchObject({ output_text: expect.stringContaining('none') });
      expect([await hostOf(platform, session_id), await generationOf(platform, session_id)]).toEqual(['whole', 2]);
      expect(resultTexts(await expectWholeLog(platform, session_id)).filter((text) => text.includes('finished'))).toEqual([]);
      // What it is given from now on it does.
      const next = await turn(platform, 'echo here again');
      expect(next.output_text).toContain('here again');
      expect(await hostOf(platform, next.session_id)).toBe('cut');
    },
    LONG,
  );
});
