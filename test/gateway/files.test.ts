import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeepBlob } from '../../infra/blobs/keep-blob.js';
import { copyFileToSession, upsertSessionOutput } from '../../infra/postgres/files.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import { KEY, MODEL, OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway?.stop());

const files = (key = KEY) => gateway.sdk(key).beta.files;
const upload = (content: string | Uint8Array<ArrayBuffer>, name = 'a.txt', type = '') => files().upload({ file: new File([content], name, { type }) });
const get = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
  fetch(`${gateway.url}${path}`, { method, headers: { authorization: `Bearer ${KEY}`, ...headers } });
const aSession = async () => {
  const agent = await gateway.sdk().beta.agents.create({ name: 'Worker', model: MODEL });
  const environment = await gateway.sdk().beta.environments.create({ name: `for ${agent.id}` });
  return gateway.sdk().beta.sessions.create({ agent: agent.id, environment_id: environment.id });
};
async function asOwner(statement: string, values: unknown[]) {
  const client = new pg.Client({ connectionString: gateway.ownerUrl });
  await client.connect();
  try {
    await client.query(statement, values);
  } finally {
    await client.end();
  }
}

describe('files, by the official SDK', () => {
  it('come back as they went in', async () => {
    const file = await upload('a,b\n1,2\n', '/home/me/numbers.csv', 'text/csv');
    expect(file).toEqual({
      id: expect.stringMatching(/^file_/),
      type: 'file',
      filename: 'numbers.csv',
      mime_type: 'text/csv',
      size_bytes: 8,
      downloadable: true,
      scope: null,
      created_at: expect.any(String),
      expires_at: null,
    });
    expect(await files().retrieveMetadata(file.id)).toEqual(file);
    expect(await (await files().download(file.id)).text()).toBe('a,b\n1,2\n');
    expect(await files().delete(file.id)).toEqual({ id: file.id, type: 'file_deleted' });
    for (const ask of [files().retrieveMetadata, files().download, files().delete].map((method) => method.bind(files()))) {
      await expect(ask(file.id)).rejects.toMatchObject({ status: 404, error: { error: { type: 'not_found_error' } } });
    }
  });

  it('keep every byte, whatever it looks like', async () => {
    const bytes = new Uint8Array(300_000).map((_, index) => (index * 7 + (index >> 8)) % 256);
    const boundaries = new TextEncoder().encode('\r\n--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n--x--\r\n');
    const whole = new Uint8Array([...bytes, ...boundaries, ...bytes]);
    const file = await upload(whole, 'photo.png');
    expect(file).toMatchObject({ mime_type: 'image/png', size_bytes: whole.length });
    expect(await (await files().download(file.id)).bytes()).toEqual(whole);
  });

  it('may be empty', async () => {
    const file = await upload('', 'empty.txt');
    expect(file.size_bytes).toBe(0);
    expect(await (await files().download(file.id)).text()).toBe('');
  });

  it('expire when asked to', async () => {
    const file = await files().upload({ file: new File(['x'], 'a.txt'), expires_in_seconds: 3_600 });
    expect(Date.parse(file.expires_at ?? '') - Date.parse(file.created_at)).toBeGreaterThan(3_590_000);
    await asOwner(`update files set expires_at = now() - interval '1 second' where id = $1`, [file.id]);
    await expect(files().download(file.id)).rejects.toMatchObject({ status: 404, error: { error: { details: { error_code: 'file_expired' } } } });
    expect(await files().retrieveMetadata(file.id)).toMatchObject({ downloadable: false });
  });

  it.each([3_599, 7_776_001, 0, 1.5, -1])('refuse to expire in %d seconds, and keep nothing', async (seconds) => {
    const before = await files().list({ limit: 1 });
    await expect(files().upload({ file: new File(['x'], 'a.txt'), expires_in_seconds: seconds })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('expires_in_seconds'),
    });
    expect((await files().list({ limit: 1 })).data).toEqual(before.data);
  });

  it('are listed newest first, each once, over pages', async () => {
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1) made.unshift((await upload(`${index}`)).id);
    const listed: string[] = [];
    for await (const { id } of files().list({ limit: 2 })) listed.push(id);
    expect(listed.slice(0, 5)).toEqual(made);
    expect(new Set(listed).size).toBe(listed.length);
  });

  it('are found by their ids, unknown ones left out', async () => {
    const [first, second] = [await upload('1'), await upload('2')];
    const page = await files().list({ ids: [first.id, second.id, first.id, 'file_01JD0000000000000000000000', 'nonsense'] });
    expect(page.data.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
    expect(page.next_page).toBeNull();
    const repeated = await files().list({ ids: Array.from({ length: 150 }, () => first.id) });
    expect(repeated.data).toHaveLength(1);
    expect((await files().list({ ids: null, limit: 1 })).data).toEqual([second]);
  });

  it('belong to a session when the agent wrote them or the session was given them', async () => {
    const session = await aSession();
    const uploaded = await upload('input', 'input.txt');
    const keepBlob = createKeepBlob(gateway);
    const kept = await keepBlob(gateway.workspaceId, Readable.from([Buffer.from('result')]));
    const inWorkspace = <T>(work: Parameters<typeof transaction<T>>[2]) => transaction(gateway.pool, gateway.workspaceId, work);
    const copy = await inWorkspace((tx) => copyFileToSession(tx, uploaded.id, session.id));
    const output = await inWorkspace((tx) => upsertSessionOutput(tx, { sessionId: session.id, filename: 'result.txt', mimeType: 'text/plain', ...kept }));
    const listed = await files().list({ scope_id: session.id });
    expect(listed.data.map(({ id }) => id)).toEqual([output?.id, copy.id]);
    expect(listed.data[0]).toMatchObject({ filename: 'result.txt', scope: { type: 'session', id: session.id }, downloadable: true });
    expect(await (await files().download(output?.id ?? '')).text()).toBe('result');
    expect((await files().list({ scope_id: (await aSession()).id })).data).toEqual([]);
    expect((await files().list({ scope_id: session.id, ids: [uploaded.id, copy.id] })).data.map(({ id }) => id)).toEqual([copy.id]);
  });

  it('are invisible to another workspace', async () => {
    const file = await upload('secret');
    const other = files(OTHER_KEY);
    for (const ask of [other.retrieveMetadata, other.download, other.delete].map((method) => method.bind(other))) {
      await expect(ask(file.id)).rejects.toMatchObject({ status: 404 });
    }
    expect((await other.list({ ids: [file.id] })).data).toEqual([]);
    expect((await other.list()).data).toEqual([]);
  });
});

describe('a list of files', () => {
  it.each([
    ['scope_id=agent_01JD0000000000000000000000', 'scope_id'],
    ['scope_id=', 'scope_id'],
    ['ids[]=file_1&limit=5', 'ids'],
    ['ids[]=file_1&page=x', 'ids'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['page=x', 'page'],
  ])('refuses ?%s', async (query, named) => {
    const response = await get(`/v1/files?${query}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(named);
  });

  it('takes a hundred ids, and not one more', async () => {
    const query = (count: number) => Array.from({ length: count }, (_, index) => `ids[]=file_${index}`).join('&');
    expect((await get(`/v1/files?${query(100)}`)).status).toBe(200);
    const refused = await get(`/v1/files?${query(101)}`);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('at most 100')]);
  });

  it.each(['file_x', 'nonsense', '%00', 'file_01JD0000000000000000000000', '..%2f..%2fetc%2fpasswd'])('knows no file %s', async (id) => {
    for (const path of [`/v1/files/${id}`, `/v1/files/${id}/content`]) expect((await get(path)).status).toBe(404);
  });
});

describe('a download', () => {
  it('is never shown, guessed at or run by a browser', async () => {
    const file = await upload('<script>alert(1)</script>', 'page.html', 'text/html');
    const { headers } = await get(`/v1/files/${file.id}/content`);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html',
      'content-length': '25',
      'content-disposition': `attachment; filename="page.html"; filename*=UTF-8''page.html`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cache-control': 'private, no-store',
      'accept-ranges': 'bytes',
    });
  });

  it('has a name that cannot end its header', async () => {
    const file = await upload('x', 'a"; filename=evil.exe;\r\nset-cookie: a=b; ü日\ud800.txt');
    const response = await get(`/v1/files/${file.id}/content`);
    expect(response.headers.get('set-cookie')).toBeNull();
    const disposition = response.headers.get('content-disposition') ?? '';
    expect(disposition).toMatch(/^attachment; filename="[^"]*"; filename\*=UTF-8''[^;'"\s]*$/);
    expect(decodeURIComponent(disposition.split("UTF-8''")[1] ?? '')).toContain('ü日');
  });

  it('answers a range of it', async () => {
    const { id } = await upload('0123456789');
    const part = await get(`/v1/files/${id}/content`, { range: 'bytes=2-4' });
    expect([part.status, part.headers.get('content-range'), part.headers.get('content-length'), await part.text()]).toEqual([206, 'bytes 2-4/10', '3', '234']);
    const etag = part.headers.get('etag') ?? '';
    expect((await get(`/v1/files/${id}/content`, { range: 'bytes=2-4', 'if-range': etag })).status).toBe(206);
    expect((await get(`/v1/files/${id}/content`, { range: 'bytes=2-4', 'if-range': '"other"' })).status).toBe(200);
    const outside = await get(`/v1/files/${id}/content`, { range: 'bytes=10-' });
    expect([outside.status, outside.headers.get('content-range')]).toEqual([416, 'bytes */10']);
    expect(await outside.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
  });

  it('can be asked for without its bytes', async () => {
    const { id } = await upload('0123456789');
    const head = await get(`/v1/files/${id}/content`, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', '']);
  });

  it('of a file whose bytes are gone from the store says that it is not there', async () => {
    const { id } = await upload('x');
    const { rows } = await transaction(gateway.pool, gateway.workspaceId, (tx) =>
      tx.query<{ key: string }>('select blob_key as key from files where id = $1', [id]),
    );
    await gateway.blobs.delete(rows[0]?.key ?? '');
    await expect(files().download(id)).rejects.toMatchObject({ status: 404 });
  });
});

it('keeps bytes below the folder of their workspace, under names of its own', async () => {
  await upload('x', '../../../outside.txt');
  expect((await readdir(gateway.blobsPath)).filter((name) => name !== '.incoming')).toEqual([gateway.workspaceId]);
});

describe('a message that refers to a file', () => {
  const block = (type: 'image' | 'document', file_id: string) => ({ type, source: { type: 'file', file_id } });
  const send = (sessionId: string, ...content: object[]) =>
    gateway.request('POST', `/v1/sessions/${sessionId}/events`, { events: [{ type: 'user.message', content }] });

  it('is accepted with what it refers to', async () => {
    const session = await aSession();
    const [picture, text] = [await upload('a picture', 'a.png'), await upload('a text', 'a.md')];
    const { status, body } = await send(session.id, block('image', picture.id), block('document', text.id));
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body.data[0].content).toEqual([block('image', picture.id), block('document', text.id)]);
  });

  it.each([
    ['a file that is not there', 'image', async (): Promise<string> => 'file_01JD0000000000000000000000', 404, 'does not exist'],
    ['an id with NUL', 'image', async (): Promise<string> => 'file_\0', 404, 'does not exist'],
    ['no id', 'image', async (): Promise<string> => "x' or 1=1", 404, 'does not exist'],
    [
      "another workspace's file",
      'image',
      async (): Promise<string> => (await files(OTHER_KEY).upload({ file: new File(['x'], 'a.png') })).id,
      404,
      'does not exist',
    ],
    ['a text as an image', 'image', async (): Promise<string> => (await upload('x', 'a.txt')).id, 400, 'takes a JPEG'],
    ['a picture as a document', 'document', async (): Promise<string> => (await upload('x', 'a.png')).id, 400, 'takes a PDF'],
    ['a file that is too large', 'document', async (): Promise<string> => (await upload('x'.repeat(10_500_001), 'a.txt')).id, 400, 'at most 10500000'],
    ['an expired file', 'image', anExpiredFile, 404, 'has expired'],
    ["another session's file", 'image', async (): Promise<string> => aCopyIn((await aSession()).id), 404, 'another session'],
  ] as const)('is refused with %s, and nothing is accepted', async (_case, type, fileId, status, said) => {
    const session = await aSession();
    const answer = await send(session.id, { type: 'text', text: 'Look.' }, block(type, await fileId()));
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    expect(answer.body.error.message).toMatch(new RegExp(`^content\\[1\\]\\.source\\.file_id: .*${said}`));
    expect((await gateway.sdk().beta.sessions.events.list(session.id)).data).toEqual([]);
  });

  it("takes the session's own copy", async () => {
    const session = await aSession();
    expect((await send(session.id, block('image', await aCopyIn(session.id)))).status).toBe(200);
  });

  async function anExpiredFile(): Promise<string> {
    const { id } = await files().upload({ file: new File(['x'], 'a.png'), expires_in_seconds: 3_600 });
    await asOwner(`update files set expires_at = now() - interval '1 second' where id = $1`, [id]);
    return id;
  }

  async function aCopyIn(sessionId: string): Promise<string> {
    const { id } = await upload('x', 'a.png');
    return (await transaction(gateway.pool, gateway.workspaceId, (tx) => copyFileToSession(tx, id, sessionId))).id;
  }
});
