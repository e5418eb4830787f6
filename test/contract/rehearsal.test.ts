import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Rehearsal, startRehearsal } from '../../apps/rehearsal/server.js';

let rehearsal: Rehearsal;
let anthropic: Anthropic;
let openai: OpenAI;

beforeAll(async () => {
  rehearsal = await startRehearsal({
    scripts: {
      both: [
        {
          thinking: 'Let me see.',
          text: 'Hello there.',
          tool_calls: [
            { name: 'bash', input: { command: 'ls -l' } },
            { name: 'read', input: { file_path: '/a' } },
          ],
        },
      ],
    },
  });
  anthropic = new Anthropic({ baseURL: rehearsal.url, apiKey: 'sk-rehearsed', maxRetries: 0 });
  openai = new OpenAI({ baseURL: `${rehearsal.url}/v1`, apiKey: 'sk-rehearsed', maxRetries: 0 });
});
afterAll(() => rehearsal.close());
beforeEach(() => rehearsal.forgetRequests());

const user = (content: string) => ({ role: 'user', content }) as const;

describe('the Messages protocol as the official SDK reads it', () => {
  const body = { model: 'both', max_tokens: 100, messages: [user('Hi')] };
  const content = [
    { type: 'thinking', thinking: 'Let me see.', signature: expect.any(String) },
    { type: 'text', text: 'Hello there.' },
    { type: 'tool_use', id: expect.stringMatching(/^toolu_/), name: 'bash', input: { command: 'ls -l' } },
    { type: 'tool_use', id: expect.stringMatching(/^toolu_/), name: 'read', input: { file_path: '/a' } },
  ];

  it('is a whole message without streaming', async () => {
    expect(await anthropic.messages.create(body)).toMatchObject({ type: 'message', role: 'assistant', model: 'both', content, stop_reason: 'tool_use' });
  });

  it('is the same message when streamed', async () => {
    expect(await anthropic.messages.stream(body).finalMessage()).toMatchObject({
      content,
      stop_reason: 'tool_use',
      usage: { output_tokens: expect.any(Number) },
    });
  });

  it('refuses, as the provider does, an unknown model, a broken request and a call without its result', async () => {
    await expect(anthropic.messages.create({ ...body, model: 'nowhere' })).rejects.toMatchObject({ status: 404, type: 'not_found_error' });
    await expect(anthropic.messages.create({ ...body, max_tokens: 0 })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      message: expect.stringContaining('max_tokens'),
    });
    const unanswered: Anthropic.MessageParam = { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'bash', input: {} }] };
    await expect(anthropic.messages.create({ ...body, messages: [user('Hi'), unanswered, user('Well?')] })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('no result'),
    });
  });
});

describe('the Chat Completions protocol as the official SDK reads it', () => {
  const body = { model: 'both', messages: [user('Hi')] };
  const message = {
    content: 'Hello there.',
    tool_calls: [
      { id: 'call_0', type: 'function', function: { name: 'bash', arguments: '{"command":"ls -l"}' } },
      { id: 'call_1', type: 'function', function: { name: 'read', arguments: '{"file_path":"/a"}' } },
    ],
  };

  it('is a whole completion without streaming', async () => {
    expect(await openai.chat.completions.create(body)).toMatchObject({
      choices: [{ message, finish_reason: 'tool_calls' }],
      usage: { prompt_tokens: expect.any(Number) },
    });
  });

  it('is the same completion when streamed, with usage where it was asked for', async () => {
    const stream = openai.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
    expect(await stream.finalChatCompletion()).toMatchObject({
      choices: [{ message, finish_reason: 'tool_calls' }],
      usage: { total_tokens: expect.any(Number) },
    });
  });

  it("refuses an unknown model in the provider's envelope", async () => {
    await expect(openai.chat.completions.create({ ...body, model: 'nowhere' })).rejects.toMatchObject({ status: 404, type: 'not_found_error' });
  });
});

describe('the built-in scripts', () => {
  const ask = async (model: string, content: string) => (await anthropic.messages.create({ model, max_tokens: 100, messages: [user(content)] })).content;

  it('say that they are no language model', async () => {
    expect(await ask('echo', 'parrot')).toMatchObject([{ text: expect.stringMatching(/parrot.*not a language model/s) }]);
    expect(await ask('default', 'What are you?')).toMatchObject([{ text: expect.stringMatching(/not a language model.*run: <command>/s) }]);
  });

  it('run a command on request', async () => {
    expect(await ask('default', 'run: echo "a" && ls')).toMatchObject([
      { type: 'text' },
      { type: 'tool_use', name: 'bash', input: { command: 'echo "a" && ls' } },
    ]);
  });

  it('stream 200 words in the slow one, and stop when the client leaves', async () => {
    const stream = anthropic.messages.stream({ model: 'slow', max_tokens: 1000, messages: [user('Go')] });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    expect(await rehearsal.waitForRequest(({ end }) => end !== null)).toMatchObject({ script: 'slow', end: 'closed_early' });
  });
});

describe('the control endpoints', () => {
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${rehearsal.url}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    return { status: response.status, body: await response.json() };
  };

  it('take a script from another process and show what was received', async () => {
    expect(await call('PUT', '/rehearsal/scripts/added', [{ text: 'I was added.' }])).toMatchObject({ status: 200 });
    await anthropic.messages.create({ model: 'added', max_tokens: 10, messages: [user('Hi')] });
    await rehearsal.waitForRequest(({ end }) => end !== null);
    const { body } = await call('GET', '/rehearsal/requests?script=added');
    expect(body).toMatchObject({
      data: [
        {
          script: 'added',
          step: 1,
          status: 200,
          end: 'complete',
          path: '/v1/messages',
          body: { model: 'added' },
          headers: { authorization: 'Bearer sk-rehearsed' },
        },
      ],
    });
    expect((await call('GET', '/rehearsal/requests?script=echo')).body).toEqual({ data: [] });
    await call('DELETE', '/rehearsal/requests');
    expect((await call('GET', '/rehearsal/requests')).body).toEqual({ data: [] });
  });

  it('say what is wrong with a script', async () => {
    expect(await call('PUT', '/rehearsal/scripts/bad', { replies: [{ txt: 'typo' }] })).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error' } },
    });
    expect(await call('PUT', '/rehearsal/scripts/no%20spaces', [])).toMatchObject({ status: 400 });
  });

  it('say what the server is, and that other paths are not there', async () => {
    expect(await call('GET', '/')).toMatchObject({ status: 200, body: { about: expect.stringContaining('not a language model') } });
    expect(await call('GET', '/v1/nothing')).toMatchObject({ status: 404, body: { error: { type: 'not_found_error' } } });
    expect(await call('POST', '/v1/messages')).toMatchObject({ status: 400 });
  });
});

describe('a scripted error', () => {
  it('can quote the key it was sent, for leak tests', async () => {
    rehearsal.putScript('leaky', [{ error: { status: 401, type: 'authentication_error', message: 'wrong key', echo_key: true } }]);
    await expect(anthropic.messages.create({ model: 'leaky', max_tokens: 10, messages: [user('Hi')] })).rejects.toMatchObject({
      message: expect.stringContaining('sk-rehearsed'),
    });
  });

  it('with a number of times counts each conversation on its own', async () => {
    rehearsal.putScript('flaky', [{ text: 'ok', error: { status: 529, message: 'busy', times: 1 } }]);
    const ask = (content: string) => anthropic.messages.create({ model: 'flaky', max_tokens: 10, messages: [user(content)] });
    await expect(ask('one')).rejects.toMatchObject({ status: 529 });
    await expect(ask('two')).rejects.toMatchObject({ status: 529 });
    expect((await ask('one')).content).toMatchObject([{ text: 'ok' }]);
    expect((await ask('two')).content).toMatchObject([{ text: 'ok' }]);
  });
});
