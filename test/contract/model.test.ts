import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createAnthropicModel } from '../../activities/model/anthropic.adapter.js';
import type { ModelPart } from '../../activities/model/model.port.js';
import { createOpenAiModel } from '../../activities/model/openai.adapter.js';
import { createRehearsalModel } from '../../activities/model/rehearsal.adapter.js';
import { startRehearsal } from '../../apps/rehearsal/server.js';
import { describeModelPort } from './model.suite.js';

const AnthropicImage = z.object({
  type: z.literal('image'),
  source: z.union([z.object({ data: z.string(), media_type: z.string() }), z.object({ url: z.string() })]),
});
const AnthropicBody = z.object({
  system: z.array(z.object({ text: z.string() })).optional(),
  tools: z.array(z.object({ name: z.string() })).optional(),
  max_tokens: z.number(),
  output_config: z.object({ effort: z.string() }).optional(),
  messages: z.array(z.object({ content: z.array(z.object({ type: z.string(), source: z.unknown().optional(), content: z.array(z.unknown()).optional() })) })),
});

describeModelPort({
  name: 'the Anthropic adapter',
  create: ({ url, ...options }) => createAnthropicModel({ baseURL: url, ...options }),
  read(body) {
    const { system, tools, max_tokens, output_config, messages } = AnthropicBody.parse(body);
    const blocks = messages.flatMap(({ content }) => content).flatMap((block) => [block, ...(block.content ?? [])]);
    const images = blocks.flatMap((block) => AnthropicImage.safeParse(block).data ?? []);
    return {
      system: system?.[0]?.text,
      tools: tools?.map(({ name }) => name),
      limit: max_tokens,
      effort: output_config?.effort,
      images: images.map(({ source }) => ('url' in source ? source.url : `data:${source.media_type};base64,${source.data}`)),
    };
  },
});

const OpenAiImage = z.object({ type: z.literal('image_url'), image_url: z.object({ url: z.string() }) });
const OpenAiBody = z.object({
  max_tokens: z.number(),
  reasoning_effort: z.string().optional(),
  tools: z.array(z.object({ function: z.object({ name: z.string() }) })).optional(),
  messages: z.array(z.object({ role: z.string(), content: z.union([z.string(), z.array(z.unknown())]).nullable() })),
});

describeModelPort({
  name: 'the OpenAI adapter',
  create: ({ url, ...options }) => createOpenAiModel({ baseURL: `${url}/v1`, ...options }),
  read(body) {
    const { messages, tools, max_tokens, reasoning_effort } = OpenAiBody.parse(body);
    const parts = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
    return {
      system: messages.find(({ role }) => role === 'system')?.content,
      tools: tools?.map((tool) => tool.function.name),
      limit: max_tokens,
      effort: reasoning_effort,
      images: parts.flatMap((part) => OpenAiImage.safeParse(part).data?.image_url.url ?? []),
    };
  },
});

describe('the rehearsal adapter', () => {
  it('plays a script by its name and sends no key', async () => {
    const rehearsal = await startRehearsal();
    try {
      const port = createRehearsalModel({ url: rehearsal.url, stallMs: 2000 });
      const request = { model: 'echo', messages: [{ role: 'user', content: [{ type: 'text', text: 'parrot' }] }], tools: [], maxOutputTokens: 100 } as const;
      const parts: ModelPart[] = [];
      for await (const part of port.stream(request, { signal: new AbortController().signal })) parts.push(part);
      expect(parts.at(-1)).toMatchObject({ reply: { content: [{ text: expect.stringMatching(/parrot/) }] } });
      expect(rehearsal.requests()[0]?.headers).not.toHaveProperty('authorization');
      expect(rehearsal.requests()[0]?.headers).not.toHaveProperty('x-api-key');
    } finally {
      await rehearsal.close();
    }
  });
});
