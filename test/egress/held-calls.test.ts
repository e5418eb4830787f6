import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listenOnLoopback } from '../support/loopback-server.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { readLog, resultTexts, sql } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

const LIMIT_MS = 3_000;
let site: Server;
let platform: Platform;
beforeAll(async () => {
  site = createServer((_request, response) => response.end('the page'));
  const port = await listenOnLoopback(site);
  const ask = `curl -sS -x $http_proxy --noproxy "" http://localhost:${port}/`;
  const call = (command: string) => ({ replies: [{ tool_calls: [{ name: 'bash', input: { command, timeout_ms: LIMIT_MS } }] }, { text: 'done' }] });
  platform = await startPlatform({
    environment: { RONDO_ALLOW_PRIVATE: `localhost:${port}` },
    scripts: {
      'one-by-one': call('for n in $(seq 100); do curl -sS -x $http_proxy --noproxy "" http://h$n.test/; done'),
      held: call(ask),
      'then-long': call(`${ask}; sleep 60`),
      'given-up': call(`${ask} --max-time 1; sleep 60`),
    },
  });
  await platform.startEgress();
});
afterAll(async () => {
  await platform?.stop();
  site?.close();
});

async function started(script: string, askTimeout = 120): Promise<string> {
  const { sdk } = platform;
  const networking = { type: 'limited', unknown_hosts: 'ask', ask_timeout: askTimeout };
  const environment = await sdk.beta.environments.create({ name: `e-${Math.random()}`, config: { type: 'cloud', networking } as never });
  const agent = await sdk.beta.agents.create({ name: 'a', model: `rehearsal/${script}`, tools: [{ type: 'agent_toolset_20260401' }] });
  const { id } = await sdk.beta.sessions.create({ agent: agent.id, environment_id: environment.id });
  await sdk.beta.sessions.events.send(id, { events: [{ type: 'user.message', content: [{ type: 'text', text: 'go' }] }] });
  return id;
}

const question = (id: string) =>
  waitFor('a question', async () => (await readLog(platform, id)).find(({ type }) => type === 'rondo.network_confirmation_required'), 60_000);
const result = (id: string) => waitFor('a result', async () => resultTexts(await readLog(platform, id))[0], 60_000);
const allow = (id: string, questionId: string) =>
  platform.request('POST', `/v1/sessions/${id}/events`, { events: [{ type: 'user.tool_confirmation', tool_use_id: questionId, result: 'allow' }] });

it('a call whose request waits for a person is not timed out, and its session goes on running', async () => {
  const id = await started('held');
  const asked = await question(id);
  const uses = (await readLog(platform, id)).filter(({ type }) => type === 'agent.tool_use');
  expect(asked.body).toMatchObject({ host: 'localhost', method: 'GET', tool_use_ids: [uses[0]?.id] });
  expect(asked.body['untrusted_command']).toContain('curl -sS');
  // Time itself is looked at: more than the call has.
  await delay(LIMIT_MS + 1_500);
  expect((await platform.sdk.beta.sessions.retrieve(id)).status).toBe('running');
  expect(resultTexts(await readLog(platform, id))).toEqual([]);
  expect((await allow(id, asked.id)).status).toBe(200);
  expect(await result(id)).toBe('the page');
});

it('its clock goes on when the person has answered', async () => {
  const id = await started('then-long');
  const asked = await question(id);
  await delay(LIMIT_MS);
  await allow(id, asked.id);
  expect(await result(id)).toMatch(new RegExp(`the page[^]*time limit of ${LIMIT_MS} ms was reached`));
});

it('a question that nobody waits for any more stops no clock', async () => {
  const id = await started('given-up');
  expect(await result(id)).toContain(`time limit of ${LIMIT_MS} ms was reached`);
  expect(await sql(platform, 'select answer, held from network_questions where session_id = $1', [id])).toEqual([{ answer: null, held: false }]);
});

it('a program that asks about one host after another, and nobody answers, is not held for ever', async () => {
  const id = await started('one-by-one', 2);
  expect(await result(id)).toContain(`time limit of ${LIMIT_MS} ms was reached`);
  const questions = await sql(platform, 'select host, answer from network_questions where session_id = $1 order by asked_at', [id]);
  expect(questions[0]).toEqual({ host: 'h1.test', answer: 'expired' });
  expect(questions.length).toBeLessThan(10);
});

it('another worker that takes the call over keeps it held', async () => {
  const id = await started('held');
  const asked = await question(id);
  await platform.workers[0]?.kill();
  await platform.startWorker();
  await delay(LIMIT_MS + 8_000);
  expect(resultTexts(await readLog(platform, id))).toEqual([]);
  await allow(id, asked.id);
  expect(await result(id)).toBe('the page');
});
