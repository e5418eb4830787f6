import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createS3Blobs } from '../../infra/blobs/s3.adapter.js';
import { heldBytes } from '../support/memory.js';
import { type S3Server, startS3Server } from '../support/s3-server.js';
import { describeBlobStore } from './blobs.suite.js';

let server: S3Server;

beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server?.stop());

const blobsIn = (bucket: string, prefix = '') => createS3Blobs({ ...server, bucket, prefix });

describeBlobStore('an S3-compatible store', async () => blobsIn(server.bucket()));

describe('a bucket', () => {
  it('takes content of many parts from a stream, without holding it', async () => {
    const blobs = blobsIn(server.bucket());
    const hash = createHash('sha256');
    const piece = Buffer.alloc(1_000_000);
    let largest = 0;
    const source = async function* () {
      for (let index = 0; index < 200; index += 1) {
        piece.fill(index);
        hash.update(piece);
        if (index % 20 === 0) largest = Math.max(largest, heldBytes());
        yield Buffer.from(piece);
      }
    };
    const before = heldBytes();
    const stored = await blobs.put('wrkspc_1/large', source());
    expect(stored).toEqual({ sizeBytes: 200_000_000, sha256: hash.digest('hex') });
    expect(largest - before).toBeLessThan(150_000_000);
    const read = createHash('sha256');
    for await (const chunk of (await blobs.open('wrkspc_1/large')) ?? []) read.update(chunk as Buffer);
    expect(read.digest('hex')).toBe(stored.sha256);
  });

  it('can be shared: each installation sees what begins with its prefix', async () => {
    const bucket = server.bucket();
    const [one, two] = [blobsIn(bucket, 'one/'), blobsIn(bucket, 'two/')];
    await one.put('wrkspc_1/a', bytes('x'));
    expect(await two.open('wrkspc_1/a')).toBeUndefined();
    const keys: string[] = [];
    for await (const key of one.list('')) keys.push(key);
    expect(keys).toEqual(['wrkspc_1/a']);
  });

  it('that is not there, or not ours, is named a failure of the service', async () => {
    await expect(blobsIn('nobodys-bucket').put('wrkspc_1/a', bytes('x'))).rejects.toMatchObject({ code: 'service.unavailable' });
    await expect(blobsIn('nobodys-bucket').open('wrkspc_1/a')).rejects.toMatchObject({ code: 'service.unavailable' });
    const stranger = createS3Blobs({ ...server, credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' }, bucket: server.bucket(), prefix: '' });
    await expect(stranger.open('wrkspc_1/a')).rejects.toMatchObject({ code: 'service.unavailable' });
  });
});

const bytes = async function* (text: string) {
  yield Buffer.from(text);
};
