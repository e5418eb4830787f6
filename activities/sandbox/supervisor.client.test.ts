import { type Duplex, duplexPair } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { withdrawal } from '../withdrawal.js';
import { connectSupervisor, type SupervisorClientOptions } from './supervisor.client.js';
import { MAX_LINE_BYTES, MAX_OUTCOME_TEXT, PROTOCOL_VERSION } from './supervisor-protocol.js';

const HELLO = { type: 'hello', boot_id: 'boot', version: PROTOCOL_VERSION };

/** A client whose other side answers as the test says: it stands for a sandbox that has been taken over. */
async function aForgedSupervisor(answer: (request: Record<string, unknown>, other: Duplex) => unknown, options: Partial<SupervisorClientOptions> = {}) {
  const [near, other] = duplexPair();
  let buffered = '';
  other.on('data', (chunk: Buffer) => {
    buffered += chunk.toString();
    const lines = buffered.split('\n');
    buffered = lines.pop() ?? '';
    for (const line of lines) {
      const request = JSON.parse(line) as Record<string, unknown>;
      const reply = request['type'] === 'hello' ? HELLO : answer(request, other);
      if (reply !== undefined) other.write(`${JSON.stringify(reply)}\n`);
    }
  });
  return connectSupervisor(near, { sandbox: 'sandbox-1', ...options });
}

const call = { callId: 'call_1', name: 'bash', input: { command: 'true' }, timeoutMs: 1000 };
const resultWith = (outcome: unknown) => ({ type: 'result', call_id: 'call_1', outcome });
const completed = (block: unknown) => resultWith({ status: 'completed', content: [block], is_error: false });

test('an outcome of plain blocks is passed on', async () => {
  const client = await aForgedSupervisor(() => completed({ type: 'text', text: 'hello' }));
  expect(await client.call(call)).toEqual({ status: 'completed', content: [{ type: 'text', text: 'hello' }], is_error: false });
});

test.each([
  ['an image by URL', { type: 'image', source: { type: 'url', url: 'https://example.com/?stolen=data' } }],
  ['an image by file id', { type: 'image', source: { type: 'file', file_id: 'file_of_somebody_else' } }],
  ['a document by URL', { type: 'document', source: { type: 'url', url: 'https://example.com/' } }],
  ['base64 that is none', { type: 'image', source: { type: 'base64', media_type: 'image/png', data: '<script>' } }],
  ['an unknown block', { type: 'tool_use', id: 'x', name: 'bash', input: {} }],
])('%s in an outcome breaks the connection', async (_what, block) => {
  const client = await aForgedSupervisor(() => completed(block));
  await expect(client.call(call)).rejects.toMatchObject({ code: 'sandbox.failed' });
});

test('an outcome with too much text is replaced by a sentence', async () => {
  const client = await aForgedSupervisor(() => completed({ type: 'text', text: 'x'.repeat(MAX_OUTCOME_TEXT + 1) }));
  const outcome = await client.call(call);
  expect(outcome.is_error).toBe(true);
  expect(JSON.stringify(outcome).length).toBeLessThan(300);
});

test('a line without end is cut off instead of filling the memory', async () => {
  const client = await aForgedSupervisor((_request, other) => {
    for (let sent = 0; sent <= MAX_LINE_BYTES; sent += 65_536) other.write(Buffer.alloc(65_536, 'x'));
  });
  await expect(client.call(call)).rejects.toMatchObject({ code: 'sandbox.failed' });
});

test('an endless stream of valid replies is cut off', async () => {
  const piece = `${JSON.stringify({ type: 'output', call_id: 'call_9', offset: 0, text: 'x'.repeat(16_000) })}\n`;
  const client = await aForgedSupervisor((_request, other) => {
    const flood = () => {
      while (!other.destroyed && other.write(piece));
      if (!other.destroyed) other.once('drain', flood);
    };
    flood();
  });
  await expect(client.call(call)).rejects.toThrow(/more than any result/);
});

test('bytes that are not the protocol break the connection', async () => {
  const client = await aForgedSupervisor((_request, other) => void other.write('{"type":"sudo"}\n'));
  await expect(client.call(call)).rejects.toMatchObject({ code: 'sandbox.failed' });
});

test('results of calls that nobody made are ignored', async () => {
  const client = await aForgedSupervisor((_request, other) => {
    other.write(`${JSON.stringify({ ...resultWith({ status: 'completed', content: [], is_error: false }), call_id: 'call_2' })}\n`);
    return completed({ type: 'text', text: 'mine' });
  });
  expect(await client.call(call)).toMatchObject({ content: [{ text: 'mine' }] });
});

test('a channel that ends breaks the call, and every later one', async () => {
  const client = await aForgedSupervisor((_request, other) => void other.end());
  await expect(client.call(call)).rejects.toMatchObject({ code: 'sandbox.failed' });
  await expect(client.call(call)).rejects.toMatchObject({ code: 'sandbox.failed' });
});

test('a supervisor that never says hello is given up', async () => {
  const [near] = duplexPair();
  await expect(connectSupervisor(near, { sandbox: 'sandbox-1', helloTimeoutMs: 20 })).rejects.toMatchObject({ code: 'sandbox.failed' });
});

test('a supervisor of another version is refused', async () => {
  const [near, other] = duplexPair();
  other.write(`${JSON.stringify({ ...HELLO, version: PROTOCOL_VERSION + 1 })}\n`);
  await expect(connectSupervisor(near, { sandbox: 'sandbox-1' })).rejects.toThrow(/version/);
});

test('a supervisor that falls silent during a call is given up', async () => {
  const client = await aForgedSupervisor(() => undefined, { pingIntervalMs: 20 });
  await expect(client.call(call)).rejects.toMatchObject({ code: 'sandbox.failed' });
});

test('an interrupt that is never confirmed still ends the call', async () => {
  const controller = new AbortController();
  const client = await aForgedSupervisor(
    (request) => {
      if (request['type'] === 'call') controller.abort();
    },
    { cancelGraceMs: 20 },
  );
  expect(await client.call({ ...call, signal: controller.signal })).toMatchObject({ status: 'interrupted', is_error: true });
});

test('a withdrawal leaves the call alone: nothing is cancelled, nobody waits', async () => {
  const asked: unknown[] = [];
  const controller = new AbortController();
  const client = await aForgedSupervisor((request) => {
    asked.push(request['type']);
    controller.abort(withdrawal());
  });
  await expect(client.call({ ...call, signal: controller.signal })).rejects.toMatchObject({ code: 'service.unavailable' });
  client.close();
  expect(asked).toEqual(['call']);
});

test('a supervisor that answers pings only is given up some time after the limit of the call', async () => {
  const client = await aForgedSupervisor((request) => (request['type'] === 'ping' ? { type: 'pong' } : undefined), { pingIntervalMs: 200, overdueMs: 500 });
  await expect(client.call({ ...call, timeoutMs: 10 })).rejects.toThrow(/did not end call call_1 at its time limit/);
});

test('a connection tells when it has ended', async () => {
  const client = await aForgedSupervisor((_request, other) => void other.end());
  expect(client.isOpen).toBe(true);
  client.cancel('call_9');
  await client.closed;
  expect(client.isOpen).toBe(false);
});

test('an input over the line limit is not sent', async () => {
  const client = await aForgedSupervisor(() => {
    throw new Error('was sent');
  });
  expect(await client.call({ ...call, input: { command: 'x'.repeat(MAX_LINE_BYTES) } })).toMatchObject({ status: 'completed', is_error: true });
});

describe('files of a supervisor that lies', () => {
  const numberOf = (request: Record<string, unknown>) => request['transfer'] as number;
  const data = (request: Record<string, unknown>, bytes: number) => ({
    type: 'data',
    transfer: numberOf(request),
    data: Buffer.alloc(bytes, 'x').toString('base64'),
  });
  const read = async (client: Awaited<ReturnType<typeof aForgedSupervisor>>, maximumBytes = 1_000_000) =>
    buffer(client.readFile('/workspace/x', { maximumBytes }));
  async function* someBytes(count: number) {
    for (let sent = 0; sent < count; sent += 100_000) yield Buffer.alloc(Math.min(100_000, count - sent));
  }

  test('a stream that never ends is cut at the limit', async () => {
    const asked: unknown[] = [];
    const client = await aForgedSupervisor((request) => {
      asked.push(request['type']);
      return request['type'] === 'abort' ? undefined : data(request, 100_000);
    });
    await expect(read(client)).rejects.toMatchObject({ code: 'sandbox.file_refused', details: { reason: 'too_large' } });
    await expect.poll(() => asked.at(-1)).toBe('abort');
  });

  test('more than was asked for breaks the connection', async () => {
    const client = await aForgedSupervisor((request, other) => {
      for (let count = 0; count < 20; count += 1) other.write(`${JSON.stringify(data(request, 100_000))}\n`);
    });
    await expect(read(client, 100_000_000)).rejects.toMatchObject({ code: 'sandbox.failed' });
    expect(client.isOpen).toBe(false);
  });

  test('a size that is not what was sent is no file', async () => {
    const client = await aForgedSupervisor((request, other) => {
      if (request['type'] !== 'file_read') return undefined;
      other.write(`${JSON.stringify(data(request, 10))}\n`);
      return { type: 'done', transfer: numberOf(request), bytes: 11 };
    });
    await expect(read(client)).rejects.toMatchObject({ code: 'sandbox.failed' });
  });

  test.each(['../x', '/etc/passwd', 'a/../../x', 'a//b', '', 'a\0b', 'x'.repeat(2000)])('a listing with %j breaks the connection', async (name) => {
    const client = await aForgedSupervisor((request) => ({
      type: 'listing',
      transfer: numberOf(request),
      files: [{ path: name, size_bytes: 1, modified_ms: 1 }],
      truncated: false,
    }));
    await expect(client.listFiles('/mnt/session/outputs')).rejects.toMatchObject({ code: 'sandbox.failed' });
  });

  test('a listing without end breaks the connection', async () => {
    const files = Array.from({ length: 5_001 }, (_, index) => ({ path: String(index), size_bytes: 1, modified_ms: 1 }));
    const client = await aForgedSupervisor((request) => ({ type: 'listing', transfer: numberOf(request), files, truncated: false }));
    await expect(client.listFiles('/mnt/session/outputs')).rejects.toMatchObject({ code: 'sandbox.failed' });
  });

  test('silence behind answered pings is given up', async () => {
    const client = await aForgedSupervisor((request) => (request['type'] === 'ping' ? { type: 'pong' } : undefined), { pingIntervalMs: 300, stallMs: 900 });
    await expect(read(client)).rejects.toThrow(/send a file/);
    await expect(client.writeFile({ path: '/workspace/x', source: someBytes(2_000_000) })).rejects.toThrow(/take a file/);
    await expect(client.writeFile({ path: '/workspace/x', source: someBytes(10) })).rejects.toThrow(/keep a file/);
    await expect(client.statPath('/workspace/x')).rejects.toThrow(/answer/);
  });

  test('credit for more than was sent does not let the worker run ahead', async () => {
    let received = 0;
    const client = await aForgedSupervisor(
      (request) => {
        if (request['type'] === 'data') received += Buffer.from(String(request['data']), 'base64').length;
        return request['type'] === 'file_write' ? { type: 'credit', transfer: numberOf(request), bytes: 1e12 } : undefined;
      },
      { stallMs: 50 },
    );
    await expect(client.writeFile({ path: '/workspace/x', source: someBytes(10_000_000) })).rejects.toThrow(/take a file/);
    expect(received).toBeLessThanOrEqual(1024 * 1024);
  });

  test('a count of bytes that were not sent is no success', async () => {
    const client = await aForgedSupervisor((request) => (request['type'] === 'end' ? { type: 'done', transfer: numberOf(request), bytes: 3 } : undefined));
    await expect(client.writeFile({ path: '/workspace/x', source: someBytes(10) })).rejects.toMatchObject({ code: 'sandbox.failed' });
  });

  test('an answer of another kind breaks the connection', async () => {
    const client = await aForgedSupervisor((request) => ({ type: 'done', transfer: numberOf(request), bytes: 1 }));
    await expect(client.statPath('/workspace/x')).rejects.toMatchObject({ code: 'sandbox.failed' });
    expect(client.isOpen).toBe(false);
  });

  test('a channel that ends breaks what is open', async () => {
    const client = await aForgedSupervisor((_request, other) => void other.end());
    await expect(read(client)).rejects.toMatchObject({ code: 'sandbox.failed' });
    await expect(client.listFiles('/workspace/x')).rejects.toMatchObject({ code: 'sandbox.failed' });
  });
});

test('a call is not overdue while it is held, and is afterwards', async () => {
  const asked: unknown[] = [];
  const client = await aForgedSupervisor(
    (request) => {
      asked.push(request['type'] === 'hold' ? request['held'] : request['type']);
      return undefined;
    },
    { overdueMs: 40 },
  );
  const overdue = client.call({ ...call, timeoutMs: 1 }).then(
    () => 'answered',
    () => 'overdue',
  );
  client.hold(true);
  client.hold(true);
  expect(await Promise.race([overdue, delay(200, 'held')])).toBe('held');
  client.hold(false);
  expect(await overdue).toBe('overdue');
  expect(asked).toEqual(['call', true, false]);
});
