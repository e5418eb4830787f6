import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { invoke, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform({ scripts: { echo: { replies: [{ text: 'You said {{input}}' }] } } });
});
afterAll(() => platform?.stop());

const upload = (content: string | Uint8Array<ArrayBuffer>, name: string) => platform.sdk.beta.files.upload({ file: new File([content], name) });
const message = (...blocks: object[]) => ({ type: 'user.message', content: blocks });
const image = (file_id: string) => ({ type: 'image', source: { type: 'file', file_id } });
const document = (file_id: string) => ({ type: 'document', source: { type: 'file', file_id } });
const turn = async (...input: object[]) => waitForInvocation(platform, (await invoke(platform, { model: 'rehearsal/echo', input })).id);
const lastRequest = () => platform.rehearsal.requests().at(-1)?.body as { messages: { content: unknown[] }[] };

it('the model sees the bytes of files, the log keeps the reference', async () => {
  const [picture, notes] = [await upload(Buffer.from(PIXEL, 'base64'), 'pixel.png'), await upload('Grüße', 'notes.md')];
  const result = await turn(image(picture.id), document(notes.id), { type: 'text', text: 'Look.' });
  expect(lastRequest().messages[0]?.content).toMatchObject([
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } },
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Grüße' } },
    { type: 'text', text: 'Look.' },
  ]);
  const log = await platform.sdk.beta.sessions.events.list(result.session_id, { types: ['user.message'] });
  expect(log.data).toMatchObject([{ content: [image(picture.id), document(notes.id), { type: 'text' }] }]);
});

it('a file that is deleted later leaves a word in its place, and the session goes on', async () => {
  const picture = await upload(Buffer.from(PIXEL, 'base64'), 'pixel.png');
  const { session_id } = await turn(image(picture.id), { type: 'text', text: 'one' });
  await platform.sdk.beta.files.delete(picture.id);
  const sent = await platform.request('POST', `/v1/sessions/${session_id}/events`, { events: [message({ type: 'text', text: 'two' })] });
  expect(sent.status).toBe(200);
  await waitFor('the second answer', async () => {
    const events = await platform.sdk.beta.sessions.events.list(session_id, { types: ['agent.message'] });
    return events.data.length === 2;
  });
  expect(lastRequest().messages[0]?.content[0]).toEqual({ type: 'text', text: `(File ${picture.id} is not available any more.)` });
});
