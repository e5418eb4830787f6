import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';
import { aSession } from '../workflow/mounts.fixture.js';
import { aHost, FILL, generationOf, hostOf, LOOK, liveHosts, SHELL, start, type TestHost, traceOf, turn, waitForKept } from './hosts.fixture.js';

const EFFECT = 'echo effect >> effects.txt; sleep 300; echo finished';
const LONG = 180_000;

let platform: Platform;
let hosts: TestHost[];

/** A platform without a host. */
async function startEmpty(idleSeconds: number): Promise<void> {
  hosts = [];
  platform = await startPlatform({ workers: 0, scripts: SHELL, environment: { RONDO_IDLE_CLOSE_SECONDS: String(idleSeconds), RONDO_JANITOR_SECONDS: '2' } });
}
afterEach(async () => {
  await Promise.all(hosts.map((host) => host.dispose()));
  await platform.stop();
});

async function startHost(id: string, sandboxes: number, environment: Readonly<Record<string, string>> = {}): Promise<TestHost> {
  const host = aHost(platform, id, { RONDO_HOST_SANDBOXES: String(sandboxes), ...environment });
  hosts.push(host);
  await host.startWorker();
  await waitFor(`host ${id} to live`, async () => (await liveHosts(platform)).some((live) => live.id === id));
  return host;
}

describe('a session whose host has given its sandbox back', () => {
  it(
    'goes on where there is most room, with every byte, mode, time and link; the host before gives up what it has had',
    async () => {
      await startEmpty(2);
      const old = await startHost('old', 5);
      const { session_id, output_text: before } = await turn(platform, `${FILL} && ${LOOK}`);
      expect(before.slice(0, 6)).toBe("'kept'");
      await waitForKept(platform, session_id);
      const roomy = await startHost('roomy', 50);
      const after = await turn(platform, LOOK, session_id);
      expect(await hostOf(platform, session_id)).toBe('roomy');
      expect(after.output_text.slice(after.output_text.indexOf("'kept'"))).toBe(before);
      expect(after.output_text).toContain('files in /workspace and /mnt are as they were.');
      expect(existsSync(join(roomy.home, 'workspaces', session_id, 'kept', 'bytes'))).toBe(true);
      await waitForKept(platform, session_id);
      await waitFor('the old directories to go', () => !existsSync(join(old.home, 'workspaces', session_id)));
      await expectWholeLog(platform, session_id);
    },
    LONG,
  );
});

describe('a host that dies in the middle of a call', () => {
  it(
    'is noticed within fifteen seconds; the session goes on elsewhere from what was kept, is told what is lost, and nothing is done twice',
    async () => {
      await startEmpty(2);
      const doomed = await startHost('doomed', 5);
      const { session_id } = await turn(platform, `${FILL} && ${LOOK}`);
      await waitForKept(platform, session_id);
      const { id } = await start(platform, EFFECT, session_id);
      const effects = join(doomed.home, 'workspaces', session_id, 'effects.txt');
      await waitFor('the command to run', () => existsSync(effects));
      const rest = await startHost('rest', 5);
      await doomed.die();
      const died = performance.now();
      await waitFor('its death to be noticed', async () => !(await liveHosts(platform)).some((live) => live.id === 'doomed'));
      expect(performance.now() - died).toBeLessThan(15_000);
      await waitFor('the session to be on the other host', async () => (await hostOf(platform, session_id)) === 'rest');
      const movedMs = performance.now() - died;
      const { status, output_text } = await waitForInvocation(platform, id);
      expect(status).toBe('completed');
      expect(output_text).toContain('The outcome of this call is unknown');
      expect(output_text).toMatch(
        /files in \/workspace and \/mnt are as they were at .*; what was written later is lost, because the host that had it is gone/,
      );
      expect(movedMs).toBeLessThan(20_000);
      expect(readFileSync(effects, 'utf8')).toBe('effect\n');
      expect(existsSync(join(rest.home, 'workspaces', session_id, 'effects.txt'))).toBe(false);
      const { output_text: kept } = await turn(platform, LOOK, session_id);
      expect(kept).toContain("'kept/file' 640 regular file 981173106.789");
      const starts = await traceOf(platform, session_id, 'sandbox_start');
      expect(starts).toContainEqual({ outcome: 'ok', detail: expect.objectContaining({ host: 'rest', lost_since: expect.stringMatching(/^\d{4}-/) }) });
      await expectWholeLog(platform, session_id);
    },
    LONG,
  );
});

describe('a host that dies with files that callers of the API have put there', () => {
  it(
    'has them told as lost with the next result, as what the agent wrote would be, and in the trace',
    async () => {
      await startEmpty(2);
      const doomed = await startHost('doomed', 5);
      const { session_id: used } = await turn(platform, 'echo kept > kept.txt');
      await waitForKept(platform, used);
      // What is sent is not given back and kept before the host dies, however long that takes.
      await doomed.stopWorkers();
      await doomed.startWorker({ RONDO_IDLE_CLOSE_SECONDS: '600' });
      const { id: fresh } = await aSession(platform);
      for (const sessionId of [used, fresh]) {
        const headers = { authorization: `Bearer ${platform.key}` };
        const request = { method: 'PUT', headers, body: 'sent' };
        expect((await fetch(`${platform.url}/v1/sessions/${sessionId}/workspace/sent.txt`, request)).status).toBe(200);
      }
      await doomed.die();
      await startHost('rest', 5);
      const [again, first] = [await turn(platform, 'ls', used), await turn(platform, 'ls', fresh)];
      expect(again.output_text).toMatch(
        /files in \/workspace and \/mnt are as they were at .*; what was written later is lost, because the host that had it is gone/,
      );
      expect(again.output_text).toMatch(/^kept.txt$/m);
      expect(first.output_text).toContain('everything written to /workspace and /mnt is lost, because the host that had it is gone');
      for (const { session_id, output_text } of [again, first]) {
        expect(output_text).not.toContain('sent.txt');
        const starts = await traceOf(platform, session_id, 'sandbox_start');
        expect(starts.at(-1)).toEqual({ outcome: 'ok', detail: expect.objectContaining({ host: 'rest', lost_since: expect.any(String) }) });
        await expectWholeLog(platform, session_id);
      }
    },
    LONG,
  );
});

describe('hosts that are full', () => {
  it(
    'let a call wait, tell after a time that there is no room, and give the next one the place of a session that does nothing',
    async () => {
      await startEmpty(600);
      const only = await startHost('only', 1, { RONDO_SANDBOX_WAIT_SECONDS: '20' });
      const holding = await start(platform, EFFECT);
      await waitFor('the command to run', () => existsSync(join(only.home, 'workspaces', holding.session_id, 'effects.txt')));
      const refused = await turn(platform, 'echo too many');
      expect(refused).toMatchObject({ status: 'failed', stop_reason: { cause: 'sandbox_full' } });
      expect(JSON.stringify(refused.stop_reason)).toContain('All sandbox hosts were full');
      expect(await generationOf(platform, refused.session_id)).toBeUndefined();

      const waiting = await start(platform, 'echo at last');
      await platform.request('POST', `/v1/sessions/${holding.session_id}/events`, { events: [{ type: 'user.interrupt' }] });
      expect(await waitForInvocation(platform, waiting.id, undefined, 60_000)).toMatchObject({
        status: 'completed',
        output_text: expect.stringContaining('at last'),
      });
      // It had been given back, not taken away.
      await waitForKept(platform, holding.session_id);
    },
    LONG,
  );
});
