import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { loadConfig } from '../../infra/config/config.js';
import { demoModel } from './demo-model.js';

it('takes the rehearsal when no provider is configured', async () => {
  expect(await demoModel(loadConfig({}))).toBe('rehearsal/demo');
});

it('takes a model of the provider that has a key', async () => {
  expect(await demoModel(loadConfig({ ANTHROPIC_API_KEY: 'k' }))).toMatch(/^claude-/);
  expect(await demoModel(loadConfig({ OPENAI_API_KEY: 'k' }))).toMatch(/^openai\//);
});

it('takes the model that was chosen before any other', async () => {
  expect(await demoModel(loadConfig({ ANTHROPIC_API_KEY: 'k', RONDO_DEFAULT_MODEL: 'openai/mine' }))).toBe('openai/mine');
});

it('asks a self-hosted server what it offers, and says what to do when that is nothing', async () => {
  let models = [{ id: 'qwen3' }];
  const server = createServer((_request, response) => response.end(JSON.stringify({ data: models }))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const config = loadConfig({ OPENAI_BASE_URL: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/v1` });
  expect(await demoModel(config)).toBe('openai/qwen3');
  models = [];
  await expect(demoModel(config)).rejects.toThrow(/set RONDO_DEFAULT_MODEL/);
  server.close();
});
