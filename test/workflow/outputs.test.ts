import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from '../support/platform.js';
import { sql } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';
import { aSession, run, startWithShell } from './mounts.fixture.js';

let platform: Platform;

beforeAll(async () => {
  platform = await startWithShell({ environment: { RONDO_MAX_FILE_BYTES: '2000000' } });
});
afterAll(() => platform?.stop());

const OUTPUTS = '/mnt/session/outputs';

interface Output {
  readonly id: string;
  readonly filename: string;
  readonly size_bytes: number;
  readonly mime_type: string;
}

async function outputs(sessionId: string): Promise<Output[]> {
  const { data } = await platform.sdk.beta.files.list({ scope_id: sessionId });
  return data.toSorted((a, b) => (a.filename < b.filename ? -1 : 1));
}

const content = async (id: string): Promise<string> => (await platform.sdk.beta.files.download(id)).text();

/** Waits for a look at the outputs after the turn, by what the trace says of it. */
const collected = (sessionId: string, looks: number) =>
  waitFor(`${looks} looks at the outputs of ${sessionId}`, async () => {
    const rows = await sql<{ outcome: string; detail: { collected: number; skipped: number } }>(
      platform,
      `select outcome, detail from attempts where session_id = $1 and name = 'outputs' and ended_at is not null order by started_at`,
      [sessionId],
    );
    return rows.length >= looks ? rows : undefined;
  });

describe('what the agent writes to its outputs folder', () => {
  it('is there as files of the session once the turn is over', async () => {
    const session = await aSession(platform);
    await run(platform, session.id, `printf 'a,b\\n' > ${OUTPUTS}/table.csv; mkdir -p ${OUTPUTS}/deep; head -c 300000 /dev/zero > ${OUTPUTS}/deep/zero.bin`);
    await collected(session.id, 1);
    const [deep, table] = await outputs(session.id);
    expect([deep, table]).toMatchObject([
      { filename: 'deep/zero.bin', size_bytes: 300_000, mime_type: 'application/octet-stream', downloadable: true },
      { filename: 'table.csv', size_bytes: 4, mime_type: 'text/csv', scope: { type: 'session', id: session.id } },
    ]);
    expect(await content(table?.id ?? '')).toBe('a,b\n');
  });

  it('keeps its id when it changes, and is not taken again when it does not', async () => {
    const session = await aSession(platform);
    await run(platform, session.id, `echo one > ${OUTPUTS}/a; echo same > ${OUTPUTS}/b`);
    await collected(session.id, 1);
    const [before] = await outputs(session.id);
    await run(platform, session.id, `echo two > ${OUTPUTS}/a`);
    const looks = await collected(session.id, 2);
    expect(looks.map(({ detail }) => detail.collected)).toEqual([2, 1]);
    const [after] = await outputs(session.id);
    expect(after?.id).toBe(before?.id);
    expect(await content(after?.id ?? '')).toBe('two\n');
  });

  it('is nothing but regular files with proper names: links, pipes and sockets lead nowhere and stop nothing', async () => {
    const session = await aSession(platform);
    const tricks = [
      'ln -s /etc/passwd link',
      'ln -s / root',
      'ln -s /proc/self/environ environ',
      'mkfifo pipe',
      'python3 -c "import socket; s = socket.socket(socket.AF_UNIX); s.bind(\\"socket\\")"',
      'printf x > "$(printf "new\\nline")"',
      'printf x > "$(printf "bad\\377bytes")"',
      'printf good > good.txt',
    ];
    await run(platform, session.id, `cd ${OUTPUTS}; ${tricks.join('; ')}`);
    const [look] = await collected(session.id, 1);
    expect(look).toMatchObject({ outcome: 'ok', detail: { collected: 1 } });
    expect((await outputs(session.id)).map(({ filename }) => filename)).toEqual(['good.txt']);
  });

  it('is bounded, and what is left out is counted', async () => {
    const session = await aSession(platform);
    await run(platform, session.id, `head -c 2000001 /dev/zero > ${OUTPUTS}/large; head -c 2000000 /dev/zero > ${OUTPUTS}/fits`);
    const [look] = await collected(session.id, 1);
    expect(look?.detail).toMatchObject({ collected: 1, skipped: 1 });
    expect((await outputs(session.id)).map(({ filename }) => filename)).toEqual(['fits']);
  });

  it('whose folder was replaced by a link is left alone', async () => {
    const session = await aSession(platform);
    await run(platform, session.id, `rmdir ${OUTPUTS} && ln -s /etc ${OUTPUTS}; ls ${OUTPUTS} | head -1`);
    await run(platform, session.id, 'true');
    expect(await outputs(session.id)).toEqual([]);
    const { status } = await platform.sdk.beta.sessions.retrieve(session.id);
    expect(status).toBe('idle');
  });
});
