import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { invoke, readLog, resultTexts, waitForInvocation } from '../support/sessions.js';
import { echo, startTlsUpstream, type TestUpstream } from './upstream.js';

const ENGINES = {
  bubblewrap: { RONDO_SANDBOX: 'bubblewrap', RONDO_SANDBOX_RUNTIME: 'auto' },
  'docker with runc': { RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: 'runc' },
  'docker with runsc': { RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: 'runsc' },
};

let upstream: TestUpstream;
beforeAll(async () => {
  upstream = await startTlsUpstream(['localhost'], echo);
});
afterAll(() => upstream.close());

/** Programs go to this machine's own name by themselves, unless they are told not to. */
const curl = (path: string) => `no_proxy= NO_PROXY= curl -sS -w ' %{http_code}' https://localhost:${upstream.port}${path}`;

describe.each(Object.entries(ENGINES))('a sandbox of %s', (_name, engine) => {
  let platform: Platform;
  const limitedTo = (...hosts: string[]) => ({ networking: { type: 'limited', allowed_hosts: hosts } });
  let runs = 0;
  /** The results of some commands, each its own call, in a new session. */
  const results = async (environment: object, ...commands: string[]): Promise<string[]> => {
    runs += 1;
    platform.rehearsal.putScript(`run${runs}`, {
      replies: [...commands.map((command) => ({ tool_calls: [{ name: 'bash', input: { command } }] })), { text: 'done' }],
    });
    const { id, session_id } = await invoke(platform, { model: `rehearsal/run${runs}`, input: 'go', environment });
    await waitForInvocation(platform, id);
    return resultTexts(await readLog(platform, session_id));
  };

  beforeAll(async () => {
    platform = await startPlatform({ workers: 0, environment: { ...engine, RONDO_POOL_MAX: '1' } });
    const certificates = join(platform.home, 'upstream-ca.pem');
    writeFileSync(certificates, upstream.ca);
    await platform.startEgress({ RONDO_ALLOW_PRIVATE: `127.0.0.1:${upstream.port},[::1]:${upstream.port}`, RONDO_EGRESS_UPSTREAM_CA: certificates });
    await platform.startWorker();
  });
  afterAll(() => platform.stop());

  it('reaches what its environment allows, and is told why it reaches nothing else', async () => {
    const [allowed, refused] = await results(limitedTo(`localhost:${upstream.port}`), curl('/hello'), 'curl -sS https://example.com');
    expect(allowed).toContain('200');
    expect(refused).toContain('403');
  });
});
