import { afterEach, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';
import { aHost, FILL, hostOf, LOOK, liveHosts, SHELL, type TestHost, traceOf, turn, waitForKept } from './hosts.fixture.js';

const LONG = 240_000;
/** What each host says of its sandboxes. */
const ENGINES: Readonly<Record<string, object>> = {
  contained: { engine: 'docker', runtime: 'runc', isolation: 'container' },
  plain: { engine: 'bubblewrap', runtime: 'bwrap', isolation: 'process' },
};

let platform: Platform;
let contained: TestHost;
let plain: TestHost;

/** One installation with a host on Docker and one on bubblewrap. */
async function startBoth(environment: Readonly<Record<string, string>>): Promise<void> {
  platform = await startPlatform({ workers: 0, scripts: SHELL, environment: { RONDO_JANITOR_SECONDS: '2', ...environment } });
  contained = aHost(platform, 'contained', { RONDO_HOST_SANDBOXES: '20', RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: 'runc' });
  plain = aHost(platform, 'plain', { RONDO_HOST_SANDBOXES: '20' });
  await Promise.all([contained.startWorker(), plain.startWorker()]);
}
const live = (...ids: string[]) =>
  waitFor(`${ids.join(' and ')} to live`, async () => (await liveHosts(platform)).map(({ id }) => id).join() === ids.join(), 60_000);
afterEach(async () => {
  await Promise.all([contained.dispose(), plain.dispose()]);
  await platform.stop();
});

const sandboxField = async (sessionId: string) =>
  ((await (await platform.request('GET', `/v1/sessions/${sessionId}`)).json()) as { sandbox: object | null }).sandbox;

/** A new session with a full workspace on each host, by host, and how it looks there. */
async function aSessionOnEach(): Promise<Map<string, { readonly sessionId: string; readonly look: string }>> {
  const found = new Map<string, { readonly sessionId: string; readonly look: string }>();
  while (found.size < 2) {
    const { session_id, output_text } = await turn(platform, `${FILL} && ${LOOK}`);
    found.set((await hostOf(platform, session_id)) ?? '', { sessionId: session_id, look: output_text });
  }
  return found;
}

describe('hosts of different engines in one installation', () => {
  it(
    'both get sessions, each with the isolation of its host, in the field of the session and in the trace',
    async () => {
      await startBoth({ RONDO_IDLE_CLOSE_SECONDS: '600' });
      await live('contained', 'plain');
      for (const [host, { sessionId }] of await aSessionOnEach()) {
        expect(await sandboxField(sessionId)).toEqual(ENGINES[host]);
        const starts = await traceOf(platform, sessionId, 'sandbox_start');
        expect(starts).toEqual([{ outcome: 'ok', detail: expect.objectContaining({ ...ENGINES[host], host }) }]);
        await expectWholeLog(platform, sessionId);
      }
    },
    LONG,
  );

  it(
    'take over what the other one kept when it dies, in both directions, with every byte, mode, time and link',
    async () => {
      await startBoth({ RONDO_IDLE_CLOSE_SECONDS: '4' });
      await live('contained', 'plain');
      const sessions = await aSessionOnEach();
      for (const { sessionId } of sessions.values()) await waitForKept(platform, sessionId);
      const moves = async (sessionId: string, to: string, look: string) => {
        const { output_text } = await turn(platform, LOOK, sessionId);
        expect(output_text).toContain('files in /workspace and /mnt are as they were.');
        expect(output_text.slice(output_text.indexOf("'kept'"))).toBe(look);
        expect(await hostOf(platform, sessionId)).toBe(to);
        const starts = await traceOf(platform, sessionId, 'sandbox_start');
        expect(starts.at(-1)).toEqual({ outcome: 'ok', detail: expect.objectContaining({ ...ENGINES[to], host: to }) });
        await waitForKept(platform, sessionId);
        await expectWholeLog(platform, sessionId);
      };
      const { sessionId, look } = sessions.get('contained') ?? { sessionId: '', look: '' };
      expect(look.slice(0, 6)).toBe("'kept'");
      await contained.die();
      await live('plain');
      await moves(sessionId, 'plain', look);

      await contained.startWorker();
      await live('contained', 'plain');
      await plain.die();
      await live('contained');
      await moves(sessionId, 'contained', look);
      const native = sessions.get('plain') ?? { sessionId: '', look: '' };
      await moves(native.sessionId, 'contained', native.look);
    },
    LONG,
  );

  it(
    'are held to the isolation that is demanded: nothing is placed on the weaker one, whoever is asked',
    async () => {
      await startBoth({ RONDO_IDLE_CLOSE_SECONDS: '600', RONDO_MIN_ISOLATION: 'container' });
      await live('contained');
      const turns = await Promise.all(Array.from({ length: 6 }, () => turn(platform, 'echo held')));
      for (const { session_id, status } of turns) {
        expect([status, await hostOf(platform, session_id), await sandboxField(session_id)]).toEqual(['completed', 'contained', ENGINES['contained']]);
        await expectWholeLog(platform, session_id);
      }
      expect(await plain.sandboxes()).toEqual([]);
      await contained.die();
      await waitFor('nobody to be left', async () => (await liveHosts(platform)).length === 0, 60_000);
      const [orphan] = turns;
      const outcome = await turn(platform, 'echo too weak', orphan?.session_id).then(
        ({ status }) => status,
        (error: Error) => error.message,
      );
      expect(outcome).toMatch(/^failed$|503.*RONDO_MIN_ISOLATION demands container/s);
      expect(await plain.sandboxes()).toEqual([]);
    },
    LONG,
  );
});
