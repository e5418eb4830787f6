import { INVOKE_EXAMPLES } from '../invoke/invoke.examples.js';

type Examples = Readonly<Record<string, { readonly summary: string; readonly value: object }>>;

const one = (summary: string, value: object): Examples => ({ example: { summary, value } });

const AGENT = 'agent_01KAN0000000000000000000AA';
const ENVIRONMENT = 'env_01KAN0000000000000000000AA';
const FILE = 'file_01KAN0000000000000000000AA';
const EVENT = 'sevt_01KAN0000000000000000000AA';
const MCP_SERVER = 'https://mcp.example.com/tickets';

/** What /docs offers to send, by the path of the POST. Ids are to be replaced; everything else can be sent as it is. */
export const BODY_EXAMPLES: Readonly<Record<string, Examples>> = {
  '/v1/invoke': INVOKE_EXAMPLES,
  '/v1/agents': {
    sandbox: {
      summary: 'Shell and files in a sandbox',
      value: { name: 'Engineer', model: 'rehearsal/demo', system: 'You write small, correct programs.', tools: [{ type: 'agent_toolset_20260401' }] },
    },
    mcp: {
      summary: 'An MCP server whose tools need no confirmation',
      value: {
        name: 'Desk',
        model: 'rehearsal/demo',
        mcp_servers: [{ type: 'url', name: 'tickets', url: MCP_SERVER }],
        tools: [{ type: 'mcp_toolset', mcp_server_name: 'tickets', default_config: { permission_policy: { type: 'always_allow' } } }],
      },
    },
    custom: {
      summary: 'A tool that the client answers',
      value: {
        name: 'Orders',
        model: 'rehearsal/order',
        tools: [
          { type: 'agent_toolset_20260401' },
          {
            type: 'custom',
            name: 'get_order',
            description: 'Looks an order up by its number.',
            input_schema: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
          },
        ],
      },
    },
  },
  '/v1/agents/{agent_id}': one('A new version', { version: 1, system: 'You write small, correct programs, with tests.' }),
  '/v1/environments': {
    cloud: { summary: 'Sandboxes of Rondo', value: { name: 'sandboxes', config: { type: 'cloud' } } },
    selfHosted: { summary: 'Machines of your own', value: { name: 'rack', config: { type: 'self_hosted' } } },
  },
  '/v1/environments/{environment_id}': one('Another description', { description: 'Where the nightly jobs run' }),
  '/v1/environments/{environment_id}/keys': one('A key for one worker', { name: 'rack-1' }),
  '/v1/environments/{environment_id}/work/{work_id}': one('A note on the item', { metadata: { host: 'rack-1' } }),
  '/v1/environments/{environment_id}/work/{work_id}/stop': one('At once', { force: true }),
  '/v1/sessions': {
    empty: { summary: 'A session that waits for its first message', value: { agent: AGENT, environment_id: ENVIRONMENT, title: 'First steps' } },
    started: {
      summary: 'With a file, and started',
      value: {
        agent: AGENT,
        environment_id: ENVIRONMENT,
        resources: [{ type: 'file', file_id: FILE, mount_path: '/workspace/sales.csv' }],
        initial_events: [{ type: 'user.message', content: [{ type: 'text', text: 'Sum up /workspace/sales.csv.' }] }],
      },
    },
    limited: {
      summary: 'With a network policy of its own (extension)',
      value: { agent: AGENT, environment_id: ENVIRONMENT, networking: { type: 'limited', allowed_hosts: ['api.example.com'], unknown_hosts: 'ask' } },
    },
  },
  '/v1/sessions/{session_id}': {
    title: { summary: 'Another title', value: { title: 'Sales of October', metadata: { team: 'sales' } } },
    networking: { summary: 'Another network policy, from the next request on (extension)', value: { networking: { type: 'limited', allowed_hosts: [] } } },
    environmentsNetworking: { summary: "Back to the environment's network policy (extension)", value: { networking: null } },
  },
  '/v1/sessions/{session_id}/resources': one('One more file', { type: 'file', file_id: FILE, mount_path: '/workspace/more.csv' }),
  '/v1/sessions/{session_id}/resources/{resource_id}': one('A new token for a repository', { authorization_token: 'the-new-token' }),
  '/v1/sessions/{session_id}/events': {
    message: { summary: 'A message', value: { events: [{ type: 'user.message', content: [{ type: 'text', text: 'Now add a test for it.' }] }] } },
    allow: { summary: 'A call is allowed', value: { events: [{ type: 'user.tool_confirmation', tool_use_id: EVENT, result: 'allow' }] } },
    deny: {
      summary: 'A call is denied, with the reason for the model',
      value: { events: [{ type: 'user.tool_confirmation', tool_use_id: EVENT, result: 'deny', deny_message: 'Not on a Friday.' }] },
    },
    result: {
      summary: 'The result of a custom tool',
      value: { events: [{ type: 'user.custom_tool_result', custom_tool_use_id: EVENT, content: [{ type: 'text', text: '3 notebooks' }] }] },
    },
    interrupt: { summary: 'Stop what runs now', value: { events: [{ type: 'user.interrupt' }] } },
  },
  '/v1/vaults': one('An empty vault', { display_name: 'Reports' }),
  '/v1/vaults/{vault_id}': one('Metadata', { metadata: { team: 'sales' } }),
  '/v1/vaults/{vault_id}/credentials': {
    bearer: {
      summary: 'A token for an MCP server',
      value: { display_name: 'Tickets', auth: { type: 'static_bearer', mcp_server_url: MCP_SERVER, token: 'the-token-of-the-server' } },
    },
    variable: {
      summary: 'A secret by the name of a variable',
      value: {
        display_name: 'GitHub',
        auth: {
          type: 'environment_variable',
          secret_name: 'GH_TOKEN',
          secret_value: 'the-secret-value',
          networking: { type: 'limited', allowed_hosts: ['api.github.com'] },
        },
      },
    },
  },
  '/v1/vaults/{vault_id}/credentials/{credential_id}': one('Another token', { auth: { type: 'static_bearer', token: 'the-new-token' } }),
};
