import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestEgress, type TestEgress } from './egress.fixture.js';
import { echo, startTlsUpstream, type TestUpstream } from './upstream.js';

let upstream: TestUpstream;
let egress: TestEgress;
beforeAll(async () => {
  upstream = await startTlsUpstream(['api.test', 'other.test'], echo);
  egress = await startTestEgress({ extraCa: upstream.ca });
});
afterAll(async () => {
  await egress.stop();
  upstream.close();
});
const at = (path: string, host = 'api.test') => `https://${host}:${upstream.port}${path}`;
const limited = (...hosts: unknown[]) => ({ type: 'limited', allowed_hosts: hosts });

describe('a request of a sandbox', () => {
  it('reaches an allowed host by HTTP/2 and HTTP/1.1, and leaves a line in the audit', async () => {
    const sandbox = await egress.sandbox({ networking: limited('api.test') });
    for (const version of ['--http1.1', '--http2']) {
      const answer = await sandbox.curl(version, '-w', ' %{http_version}', at('/hello?a=1'));
      expect(answer).toMatchObject({ code: 0, stderr: '' });
      expect(answer.stdout).toContain('"url":"/hello?a=1"');
      expect(answer.stdout.endsWith(version === '--http2' ? ' 2' : ' 1.1')).toBe(true);
    }
    const [line] = await sandbox.audit(2);
    expect(line).toMatchObject({
      protocol: 'https',
      host: 'api.test',
      port: upstream.port,
      method: 'GET',
      path: '/hello?a=1',
      decision: 'allow',
      rule: 'allowed_hosts api.test',
      status: 200,
      generation: 1,
      error: null,
    });
    expect(Number(line?.bytes_down)).toBeGreaterThan(50);
  });

  it('is refused for every other host, with a reason, before anything is connected', async () => {
    const sandbox = await egress.sandbox({ networking: limited('api.test') });
    const before = upstream.seen.length;
    const answer = await sandbox.curl(at('/', 'other.test'));
    expect(answer.code).toBe(56);
    expect(answer.stderr).toContain('403');
    const shown = await sandbox.curl('-i', at('/', 'other.test'));
    expect(shown.stdout).toMatch(/403 Forbidden: The network policy of this session does not allow other\.test:\d+: host is not allowed\./);
    expect(upstream.seen.length).toBe(before);
    const denied = { protocol: 'tunnel', host: 'other.test', decision: 'deny', rule: 'host is not allowed', status: 403 };
    expect(await sandbox.audit(2)).toMatchObject([denied, denied]);
  });

  it('names the tool calls that were open when it began', async () => {
    const sandbox = await egress.sandbox();
    const calls: string[] = [];
    const ref = { sessionId: sandbox.sessionId, workspaceId: egress.rondo.workspaceId };
    await egress.rondo.store.locked(ref, async (session) => {
      const [open, done] = await session.append([1, 2].map(() => ({ type: 'agent.tool_use', body: { name: 'bash', input: {} } })));
      const call = { step: 1, name: 'bash', kind: 'sandbox', mcpServerName: null, permission: 'allow', decideBy: null } as const;
      await session.addToolCalls([
        { ...call, id: open?.id ?? '', ordinal: 0, finished: false },
        { ...call, id: done?.id ?? '', ordinal: 1, finished: false },
      ]);
      await session.finishToolCall(done?.id ?? '');
      calls.push(open?.id ?? '');
    });
    await sandbox.curl(at('/'));
    expect((await sandbox.audit()).map((line) => line.tool_call_ids)).toEqual([calls]);
  });

  it('is refused when the session has used what it may', async () => {
    const small = await startTestEgress({ extraCa: upstream.ca, variables: { RONDO_EGRESS_REQUESTS: '2', RONDO_EGRESS_BYTES: '1500000' } });
    try {
      const counted = await small.sandbox();
      for (const expected of ['"url":"/"', '"url":"/"', 'allowance of 2 requests']) expect((await counted.curl(at('/'))).stdout).toContain(expected);
      const uploading = await small.sandbox();
      const answer = await uploading.run('sh', ['-c', `head -c 3000000 /dev/zero | curl -sS -T - ${at('/')}`]);
      expect(answer.stdout).not.toContain('"bytes":3000000');
      expect(await uploading.audit()).toMatchObject([{ decision: 'deny', rule: 'limit of bytes' }]);
    } finally {
      await small.stop();
    }
  });
});
