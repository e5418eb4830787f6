import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { OpenCall } from '../contract/activities.js';
import { atSandbox } from './at-sandbox.js';
import { interruptible } from './interruptible.js';
import { activities } from './proxies.js';
import { releaseSandbox } from './release-sandbox.js';
import { type Run, show, somethingCame } from './run.js';
import { deadlineOf, type Effect, type Outcome } from './turn.js';

type EffectOf<Type extends Effect['type']> = Extract<Effect, { type: Type }>;

/** Performs one effect. Undefined: it was waited, and something came. */
export async function perform(run: Run, effect: Exclude<Effect, { type: 'finish' }>): Promise<Outcome | undefined> {
  const { ref } = run;
  switch (effect.type) {
    case 'call_model':
      show(run, 'running');
      return interruptible(run, () => callModel(run, effect));
    case 'run_tools':
      show(run, 'running');
      return interruptible(run, () => runTools(run, effect));
    case 'settle':
      return {
        type: 'settled',
        result: await activities.settle('approvals', { ...ref, epoch: effect.epoch, decisions: effect.decisions, expireBy: effect.expireBy }),
      };
    case 'seal':
      return {
        type: 'sealed',
        result: await activities.seal(effect.cause ? `seal · ${effect.cause}` : 'seal', { ...ref, epoch: effect.epoch, cause: effect.cause }),
      };
    case 'collect_outputs':
      return collectOutputs(run);
    case 'wait':
      return wait(run, effect);
  }
}

async function callModel({ ref, state }: Run, effect: EffectOf<'call_model'>): Promise<Outcome> {
  const step = (state.progress && state.modelDue ? state.progress.steps : 0) + 1;
  return { type: 'model', result: await activities.callModel(`model · step ${step}`, { ...ref, epoch: effect.epoch, step: effect.step }) };
}

/** Calls that change the workspace run one after another, in the model's order; the others beside them. */
async function runTools(run: Run, effect: EffectOf<'run_tools'>): Promise<Outcome> {
  const inTurn = async () => {
    const results = [];
    for (const call of effect.serial) {
      const ran = await runTool(run, call, effect);
      results.push(ran);
      if (ran.result.kind !== 'done') break;
    }
    return results;
  };
  const lanes = await Promise.all([inTurn(), ...effect.parallel.map(async (call) => [await runTool(run, call, effect)])]);
  return { type: 'tools', results: lanes.flat() };
}

async function runTool(run: Run, call: OpenCall, { epoch, step }: EffectOf<'run_tools'>) {
  const input = { ...run.ref, epoch, step, callId: call.id, ...(call.remote && { remote: true as const }) };
  return { callId: call.id, result: await atSandbox(run, (host) => activities.runTool(host, `${call.name} · call ${call.ordinal}`, input)) };
}

/** Nobody waits for files: whatever comes in between goes first, and the next quiet moment looks again. */
async function collectOutputs(run: Run): Promise<Outcome | undefined> {
  show(run, 'idle');
  const scope = new CancellationScope();
  let done = false;
  const collecting = scope
    .run(() => atSandbox(run, (host) => activities.collectOutputs(host, run.ref)))
    .catch((error: unknown) => {
      if (!isCancellation(error) && !(error instanceof Error && error.name === 'ActivityFailure')) throw error;
    })
    .then(() => {
      done = true;
    });
  await Promise.race([collecting, condition(() => somethingCame(run))]);
  const collected = done;
  scope.cancel();
  return collected ? { type: 'outputs_collected' } : undefined;
}

/** Waits for a message, or a time that matters. After the idle time the sandbox is given back, and an idle run ends. */
async function wait(run: Run, effect: EffectOf<'wait'>): Promise<Outcome | undefined> {
  const { state, settings } = run;
  if (run.ended) {
    if (state.sandboxUsed) await releaseSandbox(run, state.epoch);
    run.closing = true;
    return undefined;
  }
  show(run, effect.for === 'decision' ? 'requires_action' : 'idle');
  const deadline = deadlineOf(state);
  const idle = state.sandboxUsed || effect.for === 'input' ? Date.now() + settings.idleCloseMs : undefined;
  const until = Math.min(...[idle, effect.until, deadline].filter((time) => time !== undefined));
  const came = () => somethingCame(run);
  if (until === Number.POSITIVE_INFINITY) await condition(came);
  else await condition(came, Math.max(1, until - Date.now()));
  if (came() || until !== idle) return undefined;

  const outcome: Outcome | undefined = state.sandboxUsed ? { type: 'sandbox_released' } : undefined;
  if (outcome) await releaseSandbox(run, state.epoch);
  run.closing = effect.for === 'input' && !came();
  return outcome;
}
