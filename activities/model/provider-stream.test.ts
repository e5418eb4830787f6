import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { streamProvider } from './provider-stream.js';

const servers: Server[] = [];

/** A server that answers every request by `answer`; `sockets` are the connections it got. */
async function aServer(answer: (response: ServerResponse) => void): Promise<{ url: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    sockets.add(request.socket);
    response.setHeader('content-type', 'text/event-stream');
    answer(response);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

async function eventsOf(url: string, { stallMs = 20_000, seen = (_data: string | undefined): unknown => undefined } = {}): Promise<(string | undefined)[]> {
  const events: (string | undefined)[] = [];
  const send = (signal: AbortSignal) => fetch(url, { signal });
  const isLast = (data: string) => data === 'last';
  for await (const data of streamProvider({ provider: 'Test', model: 'm', send, isLast, signal: new AbortController().signal, stallMs })) {
    events.push(data);
    seen(data);
    if (data === 'last') break;
  }
  return events;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
});

describe('streamProvider', () => {
  it('gives the data of events, and a sign of life for bytes that complete none', async () => {
    let goOn: () => unknown = () => undefined;
    const { url } = await aServer((response) => {
      response.write(': keep-alive\n\n');
      goOn = () => response.end('data: one\n\ndata: last\n\n');
    });
    expect(await eventsOf(url, { seen: (data) => data === undefined && goOn() })).toEqual([undefined, 'one', 'last']);
  });

  it('uses the connection again when the answer was complete', async () => {
    const { url, sockets } = await aServer((response) => {
      response.write('data: last\n\n');
      setTimeout(() => response.end(), 20);
    });
    for (let count = 0; count < 4; count += 1) {
      expect(await eventsOf(url)).toEqual(['last']);
      await setImmediate();
    }
    expect(sockets.size).toBe(1);
  });

  it('does not wait for a server that keeps the connection open behind a complete answer', async () => {
    const { url } = await aServer((response) => response.write('data: last\n\n'));
    const startedAt = performance.now();
    const stallMs = 30_000;
    expect(await eventsOf(url, { stallMs })).toEqual(['last']);
    expect(performance.now() - startedAt).toBeLessThan(stallMs / 2);
  });

  it('takes a JSON answer as one event', async () => {
    const { url } = await aServer((response) => {
      response.setHeader('content-type', 'application/json; charset=utf-8');
      response.end('{"whole":true}');
    });
    expect(await eventsOf(url)).toEqual(['{"whole":true}']);
  });

  it('leaves no listener on a signal that outlives the stream', async () => {
    const { url } = await aServer((response) => response.end('data: last\n\n'));
    const controller = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = controller.signal;
    controller.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(controller.signal, args);
    };
    controller.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(controller.signal, args);
    };
    const options = { provider: 'Test', model: 'm', send: (signal: AbortSignal) => fetch(url, { signal }), isLast: () => false, stallMs: 20_000 };
    for await (const _ of streamProvider({ ...options, signal: controller.signal }));
    expect(listeners).toBe(0);
  });
});
