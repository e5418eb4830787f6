import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { runPython } from './python.js';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform({
    scripts: {
      color: {
        replies: [{ tool_calls: [{ name: 'favorite_color', input: {} }] }, { text: 'The answer, given by the client, was {{last_result}}.', chunk_ms: 40 }],
      },
    },
  });
});
afterAll(() => platform?.stop());

interface Printed {
  readonly session: { readonly id: string; readonly status: string; readonly metadata: Record<string, string> };
  readonly streamed: readonly string[];
  readonly listed: readonly string[];
  readonly types: readonly string[];
  readonly messages: Readonly<Record<string, string>>;
  readonly deltas: Readonly<Record<string, string>>;
  readonly found: readonly string[];
  readonly refusal: string | null;
}

it('the Python SDK creates an agent and a session, streams it and answers a custom tool', async () => {
  const printed = JSON.parse(await runPython('test/python/sdk_session.py', platform)) as Printed;
  expect(printed.session).toMatchObject({ status: 'idle', metadata: { from: 'python' } });
  expect(Object.values(printed.messages)).toEqual(['The answer, given by the client, was blue.']);
  // A preview may end early: who reads late goes on with the event itself, which is the truth.
  expect(Object.keys(printed.deltas), 'previews are of the messages').toEqual(Object.keys(printed.messages));
  for (const [id, preview] of Object.entries(printed.deltas)) {
    expect(preview).not.toBe('');
    expect(printed.messages[id]?.startsWith(preview), `"${preview}" begins the message`).toBe(true);
  }
  expect(printed.types).toContain('user.custom_tool_result');
  expect(
    printed.streamed.filter((id) => !printed.listed.includes(id)),
    'what was streamed is in the list',
  ).toEqual([]);
  expect(
    printed.listed.filter((id) => !printed.streamed.includes(id)),
    'what is in the list was streamed',
  ).toEqual([]);
  expect(printed.found).toEqual([printed.session.id]);
  expect(printed.refusal).toBe('not_found_error');
});
