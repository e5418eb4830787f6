import { relative } from 'node:path';
import type { Stack } from '../../infra/dev/stack.js';

/** How to go on from here: lines that can be copied as they are. */
export function goOn(stack: Pick<Stack, 'url' | 'apiKeyFile' | 'temporalUiUrl'>, demoModel: string): string[] {
  // The demo's script plays the demo whatever it is asked; the default one runs what it is told to.
  const rehearsal = demoModel.startsWith('rehearsal/');
  const model = rehearsal ? 'rehearsal/default' : demoModel;
  const input = rehearsal ? 'run: python3 --version' : 'Which Python is this?';
  const keyFile = stack.apiKeyFile && relative(process.cwd(), stack.apiKeyFile);
  const key = keyFile ? `$(cat ${keyFile})` : '$RONDO_API_KEY';
  const body = JSON.stringify({ model, tools: [{ type: 'agent_toolset_20260401' }], input });
  return [
    '',
    `  API reference    ${stack.url}/docs`,
    ...(stack.temporalUiUrl ? [`  Temporal Web UI  ${stack.temporalUiUrl}`] : []),
    `  API key          ${keyFile ?? 'the one in RONDO_API_KEY'}`,
    '',
    '  With curl:',
    '',
    `    curl ${stack.url}/v1/invoke -H "authorization: Bearer ${key}" \\`,
    `      -H 'content-type: application/json' -d '${body}'`,
    '',
    '  With the Anthropic SDK (npm install @anthropic-ai/sdk):',
    '',
    "    import Anthropic from '@anthropic-ai/sdk';",
    ...(keyFile ? ["    import { readFileSync } from 'node:fs';"] : []),
    `    const apiKey = ${keyFile ? `readFileSync('${keyFile}', 'utf8').trim()` : 'process.env.RONDO_API_KEY'};`,
    `    const client = new Anthropic({ baseURL: '${stack.url}', apiKey });`,
    `    const agent = await client.beta.agents.create({ name: 'hello', model: '${model}', tools: [{ type: 'agent_toolset_20260401' }] });`,
    "    const environment = await client.beta.environments.create({ name: 'hello ' + Date.now(), config: { type: 'cloud' } });",
    '    const session = await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id });',
    '    const stream = await client.beta.sessions.events.stream(session.id);',
    `    await client.beta.sessions.events.send(session.id, { events: [{ type: 'user.message', content: [{ type: 'text', text: '${input}' }] }] });`,
    '    for await (const event of stream) {',
    "      if (event.type === 'agent.message') for (const block of event.content) if (block.type === 'text') console.log(block.text);",
    "      if (event.type === 'session.status_idle') break;",
    '    }',
  ];
}
