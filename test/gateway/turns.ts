import { idleEvents, statusEvents } from '../../activities/session/wire-events.js';
import type { TestGateway } from './gateway.fixture.js';
import { MODEL } from './gateway.fixture.js';

/** A session with nothing in it. */
export async function newSession(gateway: TestGateway): Promise<string> {
  const sdk = gateway.sdk();
  const agent = await sdk.beta.agents.create({ name: 'Worker', model: MODEL });
  const environment = await sdk.beta.environments.create({ name: `for ${agent.id}` });
  return (await sdk.beta.sessions.create({ agent: agent.id, environment_id: environment.id })).id;
}

const locked = (gateway: TestGateway, sessionId: string): Parameters<TestGateway['store']['locked']>[0] => ({ sessionId, workspaceId: gateway.workspaceId });

/** Appends messages of the agent, as a step does. */
export const say = (gateway: TestGateway, sessionId: string, ...texts: readonly string[]) =>
  gateway.store.locked(locked(gateway, sessionId), (session) =>
    session.append(texts.map((text) => ({ type: 'agent.message', body: { content: [{ type: 'text', text }] } }))),
  );

/** What a step does when it takes the inputs that wait. */
export const begin = (gateway: TestGateway, sessionId: string) =>
  gateway.store.locked(locked(gateway, sessionId), async (session) => {
    const inputs = await session.readInbox();
    await session.takeInbox(inputs);
    await session.clearWake();
    await session.startInvocations(inputs.map(({ id }) => id));
    await session.append(statusEvents(session.record, 'running'));
    await session.update({ status: 'running' });
  });

const USAGE = { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 0, cache_creation_input_tokens: 0, steps: 1 };

/** What the last step of a turn does. */
export const finish = (gateway: TestGateway, sessionId: string, text: string) =>
  gateway.store.locked(locked(gateway, sessionId), async (session) => {
    const content = [{ type: 'text', text }];
    await session.append([{ type: 'agent.message', body: { content } }, ...idleEvents(session.record, { type: 'end_turn' })]);
    await session.update({ status: 'idle', stopReason: { type: 'end_turn' } });
    await session.moveInvocations({ status: 'completed', stopReason: { type: 'end_turn' }, output: content, usage: USAGE });
  });

/** What a step does when only the client can go on. */
export const askClient = (gateway: TestGateway, sessionId: string) =>
  gateway.store.locked(locked(gateway, sessionId), async (session) => {
    const [call] = await session.append([{ type: 'agent.custom_tool_use', body: { name: 'lookup', input: {} } }]);
    const stop = { type: 'requires_action', event_ids: [call?.id ?? ''] } as const;
    await session.append(idleEvents(session.record, stop));
    await session.update({ status: 'idle', stopReason: stop });
    await session.moveInvocations({ status: 'requires_action', stopReason: stop, usage: USAGE });
  });
