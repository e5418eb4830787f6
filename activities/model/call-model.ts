import { createHash } from 'node:crypto';
import type { CallModelInput, CallModelResult } from '../../workflows/contract/activities.js';
import { ERRORS, RondoError } from '../../workflows/contract/errors.js';
import { encodeFence } from '../../workflows/contract/fence.js';
import type { ActivityRun } from '../boundary.js';
import { isWithdrawn } from '../withdrawal.js';
import { createDeltaPublisher } from './deltas.js';
import { createPlaces } from './event-writer.js';
import { resolveFiles } from './file-sources.js';
import { finishModelCall, recordFailedAttempt } from './finish-model-call.js';
import type { ModelPort, ModelReply } from './model.port.js';
import type { CallModelDependencies, OpenModelCall } from './model-call.js';
import { openModelCall } from './open-model-call.js';

/**
 * One step of the loop: takes inputs into the log, asks the model with what the log says, and appends the answer in one
 * transaction. The provider may be asked twice when an attempt dies; the log gets one answer.
 */
export const createCallModel =
  (deps: CallModelDependencies) =>
  async (input: CallModelInput, run: ActivityRun): Promise<CallModelResult> => {
    const opened = await openWithTools(deps, input, run.signal);
    if (opened.kind === 'answered') return opened.result;
    const { call } = opened;
    const timeUp = new AbortController();
    const clock = call.deadline === undefined ? undefined : setTimeout(() => timeUp.abort(), Math.max(0, call.deadline - Date.now()));
    try {
      const { port, model } = deps.models(call.request.model);
      const signal = AbortSignal.any([run.signal, timeUp.signal]);
      const messages = await resolveFiles(call.request.messages, (fileId, maximumBytes) => deps.readFile(input, fileId, maximumBytes));
      const reply = await receive(deps, input, { ...call, request: { ...call.request, model, messages } }, port, signal);
      return await finishModelCall(deps, input, call, reply, digestOf(reply));
    } catch (error) {
      if (run.signal.aborted) {
        await deps.store.endAttempt(input, call.attemptId, { outcome: 'interrupted' });
        return { kind: 'superseded' };
      }
      if (timeUp.signal.aborted) {
        await deps.store.endAttempt(input, call.attemptId, { outcome: 'interrupted' });
        return { kind: 'failed', cause: 'max_seconds' };
      }
      return await giveUpOrRetry(deps, input, call, error);
    } finally {
      clearTimeout(clock);
    }
  };

/** Opens the step; its turn's MCP servers are asked between two tries, so that nobody waits for them with the session's lock. */
async function openWithTools(deps: CallModelDependencies, input: CallModelInput, signal: AbortSignal) {
  let opened = await openModelCall(deps, input);
  while (opened.kind === 'ask_servers') {
    try {
      opened = await openModelCall(deps, input, await deps.askServers(input, opened.asked, signal));
    } catch (error) {
      if (!signal.aborted || isWithdrawn(signal)) throw error;
      return { kind: 'answered', result: { kind: 'superseded' } } as const;
    }
  }
  return opened;
}

async function receive(deps: CallModelDependencies, input: CallModelInput, call: OpenModelCall, port: ModelPort, signal: AbortSignal): Promise<ModelReply> {
  const deltas = createDeltaPublisher(deps.store, input, encodeFence(call.fence));
  const place = createPlaces(call.startEventId);
  try {
    for await (const part of port.stream(call.request, { signal })) {
      if (part.type === 'reply') return part.reply;
      if (part.type === 'activity') continue;
      const { eventId, index } = place(part.block, part.type !== 'thinking_start');
      const eventType = part.type === 'thinking_start' ? 'agent.thinking' : 'agent.message';
      deltas.add({ eventId, eventType, attempt: call.attempt, block: index, text: part.type === 'text_delta' ? part.text : '' });
    }
  } finally {
    await deltas.close();
  }
  throw new RondoError('model.unavailable', 'The provider ended its stream without an answer.');
}

/** A final error ends the turn; any other is told to clients and tried again, as often as the budget allows. */
async function giveUpOrRetry(deps: CallModelDependencies, input: CallModelInput, call: OpenModelCall, error: unknown): Promise<CallModelResult> {
  const known = error instanceof RondoError ? error : new RondoError('internal', error instanceof Error ? error.message : String(error), { cause: error });
  if (known.code === 'step.superseded') {
    await deps.store.endAttempt(input, call.attemptId, { outcome: 'superseded' });
    return { kind: 'superseded' };
  }
  if (known.code === 'service.unavailable') throw known;
  const message = deps.redact(known.message).slice(0, 500);
  const final = ERRORS[known.code].retry === 'never';
  const verdict = await recordFailedAttempt(deps, input, call, { code: known.code, message, final });
  if (verdict === 'superseded') return { kind: 'superseded' };
  if (verdict === 'retry') throw new RondoError(known.code, message, known.retryAfterMs === undefined ? {} : { retryAfterMs: known.retryAfterMs });
  return { kind: 'failed', cause: final ? 'model_request_failed' : 'model_unavailable' };
}

/** Equal for replies that make the same calls with the same inputs. */
function digestOf(reply: ModelReply): string | undefined {
  const calls = reply.content.flatMap((block) => (block.type === 'tool_use' ? [[block.name, block.input]] : []));
  return calls.length === 0 ? undefined : createHash('sha256').update(JSON.stringify(calls)).digest('base64url').slice(0, 16);
}
