import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { RondoError } from '../../workflows/contract/errors.js';
import type { SandboxProvider } from './sandbox.port.js';
import { connectSupervisor } from './supervisor.client.js';

const PROBE_TIMEOUT_MS = 30_000;

/** Runs one command through a whole throw-away sandbox. Throws `sandbox.unavailable` if that does not work. */
export async function probeProvider(provider: SandboxProvider, scratchDirectory: string): Promise<void> {
  const name = `rondo-probe-${randomBytes(8).toString('hex')}`;
  const directory = path.join(scratchDirectory, name);
  await fs.mkdir(directory, { recursive: true, mode: 0o755 });
  try {
    await provider.create({
      name,
      workspaceDirectory: path.join(directory, 'workspace'),
      mountsDirectory: path.join(directory, 'mounts'),
      journalDirectory: path.join(directory, 'journal'),
      egressDirectory: path.join(directory, 'egress'),
      memoryBytes: 512 * 1024 * 1024,
      cpus: 1,
      processes: 128,
      diskBytes: 64 * 1024 * 1024,
    });
    const client = await connectSupervisor(await provider.attach(name), { sandbox: name });
    const outcome = await client.call({ callId: 'probe', name: 'bash', input: { command: 'true' }, timeoutMs: PROBE_TIMEOUT_MS });
    client.close();
    if (outcome.status !== 'completed' || outcome.is_error) {
      const [block] = outcome.content;
      throw new Error(`\`true\` did not succeed: ${block?.type === 'text' ? block.text : outcome.status}`);
    }
  } catch (error) {
    if (error instanceof RondoError && error.code === 'sandbox.unavailable') throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new RondoError('sandbox.unavailable', `${provider.engine} with ${provider.runtime} cannot run a sandbox: ${message}`, { cause: error });
  } finally {
    await provider.destroy(name);
    await fs.rm(directory, { recursive: true, force: true });
  }
}
