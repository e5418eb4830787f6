import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { cleanBlobs } from '../../apps/worker/blob-cleaner.js';
import type { BlobStore } from '../../infra/blobs/blob-store.js';
import { createFileSystemBlobs } from '../../infra/blobs/file-system.adapter.js';
import { createKeepBlob, type KeepBlob } from '../../infra/blobs/keep-blob.js';
import { reserveBlob } from '../../infra/postgres/blobs.repo.js';
import { copyFileToSession, deleteFile, findFile, insertFile, listFiles, upsertSessionOutput } from '../../infra/postgres/files.repo.js';
import { type Transaction, transaction } from '../../infra/postgres/transaction.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;
let blobs: BlobStore;
let keepBlob: KeepBlob;
let folder: string;

beforeAll(async () => {
  fixture = await startStore();
});
afterAll(() => fixture?.stop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rondo-blobs-'));
  blobs = createFileSystemBlobs(folder);
  keepBlob = createKeepBlob({ pool: fixture.pool, blobs });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const inWorkspace = <T>(work: (tx: Transaction) => Promise<T>) => transaction(fixture.pool, fixture.workspaceId, work);
const clean = () => cleanBlobs({ pool: fixture.pool, blobs, log: fixture.log });
const stored = async () => (await Readable.from(blobs.list('')).toArray()) as string[];
const keep = async (content: string) => ({
  mimeType: 'text/plain',
  ...(await keepBlob(fixture.workspaceId, Readable.from([Buffer.from(content)]))),
});
const outputsOf = async (sessionId: string) => (await inWorkspace((tx) => listFiles(tx, { order: 'desc', limit: 100 }, { sessionId }))).items;
const anUpload = async (content = 'bytes') => {
  const kept = await keep(content);
  return inWorkspace((tx) => insertFile(tx, { filename: 'a.txt', ...kept }));
};
async function asOwner(statement: string, values: unknown[]) {
  const client = new pg.Client({ connectionString: fixture.database.ownerUrl });
  await client.connect();
  try {
    await client.query(statement, values);
  } finally {
    await client.end();
  }
}

it('bytes that two files share go with the last of them', async () => {
  const { sessionId } = await aSession(fixture);
  const original = await anUpload();
  const copy = await inWorkspace((tx) => copyFileToSession(tx, original.id, sessionId));
  expect(copy).toMatchObject({ sessionId, origin: 'copy', blobKey: original.blobKey, sha256: original.sha256 });
  expect(copy.id).not.toBe(original.id);

  await inWorkspace((tx) => deleteFile(tx, original.id));
  await clean();
  expect(await stored()).toEqual([original.blobKey]);
  await inWorkspace((tx) => deleteFile(tx, copy.id));
  await clean();
  expect(await stored()).toEqual([]);
});

it('of a hundred that delete one file at once, one does', async () => {
  const file = await anUpload();
  const answers = await Promise.all(Array.from({ length: 100 }, () => inWorkspace((tx) => deleteFile(tx, file.id))));
  expect(answers.filter(Boolean)).toHaveLength(1);
});

it('a copy made while the original is deleted has its bytes, or is not made', async () => {
  const { sessionId } = await aSession(fixture);
  for (let round = 0; round < 20; round += 1) {
    const original = await anUpload(`round ${round}`);
    const [copy] = await Promise.allSettled([
      inWorkspace((tx) => copyFileToSession(tx, original.id, sessionId)),
      inWorkspace((tx) => deleteFile(tx, original.id)).then(clean),
      clean(),
    ]);
    await clean();
    if (copy.status === 'fulfilled') expect(await stored()).toContain(copy.value.blobKey);
    else expect(copy.reason).toMatchObject({ code: 'file.not_found' });
  }
});

it("a session's files go with the session", async () => {
  const { sessionId } = await aSession(fixture);
  const original = await anUpload();
  const copy = await inWorkspace((tx) => copyFileToSession(tx, original.id, sessionId));
  const output = await keep('result');
  await inWorkspace((tx) => upsertSessionOutput(tx, { sessionId, filename: 'result.txt', ...output }));
  await inWorkspace((tx) => tx.query('delete from sessions where id = $1', [sessionId]));
  await clean();
  expect(await inWorkspace((tx) => findFile(tx, copy.id))).toBeUndefined();
  expect(await stored()).toEqual([original.blobKey]);
});

it('what the agent wrote keeps its id when it changes, and nothing happens when it does not', async () => {
  const { sessionId } = await aSession(fixture);
  const write = async (content: string) => {
    const kept = await keep(content);
    return inWorkspace((tx) => upsertSessionOutput(tx, { sessionId, filename: 'result.txt', ...kept }));
  };
  const first = await write('one');
  expect(await write('one')).toBeUndefined();
  const second = await write('two');
  expect(second).toMatchObject({ id: first?.id, sessionId, origin: 'output' });
  await clean();
  const [only, ...others] = await outputsOf(sessionId);
  expect(others).toEqual([]);
  expect(await stored()).toEqual([only?.blobKey]);
  const bytes = only?.blobKey ? await blobs.open(only.blobKey) : undefined;
  expect(bytes && (await text(bytes))).toBe('two');
});

it('one name written at once by two attempts is one file', async () => {
  const { sessionId } = await aSession(fixture);
  const contents = await Promise.all(['a', 'b', 'c', 'd'].map(keep));
  await Promise.all(contents.map((kept) => inWorkspace((tx) => upsertSessionOutput(tx, { sessionId, filename: 'same.txt', ...kept }))));
  await clean();
  const outputs = await outputsOf(sessionId);
  expect(outputs).toHaveLength(1);
  expect(await stored()).toEqual([outputs[0]?.blobKey]);
});

it('an expired file loses its bytes, says why for a month, and is then forgotten', async () => {
  const { sessionId } = await aSession(fixture);
  const file = await anUpload();
  await asOwner(`update files set expires_at = now() - interval '1 second' where id = $1`, [file.id]);
  await expect(inWorkspace((tx) => copyFileToSession(tx, file.id, sessionId))).rejects.toMatchObject({ code: 'file.expired' });
  await clean();
  expect(await stored()).toEqual([]);
  expect(await inWorkspace((tx) => findFile(tx, file.id))).toMatchObject({ blobKey: null });
  await expect(inWorkspace((tx) => copyFileToSession(tx, file.id, sessionId))).rejects.toMatchObject({ code: 'file.expired' });
  await asOwner(`update files set expires_at = now() - interval '31 days' where id = $1`, [file.id]);
  await clean();
  expect(await inWorkspace((tx) => findFile(tx, file.id))).toBeUndefined();
});

it('an upload whose process died is deleted after a day, not before', async () => {
  const key = await inWorkspace(reserveBlob);
  await blobs.put(key, Readable.from([Buffer.from('nobody came for it')]));
  await clean();
  expect(await stored()).toEqual([key]);
  await asOwner('update blobs set delete_after = now() where key = $1', [key]);
  await clean();
  expect(await stored()).toEqual([]);
});

it('a failed upload leaves nothing', async () => {
  const failing = async function* () {
    yield Buffer.from('half');
    throw new Error('cut off');
  };
  await expect(keepBlob(fixture.workspaceId, failing())).rejects.toThrow('cut off');
  await clean();
  expect(await stored()).toEqual([]);
  const { rows } = await inWorkspace((tx) => tx.query('select key from blobs b where not exists (select 1 from files f where f.blob_key = b.key)'));
  expect(rows).toEqual([]);
});

it('another workspace sees no file, and cannot take its bytes', async () => {
  const file = await anUpload();
  const inOther = <T>(work: (tx: Transaction) => Promise<T>) => transaction(fixture.pool, fixture.otherWorkspaceId, work);
  expect(await inOther((tx) => findFile(tx, file.id))).toBeUndefined();
  expect(await inOther((tx) => deleteFile(tx, file.id))).toBe(false);
  const { blobKey } = file;
  if (blobKey === null) throw new Error('The file has no bytes.');
  const theft = { filename: 'mine.txt', mimeType: 'text/plain', sizeBytes: 5, sha256: file.sha256, blobKey };
  await expect(inOther((tx) => insertFile(tx, theft))).rejects.toThrow('not there');
});
