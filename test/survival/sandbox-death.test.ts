import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectCount, oneEffect, waitForEffect } from '../support/effects.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { testServices } from '../support/services.js';
import { expectWholeLog, invoke, sql, waitForInvocation } from '../support/sessions.js';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform({ scripts: { 'one-effect': oneEffect(30) } });
});
afterAll(() => platform.stop());

describe('a sandbox that dies while a command runs', () => {
  it('is replaced; the model is told that the outcome is unknown; the command is not run again', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
    await waitForEffect(platform, session_id);
    const [{ name } = { name: '' }] = await sql<{ name: string }>(platform, 'select name from sandboxes where session_id = $1', [session_id]);
    execFileSync('docker', ['-H', `unix://${testServices().dockerSocket}`, 'kill', name], { stdio: 'ignore' });

    const invocation = await waitForInvocation(platform, id);
    expect(invocation).toMatchObject({ status: 'completed', output_text: expect.stringContaining('outcome of this call is unknown') });
    expect(effectCount(platform, session_id)).toBe(1);
    await expectWholeLog(platform, session_id);
    expect(await sql(platform, 'select generation from sandboxes where session_id = $1', [session_id])).toEqual([{ generation: 2 }]);
  });
});
