import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { transaction } from '../../infra/postgres/transaction.js';
import { waitFor } from '../support/wait-for.js';
import { KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

const MIB = 1_048_576;
const MAXIMUM = 192 * MIB;
const BOUNDARY = 'the-boundary';
const PART = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`;
const END = `\r\n--${BOUNDARY}--\r\n`;
const FORM = { authorization: `Bearer ${KEY}`, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_MAX_FILE_BYTES: String(MAXIMUM) });
});
afterAll(() => gateway?.stop());

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Readonly<Record<string, string>> = {}, path = '/v1/files') =>
  fetch(`${gateway.url}${path}`, { method: 'POST', body, headers: { ...FORM, ...headers } });

/** What is being written, and what nothing refers to, until somebody cleans up. */
const incoming = () => readdir(join(gateway.blobsPath, '.incoming')).catch(() => []);
const countFiles = async () => (await gateway.sdk().beta.files.list({ limit: 1_000 })).data.length;
const reserved = async () => {
  const { rows } = await transaction(gateway.pool, gateway.workspaceId, (tx) => tx.query('select key from blobs where delete_after > now()'));
  return rows.length;
};

/** Sends a form in chunks and says how much memory the process, which is gateway and sender, took at most. */
async function stream(chunks: number, size: number): Promise<{ status: number; body: string; grownMib: number }> {
  const request = httpRequest(`${gateway.url}/v1/files`, { method: 'POST', headers: FORM });
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  const failed = new Promise<void>((resolve) => request.once('error', () => resolve()));
  const memory = () => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = memory();
  let most = before;
  request.write(PART);
  const chunk = Buffer.alloc(size, 'x');
  for (let index = 0; index < chunks && !request.destroyed; index += 1) {
    if (!request.write(chunk)) await Promise.race([once(request, 'drain'), answered, failed]);
    most = Math.max(most, memory());
  }
  request.end(END);
  const [response] = await answered;
  return { status: response.statusCode ?? 0, body: await text(response), grownMib: (most - before) / MIB };
}

describe('a huge upload', () => {
  it('of 180 MiB takes little memory, and comes back whole', async () => {
    const { status, body, grownMib } = await stream(180, MIB);
    expect(status, body).toBe(200);
    const file = JSON.parse(body) as { id: string; size_bytes: number };
    expect(file.size_bytes).toBe(180 * MIB);
    expect(grownMib).toBeLessThan(120);
    const download = await gateway.sdk().beta.files.download(file.id);
    let received = 0;
    for await (const part of download.body ?? []) received += part.length;
    expect(received).toBe(180 * MIB);
    await gateway.sdk().beta.files.delete(file.id);
  });

  it('is refused as soon as it is too large, whether it says so first or not', async () => {
    const announced = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpRequest(`${gateway.url}/v1/files`, { method: 'POST', headers: { ...FORM, 'content-length': String(MAXIMUM * 2) } });
      request.on('response', resolve).on('error', reject);
      request.write(PART);
    });
    expect(announced.statusCode).toBe(413);
    expect(JSON.parse(await text(announced))).toMatchObject({ type: 'error', error: { type: 'request_too_large' } });
    announced.destroy();
    expect((await stream(MAXIMUM / MIB + 2, MIB)).status).toBe(413);
    expect(await incoming()).toEqual([]);
    expect(await countFiles()).toBe(0);
  });
});

describe('a broken upload leaves nothing', () => {
  it('when its sender goes away in the middle', async () => {
    const { hostname, port } = new URL(gateway.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const head = [`POST /v1/files HTTP/1.1`, 'host: x', `authorization: Bearer ${KEY}`, `content-type: ${FORM['content-type']}`, 'content-length: 9000000'];
    socket.write(`${head.join('\r\n')}\r\n\r\n${PART}${'x'.repeat(100_000)}`);
    await waitFor('the upload to arrive', async () => (await incoming()).length > 0);
    socket.destroy();
    await waitFor('the half file to be gone', async () => (await incoming()).length === 0);
    await waitFor('the reservation to be given up', async () => (await reserved()) === 0);
    expect(await countFiles()).toBe(0);
  });

  it.each([
    ['without an end', `${PART}abc`],
    ['cut off within its end', `${PART}abc\r\n--${BOUNDARY}`],
    ['without a part', `--${BOUNDARY}--\r\n`],
    ['of nothing', ''],
    ['of noise', 'noise'],
    ['with a broken header', `--${BOUNDARY}\r\nContent-Disposition form-data\r\n\r\nabc${END}`],
    ['with a file of another name', `${PART.replace('"file"', '"document"')}abc${END}`],
    ['with a file that has no name', `${PART.replace('name="file"; ', '')}abc${END}`],
    ['with two files', `${PART}abc\r\n${PART}def${END}`],
    ['with a text in place of the file', `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc${END}`],
    ['with a field twice', `${PART}abc${`\r\n--${BOUNDARY}\r\nContent-Disposition: form-data; name="expires_in_seconds"\r\n\r\n3600`.repeat(2)}${END}`],
    ['with fields that have no name', `${PART}abc${`\r\n--${BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\n1`.repeat(2)}${END}`],
    ['with a field that has neither name nor end', `${PART}abc\r\n--${BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\n${'9'.repeat(20_000)}${END}`],
    ['with a field without end', `${PART}abc\r\n--${BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n${'9'.repeat(20_000)}${END}`],
    ['with fields without end', `${PART}abc${`\r\n--${BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n1`.repeat(500)}${END}`],
    ['with a header without end', `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${'x'.repeat(100_000)}"\r\n\r\nabc${END}`],
    ['with a file name without end', `${PART.replace('big.bin', 'x'.repeat(300))}abc${END}`],
  ])('(%s)', async (_case, body) => {
    const response = await post(body);
    expect([400, 413]).toContain(response.status);
    expect(await response.json()).toMatchObject({ type: 'error', error: { message: expect.any(String) } });
    expect(await incoming()).toEqual([]);
    expect(await reserved()).toBe(0);
    expect(await countFiles()).toBe(0);
  });

  it.each([
    ['a boundary', { 'content-type': 'multipart/form-data' }, 400],
    ['a form', { 'content-type': 'application/json' }, 415],
    ['a type', { 'content-type': '' }, 415],
    ['being unpacked', { 'content-encoding': 'gzip' }, 415],
    ['a key', { authorization: '' }, 401],
  ])('(without %s)', async (_case, headers, status) => {
    const response = await post(`${PART}abc${END}`, headers);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ type: 'error' });
  });
});

it('a form is refused wherever JSON is expected', async () => {
  for (const path of ['/v1/agents', '/v1/sessions', '/v1/invoke', '/v1/files/file_01JD0000000000000000000000', '/v1/skills/x/versions/y']) {
    expect((await post(`${PART}abc${END}`, {}, path)).status, path).toBe(415);
  }
});

it('many uploads at once are all kept', async () => {
  const contents = Array.from({ length: 30 }, (_, index) => `content ${index}`);
  const made = await Promise.all(contents.map((content) => gateway.sdk().beta.files.upload({ file: new File([content], 'a.txt') })));
  const read = await Promise.all(made.map(async ({ id }) => (await gateway.sdk().beta.files.download(id)).text()));
  expect(read).toEqual(contents);
  const deleted = await Promise.allSettled([...made, ...made].map(({ id }) => gateway.sdk().beta.files.delete(id)));
  expect(deleted.filter(({ status }) => status === 'fulfilled')).toHaveLength(30);
});
