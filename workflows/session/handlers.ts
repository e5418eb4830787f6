import { ApplicationFailure, CancellationScope, condition, setHandler } from '@temporalio/workflow';
import { approve, approveUpdate, cannotDecide, interrupt, stateQuery, toDecision, wake } from './messages.js';
import type { Run } from './run.js';

const OVERTAKEN = 'the call was decided or ended before this decision could be taken';
const DOOR_CLOSED = 'this door is closed (RONDO_APPROVE_BY_SIGNAL=off)';

/** Messages only note what came; the loop acts on it. All are registered before the run's first await. */
export function registerHandlers(run: Run): void {
  const { settings } = run;

  setHandler(wake, () => {
    run.state = { ...run.state, wake: true };
  });
  setHandler(interrupt, () => {
    run.state = { ...run.state, wake: true, look: true };
    run.interruptible?.cancel();
  });
  setHandler(
    approve,
    (message) => {
      const decision = toDecision(message);
      const problem = settings.approveBySignal ? decision.problem : DOOR_CLOSED;
      run.state = { ...run.state, decisions: [...run.state.decisions, problem ? { ...decision, problem } : decision] };
    },
    { description: 'Allow or deny a waiting tool call: {"tool_use_id":"sevt_…","result":"allow"|"deny","by":"your name"}' },
  );
  setHandler(
    approveUpdate,
    async (message) => {
      const decision = toDecision(message);
      run.state = { ...run.state, decisions: [...run.state.decisions, decision] };
      await condition(() => !run.state.calls.some((call) => call.id === decision.toolUseId && call.gate === 'ask'));
      const refusal = run.verdicts.has(decision.toolUseId) ? run.verdicts.get(decision.toolUseId) : OVERTAKEN;
      if (refusal) throw ApplicationFailure.nonRetryable(refusal, 'approval.rejected');
      return decision.result;
    },
    {
      description: 'The same as signal approve, with an answer.',
      validator: (message) => {
        const problem = settings.approveBySignal ? cannotDecide(run.state, message) : DOOR_CLOSED;
        if (problem) throw ApplicationFailure.nonRetryable(problem, 'approval.rejected');
      },
    },
  );
  setHandler(stateQuery, () => run.state);
  CancellationScope.current().cancelRequested.catch(() => {
    run.ended = 'interrupted';
    run.state = { ...run.state, end: run.state.end ?? 'interrupted' };
    run.interruptible?.cancel();
  });
}
