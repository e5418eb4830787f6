import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, resultTexts, sql, waitForInvocation } from '../support/sessions.js';
import { connectTemporal, type TemporalView } from '../support/temporal.js';
import { createReplayer } from './replayer.js';
import { continueAsNew, SCRIPTS, waitingAfterRollOver } from './scenarios.js';

/** Time enough for a busy machine to come to the roll-over. */
const APPROVAL_SECONDS = 30;

let platform: Platform;
let temporal: TemporalView;

beforeAll(async () => {
  platform = await startPlatform({ scripts: SCRIPTS, environment: { RONDO_ROLL_OVER_EVENTS: '50', RONDO_IDLE_CLOSE_SECONDS: '1' } });
  temporal = await connectTemporal(platform);
});
afterAll(async () => {
  await temporal?.close();
  await platform?.stop();
});

describe('a run that is continued as new while two calls wait for approval', () => {
  it('keeps both and their deadlines: one is allowed by HTTP, the other by signal, and both run once', async () => {
    const sessionId = await continueAsNew(platform, temporal);
    const runs = await temporal.closedRuns(sessionId);
    expect(runs.length).toBeGreaterThanOrEqual(2);
    const replay = await createReplayer();
    for (const { history } of runs) await replay(history);
  });

  it('denies what nobody decides at the time that was set before, not later', async () => {
    await platform.workers.pop()?.stop();
    await platform.startWorker({ RONDO_APPROVAL_TIMEOUT_SECONDS: String(APPROVAL_SECONDS) });
    const { id, session_id } = await waitingAfterRollOver(platform, temporal);
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed' });
    const log = await expectWholeLog(platform, session_id);
    expect(resultTexts(log)).toEqual([expect.stringContaining('Nobody decided'), expect.stringContaining('Nobody decided')]);
    const decided = await sql<{ decided_by: string; late: string }>(
      platform,
      'select decided_by, extract(epoch from decided_at - decide_by) as late from tool_calls where session_id = $1',
      [session_id],
    );
    expect(decided.map(({ decided_by }) => decided_by)).toEqual(['timeout', 'timeout']);
    for (const { late } of decided) {
      expect(Number(late)).toBeGreaterThanOrEqual(0);
      expect(Number(late), 'a deadline that began anew would be as late as the roll-over').toBeLessThan(APPROVAL_SECONDS / 3);
    }
  }, 120_000);
});
