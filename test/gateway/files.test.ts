import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_MAX_FILE_BYTES: '3000000' });
});
afterAll(() => gateway?.stop());

const upload = (content: string | Uint8Array<ArrayBuffer>, name: string, type = '') =>
  gateway.sdk().beta.files.upload({ file: new File([content], name, { type }) });

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
    expect(await gateway.sdk().beta.files.retrieveMetadata(file.id)).toEqual(file);
    const response = await gateway.sdk().beta.files.download(file.id);
    expect(await response.text()).toBe('a,b\n1,2\n');
    expect(await gateway.sdk().beta.files.delete(file.id)).toEqual({ id: file.id, type: 'file_deleted' });
    await expect(gateway.sdk().beta.files.retrieveMetadata(file.id)).rejects.toMatchObject({ status: 404 });
    void KEY;
  });
});
