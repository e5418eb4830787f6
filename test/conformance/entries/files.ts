import { toFile } from '@anthropic-ai/sdk';
import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { expectListed, readAll } from '../pages.js';
import { expectMoment, expectShape } from '../shape.js';
import { FILE } from '../shapes.js';

const HOUR = 3600;

export const files: Entries = {
  'files.upload': {
    'stores the file and answers what it is': async ({ client }) => {
      const file = await client.beta.files.upload({ file: await toFile(Buffer.from('a,b\n1,2\n'), 'data.csv', { type: 'text/csv' }) });
      expectShape(file, FILE);
      expect(file).toMatchObject({ filename: 'data.csv', mime_type: 'text/csv', size_bytes: 8 });
      expect(file.id).toMatch(/^file_/);
      expectMoment(file.created_at);
    },
    'takes a time after which it expires': async ({ client }) => {
      const { created_at, expires_at } = await client.beta.files.upload({ file: await toFile(Buffer.from('x'), 'x.txt'), expires_in_seconds: HOUR });
      const seconds = (Date.parse(expires_at ?? '') - Date.parse(created_at)) / 1000;
      expect(Math.abs(seconds - HOUR)).toBeLessThan(1);
    },
    'refuses a time that is too short with 400': async ({ client }) => {
      await expectRefused(client.beta.files.upload({ file: await toFile(Buffer.from('x'), 'x.txt'), expires_in_seconds: 1 }), 400);
    },
  },
  'files.retrieveMetadata': {
    'answers what was uploaded': async ({ client, upload }) => {
      const uploaded = await upload('content');
      const found = await client.beta.files.retrieveMetadata(uploaded.id);
      expectShape(found, FILE);
      expect({ ...found }).toEqual({ ...uploaded });
    },
    'refuses what is not there with 404': async ({ client }) => {
      await expectRefused(client.beta.files.retrieveMetadata('file_01JD0000000000000000000000'), 404);
    },
  },
  'files.download': {
    'answers the bytes as they were': async ({ client }) => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 251));
      const { id } = await client.beta.files.upload({ file: await toFile(bytes, 'bytes.bin', { type: 'application/octet-stream' }) });
      expect(Buffer.from(await (await client.beta.files.download(id)).arrayBuffer()).equals(bytes)).toBe(true);
    },
  },
  'files.list': {
    'finds every file once, page by page': async ({ client, upload }) => {
      const made = [await upload('1'), await upload('2'), await upload('3')];
      await expectListed(client.beta.files.list({ limit: 2 }), made);
    },
    'finds files by id and leaves out unknown ones': async ({ client, upload }) => {
      const { id } = await upload('wanted');
      const found = await readAll(client.beta.files.list({ ids: [id, 'file_01JD0000000000000000000000'] }));
      expect(found.map((file) => file.id)).toEqual([id]);
    },
    'finds the files of a session': async ({ client, session, upload }) => {
      const { id: scope_id, resources } = await session({ resources: [{ type: 'file', file_id: (await upload('copied')).id }] });
      const [resource] = resources;
      if (resource?.type !== 'file') throw new Error('The session has no file.');
      const found = await readAll(client.beta.files.list({ scope_id }));
      expect(found).toMatchObject([{ id: resource.file_id, scope: { type: 'session', id: scope_id } }]);
    },
  },
  'files.delete': {
    'removes the file': async ({ client, upload }) => {
      const { id } = await upload('content');
      expect(await client.beta.files.delete(id)).toMatchObject({ id, type: 'file_deleted' });
      await expectRefused(client.beta.files.retrieveMetadata(id), 404);
      await expectRefused(client.beta.files.download(id), 404);
    },
  },
};
