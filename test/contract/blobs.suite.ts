import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../infra/blobs/blob-store.js';

/** What every blob store must do. `create` answers an empty one. */
export function describeBlobStore(name: string, create: () => Promise<BlobStore>): void {
  describe(`blobs in ${name}`, () => {
    let blobs: BlobStore;
    const KEY = 'wrkspc_1/blob_1';

    beforeEach(async () => {
      blobs = await create();
    });

    const read = async (key: string, range?: { start?: number; end?: number }) => {
      const found = await blobs.open(key, range);
      return found && (await buffer(found));
    };
    const keys = async (prefix: string) => (await Readable.from(blobs.list(prefix)).toArray()).sort();

    it('come back as they went in, with their size and hash', async () => {
      const chunks = [randomBytes(70_000), Buffer.alloc(0), randomBytes(3)];
      const whole = Buffer.concat(chunks);
      const stored = await blobs.put(KEY, from(chunks));
      expect(stored).toEqual({ sizeBytes: whole.length, sha256: createHash('sha256').update(whole).digest('hex') });
      expect(await read(KEY)).toEqual(whole);
    });

    it('may be empty', async () => {
      expect(await blobs.put(KEY, from([]))).toMatchObject({ sizeBytes: 0 });
      expect(await read(KEY)).toEqual(Buffer.alloc(0));
    });

    it('are read in ranges, with both ends', async () => {
      await blobs.put(KEY, from([Buffer.from('0123456789')]));
      expect(String(await read(KEY, { start: 2, end: 4 }))).toBe('234');
      expect(String(await read(KEY, { start: 7 }))).toBe('789');
    });

    it('that are not there are answered as that', async () => {
      expect(await blobs.open(KEY)).toBeUndefined();
      await blobs.delete(KEY);
    });

    it('are gone once deleted, but not for who reads them already', async () => {
      await blobs.put(KEY, from([Buffer.from('kept')]));
      const reader = await blobs.open(KEY);
      await blobs.delete(KEY);
      expect(await blobs.open(KEY)).toBeUndefined();
      expect(reader && String(await buffer(reader))).toBe('kept');
    });

    it('are replaced whole', async () => {
      await blobs.put(KEY, from([Buffer.from('a longer first text')]));
      await blobs.put(KEY, from([Buffer.from('second')]));
      expect(String(await read(KEY))).toBe('second');
    });

    it('are invisible until they are whole, and never there when their source fails', async () => {
      const seen: unknown[] = [];
      const failing = async function* () {
        yield Buffer.from('half');
        seen.push(await blobs.open(KEY), await keys(''));
        throw new Error('the sender went away');
      };
      await expect(blobs.put(KEY, failing())).rejects.toThrow('the sender went away');
      expect(seen).toEqual([undefined, []]);
      expect(await blobs.open(KEY)).toBeUndefined();
    });

    it('keep what was there when a replacement fails', async () => {
      await blobs.put(KEY, from([Buffer.from('first')]));
      await expect(blobs.put(KEY, from([Buffer.from('too long')]), { maximumBytes: 3 })).rejects.toMatchObject({ code: 'request.too_large' });
      expect(String(await read(KEY))).toBe('first');
    });

    it('may be as large as allowed, and not a byte larger', async () => {
      await blobs.put(KEY, from([Buffer.alloc(5), Buffer.alloc(5)]), { maximumBytes: 10 });
      await expect(blobs.put(KEY, from([Buffer.alloc(5), Buffer.alloc(6)]), { maximumBytes: 10 })).rejects.toMatchObject({ code: 'request.too_large' });
    });

    it('are not read on past the limit', async () => {
      let asked = 0;
      const endless = async function* () {
        for (;;) {
          asked += 1;
          yield Buffer.alloc(1_000);
        }
      };
      await expect(blobs.put(KEY, endless(), { maximumBytes: 10_000 })).rejects.toMatchObject({ code: 'request.too_large' });
      expect(asked).toBeLessThan(20);
    });

    it('written at once under one key leave one of them, whole', async () => {
      const contents = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(50_000));
      await Promise.all(contents.map((content) => blobs.put(KEY, from([Buffer.from(content.slice(1)), Buffer.from(content[0] ?? '')]))));
      expect(contents).toContain(String(await read(KEY)));
    });

    it('are listed by the beginning of their key', async () => {
      for (const key of ['wrkspc_1/a', 'wrkspc_1/b', 'wrkspc_10/a', 'wrkspc_2/x/y']) await blobs.put(key, from([Buffer.from(key)]));
      expect(await keys('wrkspc_1/')).toEqual(['wrkspc_1/a', 'wrkspc_1/b']);
      expect(await keys('wrkspc_1')).toEqual(['wrkspc_1/a', 'wrkspc_1/b', 'wrkspc_10/a']);
      expect(await keys('')).toHaveLength(4);
      expect(await keys('nobody/')).toEqual([]);
    });

    it.each(['', 'a', '/a/b', 'a/../b', '../a/b', 'a//b', 'a/./b', 'a/.hidden', '.incoming/a', 'a\\b/c', 'a/b\0', 'a/b c', `a/${'x'.repeat(300)}`, 'a/b/'])(
      'refuse %j, which is no key',
      async (key) => {
        await expect(blobs.put(key, from([Buffer.from('x')]))).rejects.toThrow('Not a key');
        await expect(blobs.open(key)).rejects.toThrow('Not a key');
        await expect(blobs.delete(key)).rejects.toThrow('Not a key');
      },
    );
  });
}

async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
