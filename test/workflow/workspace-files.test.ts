import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from '../support/platform.js';
import { resultTexts, sql } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';
import { aSession, idle, run, say, startWithShell } from './mounts.fixture.js';

let platform: Platform;

beforeAll(async () => {
  platform = await startWithShell({ environment: { RONDO_IDLE_CLOSE_SECONDS: '2', RONDO_JANITOR_SECONDS: '1', RONDO_MAX_FILE_BYTES: '250000000' } });
});
afterAll(() => platform?.stop());

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

const call = (
  method: string,
  sessionId: string,
  path: string,
  options: { body?: RequestInit['body']; headers?: Record<string, string>; signal?: AbortSignal } = {},
) =>
  fetch(`${platform.url}/v1/sessions/${sessionId}/workspace/${path}`, {
    method,
    ...options,
    headers: { authorization: `Bearer ${platform.key}`, ...options.headers },
    ...(options.body instanceof ReadableStream ? { duplex: 'half' } : {}),
  } as RequestInit);
const put = (sessionId: string, path: string, body: RequestInit['body'], headers = {}) => call('PUT', sessionId, path, { body, headers });
const get = (sessionId: string, path: string, headers = {}) => call('GET', sessionId, path, { headers });
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
const errorOf = async (response: Response) => ({ status: response.status, ...((await response.json()) as { error: { type: string; message: string } }).error });

const residentBytes = (program: { readonly pid: number } | undefined): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${program?.pid}/status`, 'utf8'))?.[1]) * 1_024;

const stateOf = async (sessionId: string) =>
  (await sql<{ state: string; generation: number }>(platform, 'select state, generation from sandboxes where session_id = $1', [sessionId]))[0];
const checkpointed = (sessionId: string) =>
  waitFor(`a checkpoint of ${sessionId}`, async () => {
    const rows = await sql<{ generation: number }>(
      platform,
      `select c.generation from checkpoints c join sandboxes b on b.session_id = c.session_id where c.session_id = $1 and b.state = 'released' and c.generation = b.generation`,
      [sessionId],
    );
    return rows[0]?.generation;
  });

describe('a file of the workspace', () => {
  it('is written before the first call, byte for byte, and the agent finds it', async () => {
    const session = await aSession(platform);
    const answer = await put(session.id, 'deep/er/every byte.bin', EVERY_BYTE);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { type: 'workspace_file', path: 'deep/er/every byte.bin', size_bytes: 256, sha256: createHash('sha256').update(EVERY_BYTE).digest('hex') },
    ]);
    const seen = await run(platform, session.id, "sha256sum < 'deep/er/every byte.bin'; stat -c %U 'deep/er/every byte.bin'");
    expect(seen).toContain(createHash('sha256').update(EVERY_BYTE).digest('hex'));
    expect(seen).toContain('agent');
  });

  it('is read whole, in ranges, and by its head', async () => {
    const session = await aSession(platform);
    await run(platform, session.id, `python3 -c 'open("every.bin", "wb").write(bytes(range(256)))'`);
    const whole = await get(session.id, 'every.bin');
    expect([whole.status, await bytesOf(whole)]).toEqual([200, EVERY_BYTE]);
    const part = await get(session.id, 'every.bin', { range: 'bytes=10-19' });
    expect([part.status, part.headers.get('content-range'), await bytesOf(part)]).toEqual([206, 'bytes 10-19/256', EVERY_BYTE.subarray(10, 20)]);
    expect((await get(session.id, 'every.bin', { range: 'bytes=256-' })).status).toBe(416);
    const head = await call('HEAD', session.id, 'every.bin');
    expect([head.status, head.headers.get('content-length'), (await head.arrayBuffer()).byteLength]).toEqual([200, '256', 0]);
  });

  it('is kept as sent whatever its type says, JSON too', async () => {
    const session = await aSession(platform);
    for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain']) {
      expect((await put(session.id, 'body', '{ not JSON', { 'content-type': type })).status).toBe(200);
      expect(String(await bytesOf(await get(session.id, 'body')))).toBe('{ not JSON');
    }
    expect((await put(session.id, 'body', 'x', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await put(session.id, 'empty', '')).status).toBe(200);
    expect(await bytesOf(await get(session.id, 'empty'))).toEqual(Buffer.alloc(0));
  });

  it('is refused with what is wrong: not there, a directory, too large, another session, a path that leads out', async () => {
    const session = await aSession(platform);
    await run(platform, session.id, 'mkdir directory; mkfifo pipe; ln -s /etc etc; ln -s /etc/passwd passwd; echo kept > file');
    expect(await errorOf(await get(session.id, 'nothing'))).toMatchObject({
      status: 404,
      type: 'not_found_error',
      message: expect.stringContaining('nothing'),
    });
    expect(await errorOf(await put(session.id, 'directory', 'x'))).toMatchObject({ status: 409, message: 'directory is a directory.' });
    for (const path of ['directory', 'pipe', 'etc/passwd', 'passwd', 'file/below']) expect((await get(session.id, path)).status, path).toBe(409);
    for (const path of ['etc/evil', 'file/below']) expect((await put(session.id, path, 'x')).status, path).toBe(409);
    expect((await put(session.id, 'passwd', 'replaced, not followed')).status).toBe(200);
    expect(await run(platform, session.id, 'test -L passwd || cat passwd; head -c 4 /etc/passwd')).toContain('replaced, not followedroot');
    for (const path of ['%2e%2e%2fetc/passwd', 'a%2f%2e%2e%2f%2e%2e%2fx', 'a%2fb', 'a//b', '%00', 'x'.repeat(256)])
      expect((await get(session.id, path)).status, path).toBe(400);
    expect(await errorOf(await put(session.id, 'large', Buffer.alloc(250_000_001)).catch(() => Response.json({ error: {} }, { status: 413 })))).toMatchObject({
      status: 413,
    });
    expect(await errorOf(await put('sesn_01JD00000000000000000000', 'file', 'x'))).toMatchObject({ status: 404 });
  });

  it('is whole when many write it at once', async () => {
    const session = await aSession(platform);
    const contents = Array.from({ length: 8 }, (_, index) => String(index).repeat(300_000));
    const answers = await Promise.all(contents.map((content) => put(session.id, 'contended', content)));
    expect(answers.map(({ status }) => status)).toEqual(contents.map(() => 200));
    expect(contents).toContain(String(await bytesOf(await get(session.id, 'contended'))));
  });

  it('of 200 MB goes both ways as a stream', async () => {
    const session = await aSession(platform);
    const [sent, received] = [createHash('sha256'), createHash('sha256')];
    // What a process takes once, however large the file is, has been taken before it is measured.
    await put(session.id, 'first.bin', Buffer.alloc(60_000_000, randomBytes(997)));
    await bytesOf(await get(session.id, 'first.bin'));
    const pieces = async function* () {
      for (let index = 0; index < 200; index += 1) {
        const piece = randomBytes(1_000_000);
        sent.update(piece);
        yield piece;
      }
    };
    let [gateway, worker] = [0, 0];
    const watch = setInterval(() => {
      gateway = Math.max(gateway, residentBytes(platform.gateway()));
      worker = Math.max(worker, residentBytes(platform.workers[0]));
    }, 50);
    const before = [residentBytes(platform.gateway()), residentBytes(platform.workers[0])] as const;
    expect((await put(session.id, 'large.bin', Readable.toWeb(Readable.from(pieces())) as ReadableStream)).status).toBe(200);
    for await (const piece of (await get(session.id, 'large.bin')).body ?? []) received.update(piece);
    clearInterval(watch);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    expect(gateway - before[0]).toBeLessThan(150e6);
    expect(worker - before[1]).toBeLessThan(150e6);
  }, 240_000);
});

describe('a sandbox that was given back', () => {
  it('leaves a workspace that is read without another sandbox', async () => {
    const session = await aSession(platform);
    await run(platform, session.id, 'echo kept > file; ln -s file link');
    await checkpointed(session.id);
    const before = await stateOf(session.id);
    expect(String(await bytesOf(await get(session.id, 'file')))).toBe('kept\n');
    expect((await get(session.id, 'link')).status).toBe(409);
    expect((await get(session.id, 'nothing')).status).toBe(404);
    expect(await stateOf(session.id)).toEqual(before);
  });

  it('is followed by another one with the same files, and the agent is told once what is gone', async () => {
    const session = await aSession(platform);
    await run(platform, session.id, 'export STATE=kept; echo kept > file; chmod 640 file; (sleep 1000 &) ; echo started');
    await checkpointed(session.id);
    // In one turn: between two of them this one might be given back, too.
    await say(platform, session.id, 'run both: echo "[$STATE]"; cat file; stat -c %a file && then echo again');
    const [first, second] = resultTexts(await idle(platform, session.id, 3)).slice(1);
    expect(first).toContain('new sandbox');
    expect(first).toContain('[]\nkept\n640');
    expect(second).toBe('again');
  });

  it('that only callers have used is given back as well', async () => {
    const session = await aSession(platform);
    await put(session.id, 'file', 'x');
    await waitFor('the sandbox to be given back', async () => ((await stateOf(session.id))?.state === 'released' ? true : undefined), 60_000);
    await checkpointed(session.id);
    expect(String(await bytesOf(await get(session.id, 'file')))).toBe('x');
  });
});

describe('a session that ended', () => {
  it('can be read as it was, and not be written', async () => {
    const session = await aSession(platform);
    await run(platform, session.id, 'echo last > file');
    await platform.request('POST', `/v1/sessions/${session.id}/kill`);
    expect(String(await bytesOf(await get(session.id, 'file')))).toBe('last\n');
    expect(await errorOf(await put(session.id, 'file', 'x'))).toMatchObject({ status: 409, message: expect.stringContaining('terminated') });
  });

  it('leaves no directory on the host, once it is kept or deleted', async () => {
    const [killed, deleted] = [await aSession(platform), await aSession(platform)];
    for (const { id } of [killed, deleted]) await run(platform, id, 'mkdir -m 000 locked; echo x > file');
    await platform.request('POST', `/v1/sessions/${killed.id}/kill`);
    await platform.sdk.beta.sessions.delete(deleted.id);
    const left = () =>
      ['workspaces', 'mounts', 'sandboxes']
        .flatMap((folder) => readdirSync(`${platform.home}/${folder}`))
        .filter((name) => name.includes(killed.id) || name.includes(deleted.id));
    await waitFor('the directories to be removed', async () => (left().length === 0 ? true : undefined), 100_000);
    expect(String(await bytesOf(await get(killed.id, 'file')))).toBe('x\n');
  });
});

describe('a worker that dies', () => {
  it('while it writes loses nothing: another one does it again', async () => {
    const session = await aSession(platform);
    await put(session.id, 'first', 'x');
    // Made quickly: a process that is blocked for seconds finds its kept connections closed.
    const content = Buffer.alloc(120_000_000, randomBytes(997));
    const writing = put(session.id, 'large', content);
    writing.catch(() => undefined);
    await waitFor('the request to run', async () => {
      const [row] = await sql<{ state: string }>(platform, `select state from workspace_requests where session_id = $1 and path = 'large'`, [session.id]);
      return row?.state === 'running' ? true : undefined;
    });
    await platform.workers[0]?.kill();
    await platform.startWorker();
    expect((await writing).status).toBe(200);
    expect((await bytesOf(await get(session.id, 'large'))).equals(content)).toBe(true);
  });
});

describe('a client that goes away', () => {
  it('leaves no request behind', async () => {
    const session = await aSession(platform);
    await Promise.all(platform.workers.map((worker) => worker.kill()));
    const gone = new AbortController();
    const reading = call('GET', session.id, 'file', { signal: gone.signal }).catch(() => 'gone');
    const count = async () => (await sql(platform, 'select 1 from workspace_requests where session_id = $1', [session.id])).length;
    await waitFor('the request', async () => ((await count()) === 1 ? true : undefined));
    gone.abort();
    expect(await reading).toBe('gone');
    await waitFor('no request', async () => ((await count()) === 0 ? true : undefined));
    await platform.startWorker();
  });
});
