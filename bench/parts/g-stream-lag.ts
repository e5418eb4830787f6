import { pino } from 'pino';
import { nowMs } from '../../apps/rehearsal/recorder.js';
import { createListener } from '../../infra/postgres/listener.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import { type Figure, milliseconds } from '../figures.js';
import type { Part, Run } from '../part.js';
import { SPEAK, SPEAK_MS, stepsOf } from '../scripts.js';
import type { Stack } from '../stack.js';

/** How far a client that follows a session is behind the log and behind the model. */
export const streamLag: Part<Stack> = {
  id: 'g',
  title: 'stream lag, to a client of the gateway',
  limitMs: 180_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const { invocation } = await stack.api.invoke(stepsOf('bash', 1));
    await stack.api.ended(invocation, run);
    const sessionId = invocation.session_id;
    const listener = createListener({ url: stack.appUrl, channels: [CHANNELS.deltas], log: pino({ level: 'silent' }) });
    await listener.start();
    let notices: number[] = [];
    listener.on(CHANNELS.deltas, (id) => {
      if (id === sessionId) notices.push(nowMs());
    });
    const events: number[] = [];
    const deltas: number[] = [];
    const first: number[] = [];
    try {
      for (let round = 0; round < (run.quick ? 2 : 6); round += 1) {
        events.push(...(await lagsOfEvents(stack, run, sessionId)));
        notices = [];
        const spoken = await lagsOfDeltas(stack, run, sessionId);
        first.push(spoken.firstMs);
        // One notification for each batch of text; the client's next frame after it brings that batch, or one with it.
        for (const notice of notices) {
          const next = spoken.receivedAt.find((receivedAt) => receivedAt >= notice);
          if (next !== undefined) deltas.push(next - notice);
        }
      }
    } finally {
      await listener.close();
      await stack.api.kill(sessionId);
    }
    return [
      milliseconds('event appended (processed_at) → received', events, {
        note: "processed_at is the database's clock within the transaction, in whole milliseconds: the commit counts",
      }),
      milliseconds('text committed (its notification) → received', deltas, { note: 'text is collected for up to 60 ms before it is committed' }),
      milliseconds('request at the model server → first text received', first, { note: 'the model server speaks at once, so this begins with its first word' }),
    ];
  },
};

async function lagsOfEvents(stack: Stack, run: Run, sessionId: string): Promise<number[]> {
  const feed = await stack.api.follow(sessionId);
  try {
    await stack.api.goOn(sessionId, stepsOf('bash', 10));
    await feed.first(({ type }) => type === 'session.status_idle', run);
    return feed.events.flatMap(({ receivedAt, processedAt }) => (processedAt === undefined ? [] : [receivedAt - processedAt]));
  } finally {
    feed.close();
  }
}

async function lagsOfDeltas(stack: Stack, run: Run, sessionId: string): Promise<{ firstMs: number; receivedAt: number[] }> {
  const marker = `message ${crypto.randomUUID()}`;
  const feed = await stack.api.follow(sessionId, { deltas: true });
  try {
    await stack.api.goOn(sessionId, `${SPEAK} ${marker}`);
    await feed.first(({ type }) => type === 'session.status_idle', { ...run, limitMs: SPEAK_MS + 30_000 });
    const receivedAt = feed.events.flatMap((event) => (event.type === 'event_delta' ? [event.receivedAt] : []));
    const request = await stack.rehearsal.requestWith(marker);
    if (!request || receivedAt[0] === undefined) throw new Error('The client saw no text on its way.');
    return { firstMs: receivedAt[0] - request.received_at, receivedAt };
  } finally {
    feed.close();
  }
}
