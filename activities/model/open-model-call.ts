import type { CallModelInput, CallModelResult } from '../../workflows/contract/activities.js';
import { decodeFence, encodeFence, type Fence } from '../../workflows/contract/fence.js';
import { isOverBudget } from '../../workflows/contract/list-cost.js';
import type { NetworkAccess } from '../../workflows/contract/network-access.js';
import { type EffectRecord, type InboxItem, NO_USAGE, type SessionRecord } from '../../workflows/contract/records.js';
import { keepAnswers, type ServerAnswers, type ServersToAsk, unaskedServers } from '../mcp/ask-servers.js';
import { buildContext } from '../session/context.js';
import { holdAtBudget } from '../session/hold-at-budget.js';
import { closeModelCalls, modelAttemptKey } from '../session/seal.js';
import { progressOf, readStanding } from '../session/standing.js';
import type { LockedSession } from '../session/store.port.js';
import { systemPrompt } from '../session/system-prompt.js';
import { statusEvents } from '../session/wire-events.js';
import { buildCatalog } from '../tools/catalog.js';
import { failedAttempts, MAXIMUM_ATTEMPTS } from './attempt-budget.js';
import type { CallModelDependencies, OpenModelCall } from './model-call.js';

const MAX_OUTPUT_TOKENS = 32_000;
const NO_NETWORK: NetworkAccess = { networking: undefined, variables: [] };

type Opened =
  | { readonly kind: 'open'; readonly call: OpenModelCall }
  | { readonly kind: 'answered'; readonly result: CallModelResult }
  /** The turn has begun, and MCP servers must be asked before its first request, outside of the lock. */
  | { readonly kind: 'ask_servers'; readonly asked: ServersToAsk };

const answered = (result: CallModelResult): Opened => ({ kind: 'answered', result });

/**
 * The first transaction of a step: checks and raises the fence, takes the inputs, and reads the context. `answers` are what
 * the MCP servers said that an earlier try asked for.
 */
export const openModelCall = (deps: CallModelDependencies, input: CallModelInput, answers?: ServerAnswers): Promise<Opened> =>
  deps.store.locked(input, async (session) => {
    if (session.record.status === 'terminated') return answered({ kind: 'superseded' });
    const fence = await takeFence(session, input);
    if (!fence) return answered({ kind: 'superseded' });

    const effectKey = `model:${fence.epoch}.${fence.step}`;
    const before = await session.findEffect(effectKey);
    if (before?.sealed) return answered(before.result as CallModelResult);

    const inbox = await session.readInbox();
    if (inbox.some(({ type }) => type === 'user.interrupt')) return answered({ kind: 'superseded' });
    const open = await session.openToolCalls();
    const hasMessage = inbox.some(({ type }) => type === 'user.message');
    const isDue = open.length === 0 && (hasMessage || session.record.modelDue);
    if (!isDue || isOverBudget(session.record)) {
      await closeModelCalls(session);
      await session.clearWake();
      if (isDue) await holdAtBudget(session);
      return answered({ kind: 'standing', ...(await readStanding(session, deps.defaultMaxSteps)) });
    }

    await beginOrContinueTurn(session, inbox);
    const { turn } = session.record;
    const isAnswered = answers?.turn === turn;
    if (isAnswered) await keepAnswers(session, answers);
    const mcpTools = session.record.agent.mcp_servers.length > 0 ? await session.readMcpTools() : [];
    const asked = isAnswered ? undefined : unaskedServers(session.record, mcpTools);
    if (asked) return { kind: 'ask_servers', asked };
    const dead = before ?? (input.epoch === null ? await takeOverDeadCall(session) : undefined);
    const attempt = (dead?.attempt ?? 0) + 1;
    const startEventId = dead?.startEventId ?? (await announceRequest(session, deps.newEventId()));
    await session.claimEffect({ key: effectKey, attempt, startEventId });
    const { turnUsage, agent } = session.record;
    const key = modelAttemptKey(turn, turnUsage.steps + 1);
    if (dead && (await failedAttempts(session, key)) >= MAXIMUM_ATTEMPTS) return answered({ kind: 'failed', cause: 'model_unavailable' });
    const attemptId = await session.startAttempt({ turn, step: turnUsage.steps + 1, kind: 'model_call', name: agent.model.id, key, attempt });
    const catalog = buildCatalog(session.record, mcpTools, { webSearch: deps.offersSearch });
    const system = systemPrompt({
      system: agent.system,
      tools: catalog.usesSandbox ? 'sandbox' : usesWorker(session.record) ? 'worker' : 'none',
      network: catalog.usesSandbox ? await session.readNetworkAccess() : NO_NETWORK,
      resources: catalog.usesSandbox ? await session.readResources() : [],
      skills: session.record.skills,
    });
    return {
      kind: 'open',
      call: {
        fence,
        effectKey,
        attempt,
        attemptId,
        startEventId,
        catalog,
        deadline: progressOf(session.record, deps.defaultMaxSteps).limits.deadline,
        request: {
          model: agent.model.id,
          effort: agent.model.effort.type,
          ...(system ? { system } : {}),
          messages: buildContext(await session.readEvents()),
          tools: catalog.tools,
          maxOutputTokens: MAX_OUTPUT_TOKENS,
        },
      },
    };
  });

const usesWorker = ({ agent, environmentType }: SessionRecord): boolean =>
  environmentType === 'self_hosted' && agent.tools.some(({ type }) => type === 'agent_toolset_20260401');

/** The first effect of a run opens a new epoch; any other must belong to the epoch that is open. */
async function takeFence(session: LockedSession, input: CallModelInput): Promise<Fence | undefined> {
  const { epoch } = decodeFence(session.record.fence);
  const fence = { epoch: input.epoch ?? epoch + 1, step: input.step };
  if (fence.epoch < epoch || (input.epoch !== null && fence.epoch > epoch) || encodeFence(fence) < session.record.fence) return undefined;
  await session.update({ fence: encodeFence(fence) });
  return fence;
}

async function beginOrContinueTurn(session: LockedSession, inbox: readonly InboxItem[]): Promise<void> {
  const newTurn = !session.record.modelDue;
  if (newTurn) await session.update({ turn: session.record.turn + 1, turnStartedAt: new Date(), turnUsage: NO_USAGE });
  const taken = inbox.filter(({ type }) => type === 'user.message' || type === 'system.message');
  await session.takeInbox(taken);
  await session.clearWake();
  if (taken.length > 0) await session.startInvocations(taken.map(({ id }) => id));
  if (session.record.status !== 'running') await session.append(statusEvents(session.record, 'running'));
  await session.update({ status: 'running', stopReason: null, modelDue: true });
}

/** A request that a dead run left open is this one: it goes on under the same start event, so clients see one. */
async function takeOverDeadCall(session: LockedSession): Promise<EffectRecord | undefined> {
  const dead = (await session.unsealedEffects('model:')).at(-1);
  if (dead) await session.sealEffect(dead.key, { kind: 'superseded' });
  return dead;
}

async function announceRequest(session: LockedSession, id: string): Promise<string> {
  await session.append([{ id, type: 'span.model_request_start', body: {} }]);
  return id;
}
