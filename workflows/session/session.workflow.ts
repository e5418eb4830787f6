import { allHandlersFinished, CancellationScope, condition, continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { SessionInput } from '../contract/activities.js';
import { carry } from './carry.js';
import { describe, keepLines } from './details.js';
import { registerHandlers } from './handlers.js';
import { perform } from './perform.js';
import { releaseSandbox } from './release-sandbox.js';
import { openRun, type Run, show } from './run.js';
import { apply, begin, type Effect, nextEffect, type Outcome } from './turn.js';

/**
 * One session: takes inputs, asks the model, runs tools, until nothing is left to do. Holds ids and counters; the content
 * is in the log. A run closes after an idle quarter of an hour and is rebuilt from rows at the next input.
 */
export async function sessionWorkflow(input: SessionInput): Promise<void> {
  const run = openRun(input);
  registerHandlers(run);
  // A cancellation by an operator is a message like any other: what is open is still closed in good order.
  await CancellationScope.nonCancellable(() => loop(run));
}

async function loop(run: Run): Promise<void> {
  while (!run.closing) {
    const effect = nextEffect(run.state, Date.now());
    if (effect.type === 'finish') break;
    if (isLong(run)) await continueAsNew<typeof sessionWorkflow>({ ...run.ref, settings: run.settings, carry: carry(run) });

    run.state = begin(run.state, effect);
    const outcome = await perform(run, effect);
    if (!outcome) continue;
    run.state = apply(run.state, outcome);
    run.lines = keepLines(run.lines, describe(effect, outcome));
    noteVerdicts(run, effect, outcome);
  }

  if (run.state.terminated) {
    show(run, 'terminated');
    await releaseSandbox(run, null);
  }
  await condition(allHandlersFinished);
}

function noteVerdicts(run: Run, effect: Effect, outcome: Outcome): void {
  if (effect.type !== 'settle' || outcome.type !== 'settled' || outcome.result.kind !== 'settled') return;
  const { rejected } = outcome.result;
  for (const { toolUseId } of effect.decisions) run.verdicts.set(toolUseId, rejected.find((one) => one.toolUseId === toolUseId)?.reason);
}

/** No activity is in flight here, so a run may be handed over; one whose update still waits for its answer goes on. */
function isLong({ settings }: Run): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return (historyLength > settings.rollOverEvents || continueAsNewSuggested) && allHandlersFinished();
}
