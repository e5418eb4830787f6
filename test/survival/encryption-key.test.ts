import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { expect, it, onTestFinished } from 'vitest';
import { runRondo, waitForOutput } from '../support/stack-command.js';

it("a stack's encryption key lies in a file that only its owner can read, and is replaced by a line in that file", async () => {
  const home = mkdtempSync(join(tmpdir(), 'rondo-stack-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const file = join(home, 'encryption-key');

  /** One life of the stack. */
  const live = async (work: (sdk: Anthropic) => Promise<void>): Promise<string> => {
    const command = runRondo(['start'], home, { RONDO_SANDBOX: 'bubblewrap' });
    try {
      const [, baseURL = ''] = await waitForOutput(command, /Rondo is ready at (http:\S+)/);
      await work(new Anthropic({ apiKey: readFileSync(join(home, 'api-key'), 'utf8').trim(), baseURL, maxRetries: 0 }));
    } finally {
      command.process.kill('SIGTERM');
      await command.ended;
    }
    return command.output();
  };
  let [vault_id, credential] = ['', ''];
  /** That the credential opens: a probe is made with it, of an address that Rondo does not connect to. */
  const opens = async (sdk: Anthropic) => expect((await sdk.beta.vaults.credentials.mcpOAuthValidate(credential, { vault_id })).status).toBe('unknown');

  await live(async (sdk) => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    vault_id = (await sdk.beta.vaults.create({ display_name: 'Kept' })).id;
    const auth = { type: 'mcp_oauth', mcp_server_url: 'http://127.0.0.1:9/', access_token: 'a-token-to-keep' } as const;
    credential = (await sdk.beta.vaults.credentials.create(vault_id, { auth })).id;
    await opens(sdk);
  });
  const [old, fresh] = [readFileSync(file, 'utf8').trim(), randomBytes(32).toString('base64')];

  writeFileSync(file, `${fresh}\n${old}\n`);
  const output = await live(opens);
  expect(output).toMatch(/1 secrets were taken over to the newest key; the older keys can be removed/);
  for (const key of [old, fresh]) expect(output).not.toContain(key);

  writeFileSync(file, `${fresh}\n`);
  await live(opens);

  writeFileSync(file, `${old}\n`);
  await live(async (sdk) => {
    await expect(opens(sdk)).rejects.toMatchObject({ status: 500, error: { error: { message: expect.stringContaining('Something failed inside Rondo') } } });
  });
  expect(readFileSync(join(home, 'logs', 'gateway.log'), 'utf8')).toContain(
    `The credential.secret of ${credential} cannot be opened: it was sealed under the key`,
  );
}, 240_000);
