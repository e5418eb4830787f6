import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sessionWorkflowId } from '../../workflows/contract/names.js';
import { effectCount, oneEffect, waitForEffect } from '../support/effects.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

let platform: Platform;
let connection: Connection;

beforeAll(async () => {
  platform = await startPlatform({ scripts: { 'one-effect': oneEffect(5) } });
  connection = await Connection.connect({ address: platform.temporalAddress });
});
afterAll(async () => {
  await connection?.close();
  await platform?.stop();
});

it('a run that an operator terminated is begun again from the rows, and the call it had under way is not run twice', async () => {
  const { id, session_id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
  await waitForEffect(platform, session_id);
  const workflow = new Client({ connection, namespace: 'rondo' }).workflow.getHandle(sessionWorkflowId(session_id));
  const { runId } = await workflow.describe();
  await workflow.terminate('by hand');
  await waitFor('another run', async () => {
    // As if an hour had passed, also when the activity that was under way still writes something.
    await sql(platform, `update sessions set updated_at = now() - interval '1 hour' where id = $1`, [session_id]);
    await sql(platform, `update attempts set started_at = now() - interval '1 hour' where session_id = $1`, [session_id]);
    return (await workflow.describe()).runId !== runId;
  });
  expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed' });
  expect(effectCount(platform, session_id)).toBe(1);
  await expectWholeLog(platform, session_id);
});
