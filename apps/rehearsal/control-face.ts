import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { HttpProblem, readJson, sendJson } from './http.js';
import { NOT_A_LANGUAGE_MODEL } from './not-a-language-model.js';
import type { Recorder } from './recorder.js';
import type { ScriptBook } from './script-book.js';

interface Stage {
  readonly scripts: ScriptBook;
  readonly recorder: Recorder;
}

/** Answers the endpoints by which other processes steer and watch the server; false where the path is none of them. */
export async function answerControl(
  path: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
  { scripts, recorder }: Stage,
): Promise<boolean> {
  const script = /^\/rehearsal\/scripts\/([^/]+)$/.exec(path)?.[1];
  switch (`${request.method} ${script === undefined ? path : '/rehearsal/scripts/{name}'}`) {
    case 'GET /':
      sendJson(response, 200, { service: 'rondo-rehearsal', about: NOT_A_LANGUAGE_MODEL, scripts: scripts.names() });
      return true;
    case 'GET /rehearsal/scripts':
      sendJson(response, 200, { data: scripts.names() });
      return true;
    case 'PUT /rehearsal/scripts/{name}':
      await putScript(decodeURIComponent(script ?? ''), request, response, scripts);
      return true;
    case 'GET /rehearsal/requests':
      sendJson(response, 200, { data: recorder.all().filter((record) => (query.get('script') ?? record.script) === record.script) });
      return true;
    case 'DELETE /rehearsal/requests':
      recorder.clear();
      scripts.forgetFailures();
      sendJson(response, 200, { data: [] });
      return true;
    default:
      return false;
  }
}

async function putScript(name: string, request: IncomingMessage, response: ServerResponse, scripts: ScriptBook): Promise<void> {
  try {
    scripts.put(name, await readJson(request));
    sendJson(response, 200, { name });
  } catch (error) {
    if (error instanceof HttpProblem) sendJson(response, error.status, { type: 'error', error: { type: error.type, message: error.message } });
    else if (error instanceof z.ZodError) sendJson(response, 400, { type: 'error', error: { type: 'invalid_request_error', message: z.prettifyError(error) } });
    else throw error;
  }
}
