import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ModelBlock, ModelMessage, ModelPart, ModelPort, ModelReply, ModelRequest } from '../../activities/model/model.port.js';
import type { ScriptInput } from '../../apps/rehearsal/script.js';
import { type Rehearsal, startRehearsal } from '../../apps/rehearsal/server.js';

/** An adapter under test, and how its protocol shows in what the provider received. */
export interface ModelUnderTest {
  readonly name: string;
  create(options: { readonly url: string; readonly apiKey?: string; readonly stallMs: number }): ModelPort;
  /** System prompt, tool names, output limit, effort and image addresses (data URLs for base64) of a request body. */
  read(body: unknown): { system: unknown; tools: unknown; limit: unknown; effort: unknown; images: unknown };
}

const API_KEY = 'sk-suite-5f1d2c';
const STALL_MS = 400;
/** Where no stall is wanted: longer than any machine takes for a request to itself. */
const PATIENT_MS = 20_000;
/** The smallest PNG there is. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const says = (text: string): ModelMessage => ({ role: 'user', content: [{ type: 'text', text }] });

function aRequest(model: string, change: Partial<ModelRequest> = {}): ModelRequest {
  return { model, messages: [says('Hello')], tools: [], maxOutputTokens: 1000, ...change };
}

const aTool = (name: string) => ({ name, description: `The tool ${name}.`, input_schema: { type: 'object', properties: { command: { type: 'string' } } } });

/** The promises of `ModelPort`, checked over the provider's real protocol. */
export function describeModelPort(subject: ModelUnderTest): void {
  describe(`${subject.name} as a model port`, () => {
    let rehearsal: Rehearsal;
    let port: ModelPort;
    /** Gives up soon. */
    let hasty: ModelPort;

    beforeAll(async () => {
      rehearsal = await startRehearsal();
      port = subject.create({ url: rehearsal.url, apiKey: API_KEY, stallMs: PATIENT_MS });
      hasty = subject.create({ url: rehearsal.url, apiKey: API_KEY, stallMs: STALL_MS });
    });
    afterAll(() => rehearsal.close());
    beforeEach(() => rehearsal.forgetRequests());

    /** Plays `script` and collects the parts; `signal` and `request` as given. */
    async function play(
      script: ScriptInput,
      request: Partial<ModelRequest> = {},
      { signal = new AbortController().signal, by = port } = {},
    ): Promise<ModelPart[]> {
      rehearsal.putScript('case', script);
      return collect(by.stream(aRequest('case', request), { signal }));
    }

    async function replyTo(script: ScriptInput, request: Partial<ModelRequest> = {}): Promise<ModelReply> {
      return replyOf(await play(script, request));
    }

    describe('a reply', () => {
      it('streams text whose deltas together are the text of the one reply that comes last', async () => {
        const text = 'Grüße, Welt! 🎵  Two  spaces,\n\na paragraph, and "quotes" \\ slashes.';
        const parts = await play([{ text }]);
        expect(replyOf(parts)).toMatchObject({ content: [{ type: 'text', text }], stop: 'end_turn' });
        expect(textOf(parts)).toBe(text);
        expect(parts.filter(({ type }) => type === 'reply')).toHaveLength(1);
        expect(parts.filter(({ type }) => type === 'text_delta').length).toBeGreaterThan(3);
        expect(parts.findIndex(({ type }) => type === 'text_start')).toBeLessThan(parts.findIndex(({ type }) => type === 'text_delta'));
      });

      it('holds several tool calls with their own inputs, in order, behind the text', async () => {
        const input = { command: 'printf "%s" "ä\n"', nested: { list: [1, 'two', null, { deep: true }] }, long: 'x'.repeat(500) };
        const parts = await play([
          { text: 'Working.', tool_calls: [{ name: 'bash', input }, { name: 'read', input: { file_path: '/workspace/a' } }, { name: 'list' }] },
        ]);
        const { content, stop } = replyOf(parts);
        expect(stop).toBe('tool_use');
        expect(content).toEqual([
          { type: 'text', text: 'Working.' },
          { type: 'tool_use', id: expect.any(String), name: 'bash', input },
          { type: 'tool_use', id: expect.any(String), name: 'read', input: { file_path: '/workspace/a' } },
          { type: 'tool_use', id: expect.any(String), name: 'list', input: {} },
        ]);
        expect(new Set(toolUses(content).map(({ id }) => id)).size).toBe(3);
        expect(parts.filter(({ type }) => type === 'activity').length).toBeGreaterThan(10);
      });

      it('gives a tool input that is no JSON as the text the model wrote', async () => {
        const { content } = await replyTo([{ tool_calls: [{ name: 'bash', input: '{"command": "ls' }] }]);
        expect(toolUses(content)).toMatchObject([{ name: 'bash', input: '{"command": "ls' }]);
      });

      it.each([
        ['max_tokens', 'max_tokens'],
        ['refusal', 'refusal'],
        ['end_turn', 'end_turn'],
      ] as const)('stops with %s where the provider says so', async (stop_reason, expected) => {
        expect(await replyTo([{ text: 'Part of', stop_reason }])).toMatchObject({ stop: expected });
      });

      it('counts the tokens as the provider reports them, the cached ones apart', async () => {
        const usage = { input_tokens: 1204, output_tokens: 310, cache_read_input_tokens: 5000, cache_creation_input_tokens: 0 };
        expect((await replyTo([{ text: 'Hi', usage }])).usage).toEqual({
          inputTokens: 1204,
          outputTokens: 310,
          cacheReadInputTokens: 5000,
          cacheCreationInputTokens: 0,
        });
      });

      it('may be empty', async () => {
        expect(await replyTo([{}])).toMatchObject({ content: [], stop: 'end_turn' });
      });
    });

    describe('a request', () => {
      it('brings the system prompt, the tools, the limit, the effort and the key to the provider', async () => {
        await play([{ text: 'Hi' }], { system: 'Be brief.', tools: [aTool('bash'), aTool('read')], maxOutputTokens: 4321, effort: 'high' });
        const [received] = rehearsal.requests();
        expect(subject.read(received?.body)).toMatchObject({ system: 'Be brief.', tools: ['bash', 'read'], limit: 4321, effort: 'high' });
        expect(received?.headers.authorization).toBe(`Bearer ${API_KEY}`);
      });

      it('brings images of messages and of tool results to the provider', async () => {
        const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } } as const;
        const linked = { type: 'image', source: { type: 'url', url: 'https://example.com/cat.png' } } as const;
        await play([{ text: 'one' }, { text: 'Seen.' }], {
          messages: [
            { role: 'user', content: [{ type: 'text', text: 'Look' }, image, linked] },
            { role: 'assistant', content: [{ type: 'tool_use', id: 'sevt_1', name: 'read', input: {} }] },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'sevt_1', content: [{ type: 'text', text: 'a picture' }, image], is_error: false }] },
          ],
        });
        const url = `data:image/png;base64,${PNG}`;
        expect(subject.read(rehearsal.requests()[0]?.body).images).toEqual([url, 'https://example.com/cat.png', url]);
        expect(rehearsal.requests()[0]).toMatchObject({ step: 2, status: 200 });
      });

      it('carries a conversation of several turns with parallel calls and results, whatever ids the caller gave them', async () => {
        const seen: string[] = [];
        const messages: ModelMessage[] = [says('Begin')];
        const script: ScriptInput = [
          {
            text: 'First.',
            tool_calls: [
              { name: 'bash', input: { command: 'a' } },
              { name: 'bash', input: { command: 'b' } },
            ],
          },
          { text: 'Then: {{last_result}}', tool_calls: [{ name: 'bash', input: { command: 'c' } }] },
          [{ when: { last_result_is_error: true }, text: 'It failed: {{last_result}}' }, { text: 'It went well.' }],
        ];
        for (let step = 1; step <= 3; step += 1) {
          const { content } = await replyTo(script, { messages, tools: [aTool('bash')] });
          const calls = toolUses(content).map((call, index) => ({ ...call, id: `sevt_${step}_${index}` }));
          const text = content.find((block) => block.type === 'text');
          seen.push(text?.text ?? '');
          messages.push({ role: 'assistant', content: [...content.filter(({ type }) => type !== 'tool_use'), ...calls] });
          messages.push({
            role: 'user',
            content: calls.map(({ id }) => ({
              type: 'tool_result',
              tool_use_id: id,
              content: [{ type: 'text', text: `result of ${id}` }],
              is_error: step === 2,
            })),
          });
        }
        expect(seen).toEqual(['First.', 'Then: result of sevt_1_1', expect.stringMatching(/^It failed: .*result of sevt_2_0$/s)]);
      });

      it('takes search results and text documents, and an answer to a call whose input was no JSON', async () => {
        const messages: ModelMessage[] = [
          {
            role: 'user',
            content: [
              { type: 'document', title: 'Notes', source: { type: 'text', media_type: 'text/plain', data: 'the notes' } },
              { type: 'text', text: 'Go' },
            ],
          },
          { role: 'assistant', content: [{ type: 'tool_use', id: 'sevt_1', name: 'bash', input: '{"comm' }] },
          {
            role: 'user',
            content: [
              {
                type: 'tool_result',
                tool_use_id: 'sevt_1',
                content: [{ type: 'search_result', source: 'https://example.com', title: 'Hit', content: [{ type: 'text', text: 'found it' }] }],
                is_error: false,
              },
            ],
          },
        ];
        await play([{ text: 'no' }, { text: 'ok' }], { messages });
        const body = JSON.stringify(rehearsal.requests()[0]?.body);
        for (const text of ['the notes', 'Notes', 'found it', 'Hit', '{\\"comm']) expect(body.replaceAll('\\\\\\"', '\\"')).toContain(text);
      });

      it('leaves empty texts out, which providers refuse, but no message of the user and no result', async () => {
        const empty = { type: 'text', text: ' \n' } as const;
        const messages: ModelMessage[] = [
          { role: 'user', content: [empty] },
          { role: 'assistant', content: [empty, { type: 'tool_use', id: 'sevt_1', name: 'bash', input: {} }] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'sevt_1', content: [empty], is_error: false }] },
          { role: 'assistant', content: [empty] },
          { role: 'user', content: [empty, { type: 'text', text: 'Go on' }] },
        ];
        expect(textOf(await play([{ text: 'You said: {{input}}' }], { messages }))).toBe('You said: Go on');
      });

      it('refuses a block that points to an uploaded file, naming it', async () => {
        const messages: ModelMessage[] = [{ role: 'user', content: [{ type: 'image', source: { type: 'file', file_id: 'file_1' } }] }];
        await expect(play([{ text: 'no' }], { messages })).rejects.toMatchObject({ code: 'model.request_failed', message: expect.stringContaining('image') });
        expect(rehearsal.requests()).toEqual([]);
      });
    });

    describe('an error', () => {
      it.each([
        [429, 'rate_limit_error', 'model.rate_limited'],
        [529, 'overloaded_error', 'model.overloaded'],
        [503, 'api_error', 'model.overloaded'],
        [500, 'api_error', 'model.unavailable'],
        [502, 'api_error', 'model.unavailable'],
        [504, 'timeout_error', 'model.unavailable'],
        [408, 'timeout_error', 'model.unavailable'],
        [400, 'invalid_request_error', 'model.request_failed'],
        [401, 'authentication_error', 'model.request_failed'],
        [403, 'permission_error', 'model.request_failed'],
        [404, 'not_found_error', 'model.request_failed'],
        [413, 'request_too_large', 'model.request_failed'],
      ])("of status %i %s is %s, with the provider's words and without a retry of our own", async (status, type, code) => {
        await expect(play([{ error: { status, type, message: 'the words' } }])).rejects.toMatchObject({
          name: 'RondoError',
          code,
          message: expect.stringMatching(new RegExp(`${status} ${type}.*case.*the words`)),
        });
        expect(rehearsal.requests()).toHaveLength(1);
      });

      it.each([
        [{ 'retry-after': '7' }, 7000],
        [{ 'retry-after': '7', 'retry-after-ms': '1250' }, 1250],
        [{}, undefined],
      ])('with the headers %j asks to wait %s ms', async (headers, expected) => {
        const playing = play([{ error: { status: 429, message: 'slow down', headers } }]);
        await expect(playing).rejects.toMatchObject({ code: 'model.rate_limited', retryAfterMs: expected });
      });

      it('that the provider calls final is not retried', async () => {
        const headers = { 'x-should-retry': 'false' };
        await expect(play([{ error: { status: 500, message: 'no', headers } }])).rejects.toMatchObject({ code: 'model.request_failed' });
      });

      it('has a bounded message without headers, key or content of the request, and no cause that carries them', async () => {
        const message = `begin ${'long '.repeat(2000)}`;
        const error = await rejection(play([{ error: { status: 400, message } }], { messages: [says('the private question')], system: 'the private prompt' }));
        expect(error.message.length).toBeLessThan(600);
        expect(error.message).toContain('begin');
        expect(`${error.stack} ${String(error.cause)}`).not.toMatch(new RegExp(`${API_KEY}|private|Bearer`));
        expect(error.cause).toBeUndefined();
      });

      it('inside of a stream that began well ends it', async () => {
        const script = [{ text: 'one two three four', error: { status: 529, type: 'overloaded_error', message: 'too busy', after_chunks: 2 } }];
        await expect(play(script)).rejects.toMatchObject({ code: 'model.overloaded', message: expect.stringContaining('too busy') });
      });

      it('for an unknown model says which', async () => {
        const playing = collect(port.stream(aRequest('nowhere'), { signal: new AbortController().signal }));
        await expect(playing).rejects.toMatchObject({ code: 'model.request_failed', message: expect.stringContaining('nowhere') });
      });

      it('of the first requests goes away when the same request is made again', async () => {
        const script = [{ text: 'At last.', error: { status: 529, message: 'busy', times: 2 } }];
        await expect(play(script)).rejects.toMatchObject({ code: 'model.overloaded' });
        const again = () => collect(port.stream(aRequest('case'), { signal: new AbortController().signal }));
        await expect(again()).rejects.toMatchObject({ code: 'model.overloaded' });
        expect(textOf(await again())).toBe('At last.');
      });
    });

    describe('a connection', () => {
      it.each([0, 1, 3, 99])('that breaks behind %i chunks makes the model unavailable', async (drop_after) => {
        await expect(play([{ text: 'one two three four five', drop_after }])).rejects.toMatchObject({ code: 'model.unavailable' });
        expect(await rehearsal.waitForRequest(({ end }) => end !== null)).toMatchObject({ end: 'dropped' });
      });

      it('that cannot be made makes the model unavailable and names the address', async () => {
        const gone = await startRehearsal();
        await gone.close();
        const model = subject.create({ url: gone.url, apiKey: API_KEY, stallMs: PATIENT_MS });
        const playing = collect(model.stream(aRequest('case'), { signal: new AbortController().signal }));
        await expect(playing).rejects.toMatchObject({ code: 'model.unavailable', message: expect.stringContaining(new URL(gone.url).host) });
      });

      it.each([
        ['before the first byte', { delay_ms: 60_000 }],
        ['in the middle of the answer', { stall_after: 2 }],
        ['behind the last chunk', { stall_after: 99 }],
      ])('that falls silent %s is closed as stalled', async (_, silence) => {
        const playing = play([{ text: 'one two three', ...silence }], {}, { by: hasty });
        await expect(playing).rejects.toMatchObject({ code: 'model.stalled', message: expect.stringContaining('0.4 s') });
        expect(await rehearsal.waitForRequest(({ end }) => end !== null)).toMatchObject({ end: 'closed_early' });
      });

      it('that shows signs of life is not stalled, and each shows as activity', async () => {
        const stallMs = 1_500;
        const by = subject.create({ url: rehearsal.url, apiKey: API_KEY, stallMs });
        const parts = await play([{ text: 'Thought about it.', delay_ms: 3 * stallMs, ping_ms: stallMs / 10 }], {}, { by });
        expect(textOf(parts)).toBe('Thought about it.');
        expect(parts.filter(({ type }) => type === 'activity').length).toBeGreaterThan(8);
      });

      it('is not stalled by a reader that takes its time', async () => {
        rehearsal.putScript('case', [{ text: 'one two' }]);
        const texts: string[] = [];
        for await (const part of hasty.stream(aRequest('case'), { signal: new AbortController().signal })) {
          if (part.type !== 'text_delta') continue;
          texts.push(part.text);
          await new Promise((resolve) => setTimeout(resolve, 1.5 * STALL_MS));
        }
        expect(texts.join('')).toBe('one two');
      });

      it.each([
        ['before the first byte', { delay_ms: 60_000 }],
        ['in the middle of the answer', { stall_after: 2 }],
      ])('is closed at once when the signal is aborted %s, and the reason is thrown', async (_, silence) => {
        const controller = new AbortController();
        const reason = new Error('interrupted by the user');
        const playing = rejection(play([{ text: 'one two three', ...silence }], {}, { signal: controller.signal }));
        await rehearsal.waitForRequest(() => true);
        const abortedAt = performance.now();
        controller.abort(reason);
        expect(await playing).toBe(reason);
        const seen = await rehearsal.waitForRequest(({ end }) => end !== null);
        expect(seen.end).toBe('closed_early');
        // By the abort, and not because nothing more came.
        expect(performance.now() - abortedAt).toBeLessThan(PATIENT_MS / 2);
      });

      it('is not made when the signal is aborted already', async () => {
        await expect(play([{ text: 'no' }], {}, { signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow('too late');
        expect(rehearsal.requests()).toEqual([]);
      });

      it('is closed when the reader leaves', async () => {
        rehearsal.putScript('case', [{ text: 'one two three', stall_after: 2 }]);
        for await (const part of port.stream(aRequest('case'), { signal: new AbortController().signal })) {
          if (part.type === 'text_delta') break;
        }
        expect(await rehearsal.waitForRequest(({ end }) => end !== null)).toMatchObject({ end: 'closed_early' });
      });
    });
  });
}

async function collect(parts: AsyncIterable<ModelPart>): Promise<ModelPart[]> {
  const collected: ModelPart[] = [];
  for await (const part of parts) collected.push(part);
  return collected;
}

function replyOf(parts: readonly ModelPart[]): ModelReply {
  const last = parts.at(-1);
  if (last?.type !== 'reply') throw new Error(`The last part is ${last?.type}, not the reply.`);
  return last.reply;
}

const textOf = (parts: readonly ModelPart[]): string => parts.map((part) => (part.type === 'text_delta' ? part.text : '')).join('');

type ToolUse = Extract<ModelBlock, { type: 'tool_use' }>;
const toolUses = (content: readonly ModelBlock[]): ToolUse[] => content.filter((block) => block.type === 'tool_use');

async function rejection(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => new Error('It did not fail.'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error)) throw new Error(`Thrown was no error: ${String(error)}`);
  return error;
}
