import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LiveStream, openStream } from '../support/live-stream.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke, resultTexts, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

const SECRET = 'search-key-0123456789';
const LINES = 600;
const NUMBERED = `for i in $(seq 1 ${LINES}); do echo "line $i ä🙂"; sleep 0.01; done; until [ -e end ]; do sleep 0.05; done`;
const whole = Array.from({ length: LINES }, (_, index) => `line ${index + 1} ä🙂\n`).join('');
const KILL_SUPERVISOR = `for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q '^/opt/rondo/node .* serve' && kill -9 \${p#/proc/}; done`;
const bash = (command: string) => ({ tool_calls: [{ name: 'bash', input: { command } }] });

/** What a client makes of the pieces: fails at the first that comes again, counts those that are missing. */
function read(stream: LiveStream): { text: string; end: number; gaps: number } {
  let text = '';
  let end = 0;
  let gaps = 0;
  for (const { data } of stream.frames.filter(({ event }) => event === 'rondo.tool_output')) {
    expect(data.offset, 'no piece comes again').toBeGreaterThanOrEqual(end);
    if (data.offset > end) gaps += 1;
    text += data.text;
    end = data.offset + data.bytes;
  }
  return { text, end, gaps };
}

describe.each([
  ['docker with runc', { RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: 'runc' }],
  ['docker with runsc', { RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: 'runsc' }],
  ['bubblewrap', { RONDO_SANDBOX: 'bubblewrap', RONDO_SANDBOX_RUNTIME: 'auto' }],
])('calls in %s', (_engine, environment) => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform({
      workers: 0,
      environment: { ...environment, RONDO_SEARCH_KEY: SECRET },
      scripts: {
        numbered: { replies: [bash(NUMBERED), { text: 'done' }] },
        leaking: {
          replies: [
            bash(`printf 'key: ${SECRET.slice(0, 9)}'; sleep 0.5; printf '\\033[1m${SECRET.slice(9)}'; echo ' end'; until [ -e end ]; do sleep 0.05; done`),
            { text: 'done' },
          ],
        },
        'killing-the-supervisor': {
          replies: [
            bash('echo first; LOST=1; sleep 1050 &'),
            bash(`echo effect >> effects.txt; ${KILL_SUPERVISOR}; sleep 60`),
            bash('echo "[$LOST]"; wc -l < effects.txt'),
            { text: 'done' },
          ],
        },
      },
    });
    await platform.startWorker();
  });
  afterAll(() => platform?.stop());

  const end = (sessionId: string) => writeFileSync(join(platform.home, 'workspaces', sessionId, 'end'), '');
  const follow = (sessionId: string) => openStream(platform, `/v1/sessions/${sessionId}/events/stream?after=0&event_deltas[]=rondo.tool_output`);

  it('go on behind a worker that is killed while they print: readers get every line once, and so does the model', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/numbered', input: 'go' });
    const stream = await follow(session_id);
    const plain = await openStream(platform, `/v1/sessions/${session_id}/events/stream?after=0`);
    await waitFor('some lines on the stream', () => read(stream).text.includes('line 50 '));
    await platform.workers.pop()?.kill();
    const before = read(stream).end;
    await platform.startWorker();
    await waitFor('all lines on the stream', () => read(stream).end === Buffer.byteLength(whole), 45_000);
    expect(before).toBeLessThan(Buffer.byteLength(whole));
    expect(read(stream)).toEqual({ text: whole, end: Buffer.byteLength(whole), gaps: 0 });
    end(session_id);
    await waitForInvocation(platform, id);
    const log = await expectWholeLog(platform, session_id);
    expect(resultTexts(log)).toEqual([whole.trimEnd()]);

    const call = log.find(({ type }) => type === 'agent.tool_use');
    expect(new Set(stream.frames.flatMap(({ event, data }) => (event === 'rondo.tool_output' ? [data.tool_use_id] : [])))).toEqual(new Set([call?.id]));
    await plain.find(({ event }) => event === 'agent.tool_result');
    expect(
      plain.frames.filter(({ event }) => event === 'rondo.tool_output'),
      'who did not ask',
    ).toEqual([]);
    expect(
      log.filter(({ type }) => type.startsWith('rondo.')),
      'the log',
    ).toEqual([]);
    expect(await sql(platform, 'select 1 from call_output where session_id = $1', [session_id]), 'what is left').toEqual([]);
    const attempts = await sql(platform, `select outcome from attempts where session_id = $1 and kind = 'tool_call' order by started_at`, [session_id]);
    expect(attempts).toEqual([{ outcome: 'lost' }, { outcome: 'ok' }]);
    stream.close();
    plain.close();
  });

  it('show readers no known secret, also one that is printed in parts', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/leaking', input: 'go' });
    const stream = await follow(session_id);
    await waitFor('the end of the line', () => read(stream).text.includes('end\n'));
    expect(read(stream).text).toBe('key: [redacted] end\n');
    end(session_id);
    await waitForInvocation(platform, id);
    stream.close();
  });

  it('are told to be lost when their supervisor is killed; finished ones keep their result, and nothing runs twice', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/killing-the-supervisor', input: 'go' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed' });
    const [first, second, third] = resultTexts(await expectWholeLog(platform, session_id));
    expect(first).toMatch(/^first\n\[Still running in the background/);
    expect(second).toMatch(/Whether and how far it ran is unknown/);
    expect(third).toMatch(/^\[This is a new shell: the old one ended unexpectedly\. Working directory, variables and functions[^\]]*\]\n\[\]\n1$/);
  });
});
