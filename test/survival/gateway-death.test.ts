import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStream } from '../support/live-stream.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke } from '../support/sessions.js';

let platform: Platform;
const steps = Array.from({ length: 8 }, (_, index) => ({ tool_calls: [{ name: 'bash', input: { command: `sleep 0.3; echo ${index}` } }] }));

beforeAll(async () => {
  platform = await startPlatform({ scripts: { steps: { replies: [...steps, { text: 'done' }] } } });
});
afterAll(() => platform.stop());

it('a gateway killed during a stream: the client comes back with Last-Event-ID and misses and repeats nothing', async () => {
  const { session_id } = await invoke(platform, { model: 'rehearsal/steps', input: 'go' });
  const path = `/v1/sessions/${session_id}/events/stream`;
  const before = await openStream(platform, `${path}?after=0`);
  await before.find(({ event }) => event === 'agent.tool_result');
  await platform.gateway().kill();
  await before.ended;
  await platform.startGateway();
  const after = await openStream(platform, path, { 'last-event-id': before.frames.at(-1)?.id ?? '' });
  await after.find(({ event }) => event === 'session.status_idle');
  after.close();
  const received = [...before.frames, ...after.frames].map(({ data }) => data.id);
  expect(received).toEqual((await expectWholeLog(platform, session_id)).map(({ id }) => id));
});
