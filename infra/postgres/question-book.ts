import type { SessionRef } from '../../workflows/contract/activities.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import type { NetworkQuestion } from '../../workflows/contract/network-records.js';
import type { Listener } from './listener.js';
import { expireQuestion, findQuestion, holdForQuestion, type NewQuestion } from './network-questions.repo.js';
import type { Pool } from './pool.js';
import { lockSession } from './session-store.js';
import { transaction } from './transaction.js';

/** Questions to people in Postgres, for processes that wait for the answers; the port is in activities/egress/ask-people.ts. */
export function createQuestionBook({ pool, listener }: { readonly pool: Pool; readonly listener: Pick<Listener, 'on' | 'onResync'> }) {
  const within = <T>({ workspaceId }: SessionRef, work: Parameters<typeof transaction<T>>[2]): Promise<T> => transaction(pool, workspaceId, work);
  return {
    open: (session: SessionRef, asked: NewQuestion): Promise<NetworkQuestion | 'terminated' | 'too many'> =>
      within(session, async (tx) => {
        const locked = await lockSession(tx, session.sessionId);
        return locked.record.status === 'terminated' ? 'terminated' : ((await locked.askNetworkQuestion(asked)) ?? 'too many');
      }),
    find: (session: SessionRef, id: string) => within(session, (tx) => findQuestion(tx, session.sessionId, id)),
    expire: (session: SessionRef, id: string) => within(session, (tx) => expireQuestion(tx, session.sessionId, id)),
    hold: (session: SessionRef, id: string, held: boolean) => within(session, (tx) => holdForQuestion(tx, session.sessionId, id, held)),
    onChange(sessionId: string, handler: () => void): () => void {
      const stops = [listener.on(CHANNELS.egress, (id) => id === sessionId && handler()), listener.onResync(handler)];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
