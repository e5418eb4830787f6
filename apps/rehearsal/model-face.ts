import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { anthropicProtocol } from './anthropic.protocol.js';
import { chooseReply } from './choose-reply.js';
import { type ModelCall, pairingProblem, positionOf } from './conversation.js';
import { HttpProblem, readJson, sendJson } from './http.js';
import { NOT_A_LANGUAGE_MODEL } from './not-a-language-model.js';
import { openAiProtocol } from './openai.protocol.js';
import { type Playback, playDocument, playStream } from './playback.js';
import { type Protocol, type ProtocolError, replySize } from './protocol.js';
import { nowMs, type Recorder } from './recorder.js';
import type { ScriptedError, ScriptedReply } from './script.js';
import type { ScriptBook } from './script-book.js';
import { usageOf } from './usage.js';

const PROTOCOLS = new Map<string, Protocol>([
  ['/v1/messages', anthropicProtocol],
  ['/v1/chat/completions', openAiProtocol],
]);

export const protocolAt = (method: string | undefined, path: string): Protocol | undefined => (method === 'POST' ? PROTOCOLS.get(path) : undefined);

interface Stage {
  readonly scripts: ScriptBook;
  readonly recorder: Recorder;
}

/** Answers one model request by the script that its model id names. */
export async function answerModelCall(protocol: Protocol, path: string, request: IncomingMessage, response: ServerResponse, stage: Stage): Promise<void> {
  const received_at = nowMs();
  try {
    const body = await readJson(request);
    const call = readCall(protocol, body);
    const script = stage.scripts.get(call.model);
    const position = positionOf(call.messages);
    const id = stage.recorder.add({ path, headers: request.headers, body, script: call.model, step: position.step, received_at });
    const connection = watchConnection(response, id, stage.recorder);
    if (script === undefined) throw unknownScript(call.model, stage.scripts);
    const problem = pairingProblem(call.messages);
    if (problem !== undefined) throw new HttpProblem(400, 'invalid_request_error', problem);
    const reply = dueReply(chooseReply(call.model, script, position), call, stage.scripts);
    await play({ protocol, call, body, reply, headers: request.headers, response, connection });
  } catch (error) {
    if (response.destroyed) return;
    if (!(error instanceof HttpProblem)) throw error;
    sendJson(response, error.status, protocol.errorDocument(error));
  }
}

async function play(scene: {
  protocol: Protocol;
  call: ModelCall;
  body: unknown;
  reply: ScriptedReply;
  headers: IncomingHttpHeaders;
  response: ServerResponse;
  connection: Connection;
}): Promise<void> {
  const { protocol, call, reply, response, connection } = scene;
  const error = reply.error && toProtocolError(reply.error, scene.headers);
  if (error && (reply.error?.after_chunks === undefined || !call.isStream)) {
    sendJson(response, error.status, protocol.errorDocument(error), reply.error?.headers);
    return;
  }
  const context = { model: call.model, usage: usageOf(call, replySize(reply), reply.usage), body: scene.body };
  if (!call.isStream) return playDocument(response, protocol.document(reply, context), { reply, ...connection });
  await playStream(response, { protocol, reply, ...connection, frames: protocol.frames(reply, context), midStreamError: error });
}

function readCall(protocol: Protocol, body: unknown): ModelCall {
  try {
    return protocol.readCall(body);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [issue] = error.issues;
    throw new HttpProblem(400, 'invalid_request_error', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not valid'}`);
  }
}

/** Leaves an error out that was already played as often as its script says. */
function dueReply(reply: ScriptedReply, call: ModelCall, scripts: ScriptBook): ScriptedReply {
  const times = reply.error?.times;
  if (times === undefined || scripts.failsAgain(call.model, call.messages, times)) return reply;
  const { error: _, ...rest } = reply;
  return rest;
}

function toProtocolError({ status, type, message, echo_key }: ScriptedError, headers: IncomingHttpHeaders): ProtocolError {
  const key = headers['x-api-key'] ?? headers.authorization?.replace(/^Bearer /i, '') ?? 'none';
  return { status, type, message: echo_key ? `${message} (API key: ${key})` : message };
}

function unknownScript(name: string, scripts: ScriptBook): HttpProblem {
  const known = scripts
    .names()
    .map((script) => script.name)
    .join(', ');
  return new HttpProblem(404, 'not_found_error', `There is no script ${JSON.stringify(name)}; there are ${known}. ${NOT_A_LANGUAGE_MODEL}`);
}

type Connection = Pick<Playback, 'signal' | 'drop'>;

/** Records how an answer ends. */
function watchConnection(response: ServerResponse, id: number, recorder: Recorder): Connection {
  const gone = new AbortController();
  let isDropped = false;
  response.once('close', () => {
    const end = response.writableFinished ? 'complete' : isDropped ? 'dropped' : 'closed_early';
    recorder.update(id, { ended_at: nowMs(), status: response.headersSent ? response.statusCode : null, end });
    gone.abort();
  });
  const drop = (): void => {
    isDropped = true;
    response.destroy();
  };
  return { signal: gone.signal, drop };
}
