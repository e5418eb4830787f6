import { randomUUID } from 'node:crypto';
import type { SandboxProvider } from '../activities/sandbox/sandbox.port.js';
import { connectSupervisor, type SupervisorClient } from '../activities/sandbox/supervisor.client.js';

const CALL_TIMEOUT_MS = 60_000;

/** A client of a sandbox's supervisor, past Rondo's loop. */
export const connectDirectly = async (provider: SandboxProvider, name: string): Promise<SupervisorClient> =>
  connectSupervisor(await provider.attach(name), { sandbox: name });

/** Runs one tool call; throws unless it succeeds. Answers how long it took, in milliseconds. */
export async function timedCall(client: SupervisorClient, name: string, input: unknown): Promise<number> {
  const startedAt = performance.now();
  await resultOf(client, name, input);
  return performance.now() - startedAt;
}

/** Runs one tool call; throws unless it succeeds. Answers the text of its result. */
export async function resultOf(client: SupervisorClient, name: string, input: unknown): Promise<string> {
  const outcome = await client.call({ callId: `sevt_bench${randomUUID().replaceAll('-', '')}`, name, input, timeoutMs: CALL_TIMEOUT_MS });
  if (outcome.status !== 'completed' || outcome.is_error)
    throw new Error(`A ${name} call in a sandbox was not successful: ${JSON.stringify(outcome).slice(0, 1_500)}`);
  return outcome.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

/** The sandbox of a session, as the rows name it. */
export async function sandboxNameOf(
  rows: { query(text: string, values: unknown[]): Promise<{ rows: { name: string }[] }> },
  sessionId: string,
): Promise<string> {
  const [found] = (await rows.query('select name from sandboxes where session_id = $1', [sessionId])).rows;
  if (!found) throw new Error(`Session ${sessionId} has no sandbox.`);
  return found.name;
}
