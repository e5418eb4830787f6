import { setTimeout as delay } from 'node:timers/promises';
import { writeAuthority } from '../../activities/egress/host-name.js';
import type { Verdict } from '../../activities/egress/policy.js';
import type { Listener } from '../../infra/postgres/listener.js';
import { expireQuestion, findQuestion, type NetworkQuestion } from '../../infra/postgres/network-questions.repo.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { lockSession } from '../../infra/postgres/session-store.js';
import { transaction } from '../../infra/postgres/transaction.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import type { AskPeople } from './admit.js';
import { Refusal } from './refusal.js';
import type { SessionRef } from './session-policies.js';

/** A notification can be lost; the row is looked at this often all the same. */
const LOOK_EVERY_MS = 5_000;

export interface AskParts {
  readonly pool: Pool;
  readonly listener: Pick<Listener, 'on' | 'onResync'>;
}

/** Requests for one host, port and method of a session wait for one question together. */
export function createAskPeople({ pool, listener }: AskParts): AskPeople {
  const waiting = new Map<string, Promise<Verdict>>();

  const ask = async (session: SessionRef, asked: Parameters<AskPeople>[1]): Promise<Verdict> => {
    const question = await transaction(pool, session.workspaceId, async (tx) => {
      const locked = await lockSession(tx, session.sessionId);
      if (locked.record.status === 'terminated') throw new Refusal(403, 'session is terminated', 'The session has ended.');
      return locked.askNetworkQuestion(asked);
    });
    if (!question) throw new Refusal(429, 'too many questions', 'Too many questions of this session wait for an answer already.');
    return toVerdict(await answered(session, question), asked);
  };

  /** The question with its answer; at the end of its time it is closed. */
  const answered = async (session: SessionRef, question: NetworkQuestion): Promise<NetworkQuestion | undefined> => {
    const bell = createBell(listener, session.sessionId);
    try {
      for (;;) {
        const left = question.expiresAt.getTime() - Date.now();
        if (left <= 0) return await transaction(pool, session.workspaceId, (tx) => expireQuestion(tx, session.sessionId, question.id));
        const rung = bell.next(Math.min(left, LOOK_EVERY_MS));
        const found = await transaction(pool, session.workspaceId, (tx) => findQuestion(tx, session.sessionId, question.id));
        if (!found || found.answer) return found;
        await rung;
      }
    } finally {
      bell.close();
    }
  };

  return async (session, asked, signal) => {
    const key = JSON.stringify([session.sessionId, asked.host, asked.port, asked.method]);
    let pending = waiting.get(key);
    if (!pending) {
      pending = ask(session, asked).finally(() => waiting.delete(key));
      waiting.set(key, pending);
    }
    return Promise.race([pending, untilGone(signal)]);
  };
}

function toVerdict(question: NetworkQuestion | undefined, target: { readonly host: string; readonly port: number }): Verdict {
  if (question?.answer === 'allow' || question?.answer === 'deny') return { decision: question.answer, rule: `answer ${question.id}` };
  throw new Refusal(403, 'nobody answered', `Nobody has said in time whether ${writeAuthority(target)} may be reached.`);
}

const untilGone = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const gone = () => reject(new Refusal(403, 'gone while waiting', 'The request was given up while a person was asked.'));
    if (signal.aborted) gone();
    else signal.addEventListener('abort', gone, { once: true });
  });

function createBell(listener: AskParts['listener'], sessionId: string) {
  let ring = new AbortController();
  const rung = () => ring.abort();
  const stops = [listener.on(CHANNELS.egress, (id) => id === sessionId && rung()), listener.onResync(rung)];
  return {
    /** Resolves at the next change, or after a time. Begins to listen at once. */
    next(limitMs: number): Promise<void> {
      ring = new AbortController();
      return delay(limitMs, undefined, { signal: ring.signal }).catch(() => undefined);
    },
    close() {
      ring.abort();
      for (const stop of stops) stop();
    },
  };
}
