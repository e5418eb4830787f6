import { expect, it } from 'vitest';
import { createAskPeople, type QuestionBook } from './ask-people.js';

it('asks the book for so many questions of a session at once, and for those of another all the same', async () => {
  const opened: string[] = [];
  const book: QuestionBook = {
    open: (session, { host }) => {
      opened.push(`${session.sessionId} ${host}`);
      return new Promise(() => undefined);
    },
    find: async () => undefined,
    expire: async () => undefined,
    hold: async () => undefined,
    onChange: () => () => undefined,
  };
  const ask = createAskPeople(book, { holdsCalls: false });
  const gone = new AbortController();
  const request = (sessionId: string, host: string) => ask({ sessionId, workspaceId: 'w' }, { host, port: 443, method: 'GET', timeoutMs: 1_000 }, gone.signal);
  const asked = Array.from({ length: 300 }, (_, number) => request('flood', `h${number % 30}.example.com`));
  const calm = request('calm', 'h.example.com');
  const refused = (await Promise.allSettled(asked.filter((_, number) => number % 30 >= 20))).every(
    (end) => end.status === 'rejected' && String(end.reason).includes('Too many questions'),
  );
  expect(refused).toBe(true);
  expect(opened).toHaveLength(21);
  expect(opened.at(-1)).toBe('calm h.example.com');
  gone.abort();
  await Promise.allSettled([...asked, calm]);
});
