import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../infra/config/config.js';
import { type Services, startServices } from '../../infra/dev/services.js';
import { effectCount, oneEffect, waitForEffect } from '../support/effects.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

const OUTAGE_MS = 30_000;

let home: string;
let services: Services<'postgres' | 'temporal'>;
let platform: Platform;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'rondo-away-'));
  const config = loadConfig({ ...process.env, RONDO_HOME: home, DATABASE_URL: '', TEMPORAL_ADDRESS: '' });
  services = await startServices({ config, log: () => undefined, only: ['postgres', 'temporal'] });
  platform = await startPlatform({
    serverUrl: services.postgres.url.reveal(),
    temporalAddress: services.temporal.address,
    scripts: { 'one-effect': oneEffect(3), echo: { replies: [{ text: 'You said {{input}}' }] } },
  });
});
afterAll(async () => {
  await platform?.stop();
  await services?.stop();
  rmSync(home, { recursive: true, force: true });
});

describe('services that go away', () => {
  it('Temporal down for 30 s: every input accepted meanwhile is answered, in order', async () => {
    const { session_id, id } = await invoke(platform, { model: 'rehearsal/echo', input: 'first' });
    await waitForInvocation(platform, id);
    await services.kill('temporal');
    const back = delay(OUTAGE_MS).then(() => services.start('temporal'));
    const accepted = [];
    for (let number = 0; number < 10; number += 1) accepted.push(await invoke(platform, { session_id, input: `input ${number}` }));
    await back;
    for (const invocation of accepted) await waitForInvocation(platform, invocation.id, ['completed'], 60_000);
    const said = (await expectWholeLog(platform, session_id)).filter(({ type }) => type === 'user.message').map(({ body }) => body.content[0].text);
    expect(said).toEqual(['first', ...Array.from({ length: 10 }, (_, number) => `input ${number}`)]);
  }, 150_000);

  it('Postgres killed during a command: the session finishes, the effect is there once', async () => {
    const { session_id, id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
    await waitForEffect(platform, session_id);
    await services.restart('postgres');
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed' });
    expect(effectCount(platform, session_id)).toBe(1);
    await expectWholeLog(platform, session_id);
  }, 120_000);

  it('the gateway killed between the commit of an input and its signal: the input is answered all the same', async () => {
    await services.kill('temporal');
    const request = platform.request('POST', '/v1/invoke', { model: 'rehearsal/echo', input: 'is anybody there', mode: 'background' }).catch(() => undefined);
    const row = await waitFor(
      'the input to be committed',
      async () => (await sql<{ id: string; session_id: string }>(platform, `select id, session_id from invocations where status = 'queued'`))[0],
    );
    await platform.gateway().kill();
    await request;
    await services.start('temporal');
    await platform.startGateway();
    expect(await waitForInvocation(platform, row.id, ['completed'], 60_000)).toMatchObject({ output_text: 'You said is anybody there' });
    await expectWholeLog(platform, row.session_id);
  }, 120_000);
});
