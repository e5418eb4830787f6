import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { connectTemporal, type TemporalView } from '../support/temporal.js';
import { keep } from './kept-histories.js';
import { continueAsNew, SCENARIOS, SCRIPTS } from './scenarios.js';

/** Run by `npm run histories:record` only; see README.md for when that is allowed. */
let platform: Platform;
let temporal: TemporalView;

/** The kept run of a session ends: an idle one closes soon. */
const CLOSE_SOON = { RONDO_IDLE_CLOSE_SECONDS: '2' };

beforeAll(async () => {
  platform = await startPlatform({ scripts: SCRIPTS, environment: CLOSE_SOON });
  temporal = await connectTemporal(platform);
});
afterAll(async () => {
  await temporal?.close();
  await platform?.stop();
});

it.each(Object.entries(SCENARIOS))('records %s', async (name, scenario) => {
  const runs = await temporal.closedRuns(await scenario(platform, temporal));
  expect(runs).toHaveLength(1);
  for (const { history } of runs) keep(name, history);
});

it('records a run that is continued as new with two approvals pending, and the run that continues it', async () => {
  const rolling = await startPlatform({ scripts: SCRIPTS, environment: { ...CLOSE_SOON, RONDO_ROLL_OVER_EVENTS: '50' } });
  try {
    const runs = await temporal.closedRuns(await continueAsNew(rolling, temporal));
    expect(runs.length).toBeGreaterThanOrEqual(2);
    for (const [index, { history }] of runs.slice(0, 2).entries()) keep(`continue-as-new-${index + 1}`, history);
  } finally {
    await rolling.stop();
  }
});
