import type { RunToolInput, RunToolResult, SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { ToolOutcome } from '../../workflows/contract/schema/tool-outcome.js';
import type { ActivityRun } from '../boundary.js';
import type { AcquiredSandbox } from '../sandbox/connections.js';
import type { Sandboxes } from '../sandbox/sandboxes.js';
import { DEFAULT_TOOL_TIMEOUT_MS, MAX_TOOL_TIMEOUT_MS } from '../sandbox/tool-inputs.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import { isWithdrawn } from '../withdrawal.js';
import { tellLoss } from '../workspace/loss.js';
import { type Claim, claimCall, findOpenCall, finishCall, isStopped } from './claim.js';
import { openLiveOutput } from './live-output.js';
import type { StreamRedactor } from './output-cleaner.js';

export interface SandboxCallDependencies {
  readonly store: SessionStore;
  readonly sandboxes: Sandboxes;
  readonly redact: StreamRedactor;
  readonly heldCalls: HeldCalls;
}

/** Tells when people are asked for requests of a session's sandbox. */
export interface HeldCalls {
  /** Calls `tell` at every change, and soon with how it is `now` if that is wanted; answers how to stop that. */
  follow(session: SessionRef, options: { readonly now: boolean }, tell: (held: boolean) => void): () => void;
}

/** Attempts to get a sandbox for one call before the turn is given up. */
const MAXIMUM_SANDBOX_ATTEMPTS = 6;

interface SandboxClaim extends Claim {
  readonly sandbox: AcquiredSandbox;
  /** No other attempt can have sent the call. */
  readonly first: boolean;
  /** The call was sent to a sandbox that is gone: whether it ran cannot be known. */
  readonly lost: boolean;
}

/** The connection broke between the claim and the sending. */
const wasNeverSent = ({ first, sandbox }: SandboxClaim): boolean => first && !sandbox.client.isOpen;

/**
 * Runs one call exactly once, as far as anyone can: it is claimed with the sandbox's generation before it is sent, and
 * the supervisor knows it by its id. A later attempt finds the result, attaches to the running call, or, when the
 * sandbox it was sent to is gone, says that the outcome is unknown. It never runs the call again.
 */
export const createRunInSandbox =
  (deps: SandboxCallDependencies) =>
  async (input: RunToolInput, run: ActivityRun): Promise<RunToolResult> => {
    let claim: SandboxClaim | undefined;
    try {
      let claimed = await claimForSandbox(deps, input, run);
      if (claimed.kind === 'claimed' && wasNeverSent(claimed.claim)) {
        await deps.store.endAttempt(input, claimed.claim.attemptId, { outcome: 'error', errorCode: 'sandbox.failed' });
        claimed = await claimForSandbox(deps, input, run, claimed.claim);
      }
      if (claimed.kind !== 'claimed') return claimed.result;
      claim = claimed.claim;
      const outcome = claim.lost ? LOST : await execute(deps, input, claim, run.signal);
      if (isStopped(run.signal)) {
        await deps.store.endAttempt(input, claim.attemptId, { outcome: 'interrupted' });
        return { kind: 'superseded' };
      }
      return await finishCall(deps.store, input, claim, outcome, { preface: tellOnce });
    } catch (error) {
      return await afterError(deps, input, run, claim, error);
    }
  };

const LOST: ToolOutcome = {
  status: 'lost',
  is_error: true,
  content: [
    {
      type: 'text',
      text: 'The outcome of this call is unknown: its sandbox ended while the call ran, or before its result could be read. It was not run again. Look at the workspace before you repeat it.',
    },
  ],
};

/** What was lost with an earlier sandbox, said with the first result that comes after. */
async function tellOnce(session: LockedSession): Promise<string | undefined> {
  const loss = await session.readLoss();
  if (!loss) return undefined;
  await session.writeLoss(undefined);
  return tellLoss(loss);
}

type Claimed = { readonly kind: 'claimed'; readonly claim: SandboxClaim } | { readonly kind: 'answered'; readonly result: RunToolResult };

/**
 * The claim, in one transaction: fence, earlier result, earlier claim, generation; written before anything is sent, for a
 * sandbox that can be reached. `unsent` is a claim of this same attempt whose call was never sent.
 */
async function claimForSandbox(
  deps: SandboxCallDependencies,
  input: RunToolInput,
  { signal, placement }: ActivityRun,
  unsent?: SandboxClaim,
): Promise<Claimed> {
  const sandbox = await deps.sandboxes.acquire(input, signal, placement);
  signal.throwIfAborted();
  return deps.store.locked(input, async (session): Promise<Claimed> => {
    const found = await findOpenCall(session, input);
    if (found.kind === 'answered') return found;
    const { call, before } = found;
    const current = await session.findSandbox();
    if (current?.generation !== sandbox.generation || current.state !== 'ready') {
      throw new RondoError('sandbox.failed', `Sandbox generation ${sandbox.generation} of session ${input.sessionId} has been replaced.`);
    }
    const bound = before?.attempt === unsent?.attempt ? null : (before?.generation ?? null);
    const first = bound === null;
    if (first && !sandbox.client.isOpen) {
      throw new RondoError(
        'sandbox.failed',
        `The connection to sandbox generation ${sandbox.generation} of session ${input.sessionId} ended before call ${call.id} was sent.`,
      );
    }
    const claim = await claimCall(session, call, before, 'tool_call');
    if (first) await session.bindGeneration(call.id, sandbox.generation);
    const lost = !first && bound !== sandbox.generation;
    return { kind: 'claimed', claim: { ...claim, sandbox, first, lost } };
  });
}

async function execute(deps: SandboxCallDependencies, input: RunToolInput, claim: SandboxClaim, signal: AbortSignal): Promise<ToolOutcome> {
  const { callId } = input;
  const { sandbox, call, input: args } = claim;
  const { client } = sandbox;
  const unfollow = deps.heldCalls.follow(input, { now: !claim.first || client.isHeld !== false }, (held) => client.hold(held));
  const output = await openLiveOutput(deps, input, { callId, attempt: claim.attempt });
  try {
    return await client.call({
      callId,
      name: call.name,
      input: args,
      // A command has a limit of its own, which its input may raise.
      timeoutMs: call.name === 'bash' ? MAX_TOOL_TIMEOUT_MS : DEFAULT_TOOL_TIMEOUT_MS,
      signal,
      outputFrom: output.from,
      onOutput: output.push,
    });
  } finally {
    unfollow();
    await output.close();
  }
}

async function afterError(
  deps: SandboxCallDependencies,
  input: RunToolInput,
  run: ActivityRun,
  claim: SandboxClaim | undefined,
  error: unknown,
): Promise<RunToolResult> {
  const code = error instanceof RondoError ? error.code : 'internal';
  if (claim) await deps.store.endAttempt(input, claim.attemptId, { outcome: isStopped(run.signal) ? 'interrupted' : 'error', errorCode: code });
  if (isStopped(run.signal) || code === 'step.superseded') return { kind: 'superseded' };
  // The command goes on, for the attempt that comes next.
  if (isWithdrawn(run.signal)) throw error;
  deps.sandboxes.disconnect(input.sessionId);
  if (code === 'sandbox.elsewhere') throw error;
  if (code === 'sandbox.full') return { kind: 'failed', cause: 'sandbox_full' };
  if (code === 'sandbox.unavailable') return { kind: 'failed', cause: 'sandbox_unavailable' };
  if (code.startsWith('sandbox.') && run.attempt >= MAXIMUM_SANDBOX_ATTEMPTS) return { kind: 'failed', cause: 'sandbox_unavailable' };
  // request.conflict: an earlier attempt in this process still waits on the connection that was just closed.
  if (code === 'sandbox.gone' || code === 'request.conflict') {
    throw new RondoError('sandbox.failed', `The connection to the sandbox of session ${input.sessionId} ended.`, { cause: error });
  }
  throw error;
}
