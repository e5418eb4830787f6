import { decodeFence, encodeFence } from '../../workflows/contract/fence.js';
import { closeModelCalls, closeOpenCalls, lastMessage } from './seal.js';
import type { LockedSession } from './store.port.js';
import { statusEvents } from './wire-events.js';

/**
 * Ends a session for good, in one transaction and without a worker: the fence first, so that nothing of what still runs
 * is written; then a result for every open call, the end of its invocations, and the last event. Repeating it is harmless.
 */
export async function killSession(session: LockedSession): Promise<void> {
  if (session.record.status === 'terminated') return;
  const { epoch } = decodeFence(session.record.fence);
  await session.update({ fence: encodeFence({ epoch: epoch + 1, step: 0 }) });
  await closeModelCalls(session);
  await closeOpenCalls(session, await session.openToolCalls(), 'killed');
  await session.takeInbox(await session.readInbox());
  await session.moveInvocations({
    status: 'killed',
    stopReason: { type: 'killed' },
    usage: session.record.turnUsage,
    output: await lastMessage(session),
    includeQueued: true,
  });
  await session.append(statusEvents(session.record, 'terminated'));
  await session.update({ status: 'terminated', stopReason: null, modelDue: false, terminatedAt: new Date() });
}
