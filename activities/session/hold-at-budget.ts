import type { LockedSession } from './store.port.js';
import { usageOf } from './usage.js';
import { idleEvent, threadIdleEvent } from './wire-events.js';

const MESSAGE = 'The session reached its budget. Raise or remove the budget (POST /v1/sessions/{id}) and it goes on.';
const STOP = { type: 'budget_reached' } as const;

/**
 * The session may ask its model no more: it is idle until its budget is raised or removed. The turn is not over, so the model
 * stays due. Says so once, in the wire's order (section 13.5).
 */
export async function holdAtBudget(session: LockedSession): Promise<void> {
  const { record } = session;
  if (record.status === 'idle' && record.stopReason?.type === 'budget_reached') return;
  const usage = { type: 'session.usage', body: { usage: usageOf(record, new Date()), budget: record.budget } };
  await session.append([threadIdleEvent(record, STOP), usage, idleEvent(STOP)]);
  await session.update({ status: 'idle', stopReason: STOP });
  await session.moveInvocations({ status: 'failed', stopReason: { ...STOP, cause: 'budget_reached', message: MESSAGE }, usage: record.turnUsage });
}
