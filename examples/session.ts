// A session with the official SDK, unmodified: only the base URL and the key are Rondo's.
// Run: RONDO_API_KEY=… node examples/session.ts  (see README.md)
import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({
  baseURL: process.env['RONDO_URL'] ?? 'http://127.0.0.1:4100',
  apiKey: process.env['RONDO_API_KEY'] ?? null,
});

const agent = await client.beta.agents.create({
  name: 'Primes',
  model: process.env['RONDO_MODEL'] ?? 'rehearsal/demo',
  system: 'You write small, correct programs.',
  tools: [{ type: 'agent_toolset_20260401' }],
});
const environment = await client.beta.environments.create({ name: `examples-${Date.now()}`, config: { type: 'cloud' } });
const session = await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id, title: 'First steps' });

const stream = await client.beta.sessions.events.stream(session.id);
await client.beta.sessions.events.send(session.id, {
  events: [{ type: 'user.message', content: [{ type: 'text', text: 'Write a program that prints primes, run it, and fix what fails.' }] }],
});

for await (const event of stream) {
  if (event.type === 'agent.tool_use') console.log(`→ ${event.name}`);
  if (event.type === 'agent.message') for (const block of event.content) if (block.type === 'text') console.log(block.text);
  if (event.type === 'session.status_idle') break;
}
const { usage } = await client.beta.sessions.retrieve(session.id);
console.log(`${usage.input_tokens} tokens in, ${usage.output_tokens} out`);
