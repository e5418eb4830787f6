import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectCount, oneEffect, waitForEffect } from '../support/effects.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { testServices } from '../support/services.js';
import { expectWholeLog, invoke, sql, waitForInvocation } from '../support/sessions.js';

const FREEZE_SUPERVISOR = `for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q '^/opt/rondo/node .* serve' && kill -STOP \${p#/proc/}; done`;

let platform: Platform;

async function killSandbox(sessionId: string): Promise<void> {
  const [{ name } = { name: '' }] = await sql<{ name: string }>(platform, 'select name from sandboxes where session_id = $1', [sessionId]);
  execFileSync('docker', ['-H', `unix://${testServices().dockerSocket}`, 'kill', name], { stdio: 'ignore' });
}

const generationOf = (sessionId: string) => sql(platform, 'select generation, state from sandboxes where session_id = $1', [sessionId]);

beforeAll(async () => {
  platform = await startPlatform({
    scripts: {
      'one-effect': oneEffect(30),
      quick: oneEffect(0),
      freezing: {
        replies: [
          { tool_calls: [{ name: 'bash', input: { command: `echo effect >> /workspace/effects.txt; ${FREEZE_SUPERVISOR}; sleep 60` } }] },
          { text: 'The result was: {{last_result}}' },
        ],
      },
    },
  });
});
afterAll(() => platform.stop());

describe('a sandbox that dies while a command runs', () => {
  it('is replaced; the model is told that the outcome is unknown; the command is not run again', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
    await waitForEffect(platform, session_id);
    await killSandbox(session_id);

    const invocation = await waitForInvocation(platform, id);
    expect(invocation).toMatchObject({ status: 'completed', output_text: expect.stringContaining('outcome of this call is unknown') });
    expect(effectCount(platform, session_id)).toBe(1);
    await expectWholeLog(platform, session_id);
    expect(await generationOf(session_id)).toEqual([{ generation: 2, state: 'ready' }]);
  });
});

it('a sandbox that dies between two calls is replaced, and nothing is said to be lost', async () => {
  const first = await invoke(platform, { model: 'rehearsal/quick', input: 'go' });
  await waitForInvocation(platform, first.id);
  await killSandbox(first.session_id);
  const second = await invoke(platform, { session_id: first.session_id, input: 'again' });
  expect(await waitForInvocation(platform, second.id)).toMatchObject({ status: 'completed', output_text: expect.stringContaining('finished') });
  expect(effectCount(platform, first.session_id)).toBe(2);
  expect(await generationOf(first.session_id)).toEqual([{ generation: 2, state: 'ready' }]);
  await expectWholeLog(platform, first.session_id);
});

it('a sandbox whose supervisor the agent has frozen is replaced, and the call it had is lost', async () => {
  const { id, session_id } = await invoke(platform, { model: 'rehearsal/freezing', input: 'go' });
  expect(await waitForInvocation(platform, id, undefined, 90_000)).toMatchObject({
    status: 'completed',
    output_text: expect.stringContaining('outcome of this call is unknown'),
  });
  expect(effectCount(platform, session_id)).toBe(1);
  expect(await generationOf(session_id)).toEqual([{ generation: 2, state: 'ready' }]);
  await expectWholeLog(platform, session_id);
}, 120_000);
