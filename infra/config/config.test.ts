import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './config.js';
import { environmentExample } from './environment-example.js';
import { Secret } from './secret.js';
import { VARIABLES } from './variables.js';

describe('loadConfig', () => {
  it('gives every default when nothing is set', () => {
    const config = loadConfig({});
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 4100, maxBodyBytes: 33_554_432 });
    expect(config.paths).toEqual({ home: resolve('.rondo'), cache: join(homedir(), '.cache/rondo') });
    expect(config.approvals).toEqual({ bySignal: true, timeoutSeconds: 604_800 });
    expect(config.postgres).toEqual({ ownerUrl: undefined, appUrl: undefined });
  });

  it('takes an empty variable for an absent one', () => {
    const config = loadConfig({ RONDO_PORT: '', ANTHROPIC_API_KEY: '' });
    expect(config.http.port).toBe(4100);
    expect(config.models.anthropicApiKey).toBeUndefined();
  });

  it('names every problem at once, with what is accepted', () => {
    const load = () => loadConfig({ RONDO_PORT: 'many', RONDO_SANDBOX: 'vm', TEMPORAL_ADDRESS: 'http://x' });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(/RONDO_PORT is "many"; accepted is a whole number from 0 to 65535/);
    expect(load).toThrow(/RONDO_SANDBOX is "vm"; accepted is one of auto, docker, bubblewrap/);
    expect(load).toThrow(/TEMPORAL_ADDRESS is "http:\/\/x"; accepted is host:port/);
  });

  it('does not repeat a connection string it cannot read', () => {
    const load = () => loadConfig({ DATABASE_URL: 'mysql://me:hunter2@host/db' });
    expect(load).toThrow(/DATABASE_URL is not valid; accepted is a connection string/);
    expect(load).not.toThrow(/hunter2/);
  });

  it('drops the slash at the end of an address', () => {
    expect(loadConfig({ OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1/' }).models.openaiBaseUrl).toBe('http://127.0.0.1:11434/v1');
  });

  it('wraps keys and connection strings so that printing the settings shows none of them', () => {
    const config = loadConfig({
      ANTHROPIC_API_KEY: 'canary-1',
      OPENAI_API_KEY: 'canary-2',
      RONDO_API_KEY: 'canary-3',
      DATABASE_URL: 'postgres://owner:canary-4@host/db',
      RONDO_APP_DATABASE_URL: 'postgres://app:canary-5@host/db',
    });
    const printed = `${JSON.stringify(config)} ${inspect(config, { depth: 9, showHidden: true })}`;
    expect(printed).not.toContain('canary');
    expect(config.postgres.ownerUrl?.reveal()).toContain('canary-4');
  });
});

describe('Secret', () => {
  it('says [redacted] however it is printed', () => {
    const secret = new Secret('canary');
    expect([`${secret}`, JSON.stringify({ secret }), inspect(secret), String(secret)].join(' ')).not.toContain('canary');
    expect(secret.reveal()).toBe('canary');
  });
});

describe('the table of variables', () => {
  it('holds every name and every place in the settings once', () => {
    for (const field of ['name', 'at'] as const) {
      const values = VARIABLES.map((variable) => variable[field]);
      expect(new Set(values).size).toBe(values.length);
    }
  });

  it('is what .env.example shows; `npm run env:example` writes it anew', () => {
    expect(readFileSync('.env.example', 'utf8')).toBe(environmentExample());
  });
});
