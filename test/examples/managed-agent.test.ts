import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runPython } from '../python/python.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, resultTexts, sql } from '../support/sessions.js';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform?.stop());

const TOLD = /look the order up.*→ get_order \{.order_id.: ?.A-17.\}.*write the reply.*→ write, allowed by us.*reply is in reply\.md.*idle, \d+ tokens out/s;

async function expectAnswered(): Promise<void> {
  const sessions = await sql<{ id: string }>(platform, 'select id from sessions order by created_at desc limit 1');
  const log = await expectWholeLog(platform, sessions[0]?.id ?? '');
  expect(log.filter(({ type }) => type === 'user.custom_tool_result' || type === 'user.tool_confirmation')).toHaveLength(2);
  expect(resultTexts(log)).toHaveLength(1);
}

it('the example in TypeScript answers a custom tool and a confirmation', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/managed-agent.ts'], {
    env: { PATH: process.env['PATH'], ANTHROPIC_BASE_URL: platform.url, ANTHROPIC_API_KEY: platform.key },
    timeout: 50_000,
  });
  expect(stdout).toMatch(TOLD);
  await expectAnswered();
});

it('the example in Python does the same', async () => {
  expect(await runPython('examples/managed_agent.py', platform)).toMatch(TOLD);
  await expectAnswered();
});
