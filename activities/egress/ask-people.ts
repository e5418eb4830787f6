import { setTimeout as delay } from 'node:timers/promises';
import type { SessionRef } from '../../workflows/contract/activities.js';
import type { NetworkQuestion } from '../../workflows/contract/network-records.js';
import { writeAuthority } from './host-name.js';
import type { Verdict } from './policy.js';
import { Refusal } from './refusal.js';

/** What is to be decided: may the session reach this host? */
export interface Asked {
  readonly host: string;
  readonly port: number;
  /** Null where nobody knows it, because TLS is not opened. */
  readonly method: string | null;
  readonly timeoutMs: number;
}

/** Asks people whether a session may reach a host, and waits for what they say. Errors: `Refusal`. */
export type AskPeople = (session: SessionRef, asked: Asked, signal: AbortSignal) => Promise<Verdict>;

/** Where questions are kept, and how one learns that they were answered. */
export interface QuestionBook {
  /** The open question, or a new one. */
  open(session: SessionRef, asked: Asked): Promise<NetworkQuestion | 'terminated' | 'too many'>;
  find(session: SessionRef, id: string): Promise<NetworkQuestion | undefined>;
  /** Closes a question whose time is over; answers what it came to. */
  expire(session: SessionRef, id: string): Promise<NetworkQuestion | undefined>;
  /** Notes whether requests of the sandbox wait for it, which stops the clock of its calls. */
  hold(session: SessionRef, id: string, held: boolean): Promise<void>;
  /** Calls the handler when something of the session may have changed; answers how to stop that. */
  onChange(sessionId: string, handler: () => void): () => void;
}

/** A notification can be lost; the row is looked at this often all the same. */
const LOOK_EVERY_MS = 5_000;

/** Of one session in this process: as many questions as may be open. More would only keep the database busy with saying no. */
const MOST_WAITING = 20;

interface Waiting {
  readonly sessionId: string;
  readonly verdict: Promise<Verdict>;
  people: number;
  /** Set once the question is known. */
  question?: NetworkQuestion;
  /** One note after the other: the last one must be the last to be written. */
  noted: Promise<void>;
}

/**
 * Requests for one host, port and method of a session wait for one question together. `holdsCalls`: those who wait are
 * programs in the sandbox.
 */
export function createAskPeople(book: QuestionBook, { holdsCalls }: { readonly holdsCalls: boolean }): AskPeople {
  const waiting = new Map<string, Waiting>();

  const ask = async (session: SessionRef, asked: Asked, entry: () => Waiting | undefined): Promise<Verdict> => {
    const question = await book.open(session, asked);
    if (question === 'terminated') throw new Refusal(403, 'session is terminated', 'The session has ended.');
    if (question === 'too many') throw tooMany();
    const known = entry();
    if (known) {
      known.question = question;
      note(session, known);
    }
    return toVerdict(await answered(session, question), asked);
  };

  /** The question with its answer; at the end of its time it is closed. */
  const answered = async (session: SessionRef, question: NetworkQuestion): Promise<NetworkQuestion | undefined> => {
    const bell = createBell(book, session.sessionId);
    try {
      for (;;) {
        const left = question.expiresAt.getTime() - Date.now();
        if (left <= 0) return await book.expire(session, question.id);
        const rung = bell.next(Math.min(left, LOOK_EVERY_MS));
        const found = await book.find(session, question.id);
        if (!found || found.answer) return found;
        await rung;
      }
    } finally {
      bell.close();
    }
  };

  /** Writes down whether anybody waits: a question nobody waits for stops no clock. */
  const note = (session: SessionRef, entry: Waiting): void => {
    const { question } = entry;
    if (!holdsCalls || !question) return;
    // A failure costs a call some of its time, not its answer.
    entry.noted = entry.noted.then(() => book.hold(session, question.id, entry.people > 0)).catch(() => undefined);
  };

  return async (session, asked, signal) => {
    const key = JSON.stringify([session.sessionId, asked.host, asked.port, asked.method]);
    let entry = waiting.get(key);
    if (!entry) {
      if ([...waiting.values()].filter(({ sessionId }) => sessionId === session.sessionId).length >= MOST_WAITING) throw tooMany();
      entry = {
        sessionId: session.sessionId,
        people: 0,
        noted: Promise.resolve(),
        verdict: ask(session, asked, () => waiting.get(key)).finally(() => waiting.delete(key)),
      };
      waiting.set(key, entry);
    }
    entry.people += 1;
    if (entry.people === 1) note(session, entry);
    try {
      return await unlessGone(entry.verdict, signal);
    } finally {
      entry.people -= 1;
      if (entry.people === 0) note(session, entry);
    }
  };
}

const tooMany = (): Refusal => new Refusal(429, 'too many questions', 'Too many questions of this session wait for an answer already.');

function toVerdict(question: NetworkQuestion | undefined, target: Asked): Verdict {
  if (question?.answer === 'allow' || question?.answer === 'deny') return { decision: question.answer, rule: `answer ${question.id}` };
  throw new Refusal(403, 'nobody answered', `Nobody has said in time whether ${writeAuthority(target)} may be reached.`);
}

async function unlessGone(verdict: Promise<Verdict>, signal: AbortSignal): Promise<Verdict> {
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const leave = () => reject(new Refusal(403, 'gone while waiting', 'The request was given up while a person was asked.'));
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([verdict, gone]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

function createBell(book: QuestionBook, sessionId: string) {
  let ring = new AbortController();
  const stop = book.onChange(sessionId, () => ring.abort());
  return {
    /** Resolves at the next change, or after a time. Begins to listen at once. */
    next(limitMs: number): Promise<void> {
      ring = new AbortController();
      return delay(limitMs, undefined, { signal: ring.signal }).catch(() => undefined);
    },
    close() {
      ring.abort();
      stop();
    },
  };
}
