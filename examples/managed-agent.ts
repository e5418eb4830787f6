// An agent with a sandbox, a tool of your own and a tool that asks first, in the style of the SDK's documentation.
// Nothing in here knows about Rondo: ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY say where it goes (see README.md).
import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic();

const agent = await client.beta.agents.create({
  name: 'Order desk',
  model: process.env['MODEL'] ?? 'rehearsal/order',
  system: 'You answer questions about orders. Leave the answer for the customer in /workspace/reply.md.',
  tools: [
    { type: 'agent_toolset_20260401', configs: [{ name: 'write', permission_policy: { type: 'always_ask' } }] },
    {
      type: 'custom',
      name: 'get_order',
      description: 'Looks an order up by its number.',
      input_schema: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
    },
  ],
});
const environment = await client.beta.environments.create({ name: `order-desk-${Date.now()}`, config: { type: 'cloud' } });
const session = await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id, title: 'Order A-17' });

const getOrder = (input: Record<string, unknown>) => `${String(input['order_id'])}, 3 notebooks, arrives on Friday`;

const stream = await client.beta.sessions.events.stream(session.id);
await client.beta.sessions.events.send(session.id, {
  events: [{ type: 'user.message', content: [{ type: 'text', text: 'When does my order A-17 arrive?' }] }],
});

for await (const event of stream) {
  switch (event.type) {
    case 'agent.message':
      for (const block of event.content) if (block.type === 'text') console.log(block.text);
      break;
    case 'agent.custom_tool_use':
      console.log(`→ ${event.name} ${JSON.stringify(event.input)}`);
      await client.beta.sessions.events.send(session.id, {
        events: [{ type: 'user.custom_tool_result', custom_tool_use_id: event.id, content: [{ type: 'text', text: getOrder(event.input) }] }],
      });
      break;
    case 'agent.tool_use':
      console.log(`→ ${event.name}${event.evaluated_permission === 'ask' ? ', allowed by us' : ''}`);
      if (event.evaluated_permission === 'ask') {
        await client.beta.sessions.events.send(session.id, { events: [{ type: 'user.tool_confirmation', tool_use_id: event.id, result: 'allow' }] });
      }
      break;
    default:
  }
  if (event.type === 'session.status_idle' && event.stop_reason.type !== 'requires_action') break;
}

const { status, usage } = await client.beta.sessions.retrieve(session.id);
console.log(`${status}, ${usage.output_tokens} tokens out`);
