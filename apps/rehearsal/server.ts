import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerControl } from './control-face.js';
import { sendJson } from './http.js';
import { answerModelCall, protocolAt } from './model-face.js';
import { NOT_A_LANGUAGE_MODEL } from './not-a-language-model.js';
import { createRecorder, type RecordedRequest } from './recorder.js';
import type { ScriptInput } from './script.js';
import { createScriptBook } from './script-book.js';

export interface RehearsalOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly host?: string;
  /** Added to the built-in scripts, by name. */
  readonly scripts?: Readonly<Record<string, ScriptInput>>;
}

/** A running rehearsal server. */
export interface Rehearsal {
  /** `http://host:port`; OpenAI clients need `/v1` behind it. */
  readonly url: string;
  /** Adds or replaces a script; throws for one that does not follow the format. */
  putScript(name: string, script: ScriptInput): void;
  /** The model requests received, oldest first. */
  requests(): readonly RecordedRequest[];
  /** Resolves with the first request, received or still to come, that `matches`; rejects after `timeoutMs`. */
  waitForRequest(matches: (request: RecordedRequest) => boolean, timeoutMs?: number): Promise<RecordedRequest>;
  /** Forgets the requests, and how often scripted errors were played. */
  forgetRequests(): void;
  close(): Promise<void>;
}

/** Starts a server that plays scripts over the Anthropic Messages and the OpenAI Chat Completions protocol. See docs/rehearsal.md. */
export async function startRehearsal({ port = 0, host = '127.0.0.1', scripts: given = {} }: RehearsalOptions = {}): Promise<Rehearsal> {
  const stage = { scripts: createScriptBook(given), recorder: createRecorder() };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://rehearsal');
    const protocol = protocolAt(request.method, pathname);
    if (protocol) return answerModelCall(protocol, pathname, request, response, stage);
    if (await answerControl(pathname, searchParams, request, response, stage)) return;
    const message = `There is nothing at ${request.method} ${pathname}. ${NOT_A_LANGUAGE_MODEL}`;
    sendJson(response, 404, { type: 'error', error: { type: 'not_found_error', message } });
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) response.destroy();
      else sendJson(response, 500, { type: 'error', error: { type: 'api_error', message: String(error) } });
    });
  });
  server.listen(port, host);
  await once(server, 'listening');
  const { port: takenPort } = server.address() as AddressInfo;

  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${takenPort}`,
    putScript: stage.scripts.put,
    requests: stage.recorder.all,
    waitForRequest: stage.recorder.waitFor,
    forgetRequests() {
      stage.recorder.clear();
      stage.scripts.forgetFailures();
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
