import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog } from '../support/sessions.js';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform({
    scripts: { brief: { replies: [{ text: 'Noted.' }] } },
  });
});
afterAll(() => platform?.stop());

/** For each sender the sizes of its requests, sent one after another; the senders send side by side. */
const senders = fc.array(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });

const message = (text: string) => ({ type: 'user.message' as const, content: [{ type: 'text' as const, text }] });

it("concurrent senders: the log has no gap, each sender's order is kept, and the stream is the list", async () => {
  const { agents, environments, sessions } = platform.sdk.beta;
  const agent = await agents.create({ name: 'listener', model: 'rehearsal/brief' });
  const environment = await environments.create({ name: 'order' });
  await fc.assert(
    fc.asyncProperty(senders, async (given) => {
      const { id } = await sessions.create({ agent: agent.id, environment_id: environment.id });
      const stream = await sessions.events.stream(id);
      const plan = given.map((sizes, sender) => sizes.map((size, request) => Array.from({ length: size }, (_, index) => `${sender}:${request}:${index}`)));
      const sent = plan.flat(2).length;

      const streamed: { id: string; type: string }[] = [];
      const reading = (async () => {
        let taken = 0;
        for await (const event of stream) {
          if (!('id' in event)) continue;
          streamed.push({ id: event.id, type: event.type });
          if (event.type === 'user.message') taken += 1;
          if (event.type === 'session.status_idle' && taken === sent) return;
        }
      })();
      await Promise.all(
        plan.map(async (requests) => {
          for (const texts of requests) await sessions.events.send(id, { events: texts.map(message) });
        }),
      );
      await reading;

      const log = await expectWholeLog(platform, id);
      const texts = log.filter(({ type }) => type === 'user.message').map(({ body }) => body.content[0].text as string);
      expect(texts.toSorted()).toEqual(plan.flat(2).toSorted());
      plan.forEach((requests, sender) => {
        expect(texts.filter((text) => text.startsWith(`${sender}:`))).toEqual(requests.flat());
      });
      const listed: { id: string; type: string }[] = [];
      for await (const event of sessions.events.list(id, { limit: 3 })) listed.push({ id: event.id, type: event.type });
      expect(listed).toEqual(log.map((event) => ({ id: event.id, type: event.type })));
      expect(streamed).toEqual(listed);
    }),
    { numRuns: 12 },
  );
});
