import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { janitorScheduleId } from '../../workflows/contract/names.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, resultTexts, waitForInvocation } from '../support/sessions.js';
import { connectTemporal } from '../support/temporal.js';
import { waitFor } from '../support/wait-for.js';
import { aSession } from '../workflow/mounts.fixture.js';
import { aHost, generationOf, hostOf, liveHosts, SHELL, sandboxOf, start, type TestHost, turn } from './hosts.fixture.js';

const LONG = 180_000;
const EFFECT = 'echo effect >> effects.txt; sleep 300; echo finished';

let platform: Platform;
let north: TestHost;
let south: TestHost;

beforeAll(async () => {
  platform = await startPlatform({ workers: 0, scripts: SHELL, environment: { RONDO_IDLE_CLOSE_SECONDS: '600', RONDO_JANITOR_SECONDS: '2' } });
  north = aHost(platform, 'north', { RONDO_HOST_SANDBOXES: '10' });
  south = aHost(platform, 'south', { RONDO_HOST_SANDBOXES: '10' });
  await Promise.all([north.startWorker(), south.startWorker()]);
  await bothLive();
}, LONG);
afterAll(async () => {
  await Promise.all([north.dispose(), south.dispose()]);
  await platform.stop();
});

const bothLive = () => waitFor('both hosts to live', async () => (await liveHosts(platform)).length === 2);
const byName = (name: string | undefined): TestHost => (name === 'north' ? north : south);
const other = (host: TestHost): TestHost => (host === north ? south : north);
const workspaceFile = (host: TestHost, sessionId: string, name: string): string => join(host.home, 'workspaces', sessionId, name);

/** The host on which the command has done its effect and still runs. */
const hostOfEffect = (sessionId: string): Promise<TestHost> =>
  waitFor('the command to run', () => [north, south].find((host) => existsSync(workspaceFile(host, sessionId, 'effects.txt'))));

describe('sessions on two hosts', () => {
  it(
    'spread over them by free capacity, and each goes on where its sandbox is',
    async () => {
      const first = await Promise.all(Array.from({ length: 6 }, () => turn(platform, 'echo here')));
      expect(first.map(({ output_text }) => output_text)).toEqual(first.map(() => expect.stringContaining('here')));
      const hosts = await Promise.all(first.map(({ session_id }) => hostOf(platform, session_id)));
      expect(hosts.filter((host) => host === 'north').length).toBeGreaterThan(1);
      expect(hosts.filter((host) => host === 'south').length).toBeGreaterThan(1);
      for (const [index, { session_id }] of first.entries()) {
        expect(await turn(platform, 'echo again', session_id)).toMatchObject({ output_text: expect.stringContaining('again') });
        expect(await generationOf(platform, session_id)).toBe(1);
        const host = byName(hosts[index]);
        expect([await sandboxOf(host, session_id), await sandboxOf(other(host), session_id)]).toEqual([expect.any(String), undefined]);
        await expectWholeLog(platform, session_id);
      }
    },
    LONG,
  );

  it(
    'are sent files and asked for them where each has its sandbox, also before there is one',
    async () => {
      const { id } = await aSession(platform);
      await put(id, 'sent.txt', 'early');
      expect(await turn(platform, 'cat sent.txt', id)).toMatchObject({ output_text: expect.stringContaining('early') });
      const sessions = await Promise.all(Array.from({ length: 4 }, () => turn(platform, 'true')));
      const hosts = new Set<string>();
      for (const { session_id } of sessions) {
        const host = byName(await hostOf(platform, session_id));
        hosts.add(host.id);
        await put(session_id, 'sent.txt', `for ${session_id}`);
        expect(readFileSync(workspaceFile(host, session_id, 'sent.txt'), 'utf8')).toBe(`for ${session_id}`);
        expect(existsSync(workspaceFile(other(host), session_id, ''))).toBe(false);
        expect(await (await platform.request('GET', `/v1/sessions/${session_id}/workspace/sent.txt`)).text()).toBe(`for ${session_id}`);
        expect(await turn(platform, 'cat sent.txt', session_id)).toMatchObject({ output_text: expect.stringContaining(`for ${session_id}`) });
      }
      expect(hosts).toEqual(new Set(['north', 'south']));
    },
    LONG,
  );

  it(
    'have their commands stopped by an interrupt, whichever host runs them',
    async () => {
      const onHosts = new Map<string | undefined, string>();
      while (onHosts.size < 2) {
        const { session_id } = await turn(platform, 'true');
        onHosts.set(await hostOf(platform, session_id), session_id);
      }
      const running = await Promise.all([...onHosts.values()].map((sessionId) => start(platform, EFFECT, sessionId)));
      const hosts = await Promise.all(running.map(({ session_id }) => hostOfEffect(session_id)));
      expect(new Set(hosts.map((host) => host.id))).toEqual(new Set(['north', 'south']));
      for (const { id, session_id } of running) {
        await platform.request('POST', `/v1/sessions/${session_id}/events`, { events: [{ type: 'user.interrupt' }] });
        expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'interrupted' });
        const { output_text } = await turn(platform, 'cat /proc/[0-9]*/comm | grep -c "^sleep" || true', session_id);
        expect(output_text.trim()).toBe('0');
        await expectWholeLog(platform, session_id);
      }
    },
    LONG,
  );

  it(
    'go on elsewhere when their host freezes, and it does no harm when it comes back',
    async () => {
      const { id, session_id } = await start(platform, EFFECT);
      const frozen = await hostOfEffect(session_id);
      for (const worker of frozen.workers) worker.freeze();
      const ended = await waitForInvocation(platform, id, undefined, 90_000);
      expect(ended).toMatchObject({ status: 'completed', output_text: expect.stringContaining('The outcome of this call is unknown') });
      expect(ended.output_text).toContain('everything written to /workspace and /mnt is lost, because the host that had it is gone');
      expect(await hostOf(platform, session_id)).toBe(other(frozen).id);
      expect(await sandboxOf(frozen, session_id)).toBeDefined();

      for (const worker of frozen.workers) worker.thaw();
      await bothLive();
      await waitFor('its janitor to end what it had', async () => (await sandboxOf(frozen, session_id)) === undefined, 60_000);
      expect(await turn(platform, 'cat effects.txt || echo none', session_id)).toMatchObject({ output_text: expect.stringContaining('none') });
      expect([await hostOf(platform, session_id), await generationOf(platform, session_id)]).toEqual([other(frozen).id, 2]);
      expect(resultTexts(await expectWholeLog(platform, session_id)).filter((text) => text.includes('finished'))).toEqual([]);
    },
    LONG,
  );
});

async function put(sessionId: string, path: string, body: string): Promise<void> {
  const headers = { authorization: `Bearer ${platform.key}` };
  const response = await fetch(`${platform.url}/v1/sessions/${sessionId}/workspace/${path}`, { method: 'PUT', headers, body });
  expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ path })]);
}

describe('the janitor', () => {
  it('is a schedule of Temporal whose rounds visit every host that lives, and say so to operators', async () => {
    const temporal = await connectTemporal(platform);
    try {
      const id = janitorScheduleId(platform.taskQueue);
      const schedule = temporal.client.schedule.getHandle(id);
      const { info, policies } = await schedule.describe();
      expect([policies.overlap, info.recentActions.length > 0]).toEqual(['SKIP', true]);
      // One of them has just come back.
      await bothLive();
      const workflow = await waitFor('a round that visits both', async () => {
        const round = (await schedule.describe()).info.recentActions.at(-1)?.action;
        const handle = temporal.client.workflow.getHandle(round?.workflow.workflowId ?? '');
        return Object.keys((await handle.result()) as object).join() === 'north,south' ? handle : undefined;
      });
      const { staticSummary } = await workflow.describe().then(async (description) => ({ staticSummary: await description.staticSummary() }));
      expect(staticSummary).toContain('janitor');
    } finally {
      await temporal.close();
    }
  });
});
