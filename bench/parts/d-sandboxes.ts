import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';
import { possibleProviders } from '../../activities/sandbox/select-provider.js';
import { sandboxSettings } from '../../infra/config/sandbox-settings.js';
import { connectDirectly, timedCall } from '../direct-calls.js';
import { type Figure, milliseconds } from '../figures.js';
import type { Part, Run } from '../part.js';
import type { Stack } from '../stack.js';

const TEN_KB = 'x'.repeat(79).concat('\n').repeat(128);

interface Samples {
  readonly provider: SandboxProvider;
  readonly cold: number[];
  readonly bash: number[];
  readonly read: number[];
}

/** Every engine and runtime the product knows, measured in turns. One that is missing fails the part: its figures are wanted. */
export const sandboxes: Part<Stack> = {
  id: 'd',
  title: 'sandboxes: from create to the first answer, and calls in one that runs',
  limitMs: 300_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const providers = possibleProviders({ ...sandboxSettings(stack.config), engine: 'auto', runtime: 'auto', installation: 'bench-engines' });
    const all: Samples[] = providers.map((provider) => ({ provider, cold: [], bash: [], read: [] }));
    try {
      for (const { provider } of all) await provider.probe();
      for (let round = 0; round < (run.quick ? 2 : 10); round += 1) {
        for (const samples of all) await measureOne(stack, run, samples);
      }
    } finally {
      await Promise.all(providers.map((provider) => provider.close()));
    }
    return all.flatMap(({ provider, cold, bash, read }) => {
      const name = `${provider.engine} · ${provider.runtime}`;
      return [milliseconds(`${name}: cold start`, cold), milliseconds(`${name}: bash \`true\``, bash), milliseconds(`${name}: read 10 KB`, read)];
    });
  },
};

/** One sandbox from nothing to nothing. */
async function measureOne(stack: Stack, run: Run, { provider, cold, bash, read }: Samples): Promise<void> {
  run.signal.throwIfAborted();
  const name = `bench-${randomUUID()}`;
  const { sandbox } = stack.config;
  const startedAt = performance.now();
  try {
    await provider.create({
      name,
      workspaceDirectory: join(stack.home, 'engines', name, 'workspace'),
      mountsDirectory: join(stack.home, 'engines', name, 'mounts'),
      journalDirectory: join(stack.home, 'engines', name, 'journal'),
      egressDirectory: join(stack.home, 'engines', name, 'egress'),
      memoryBytes: sandbox.memoryMb * 1024 * 1024,
      cpus: sandbox.cpus,
      processes: sandbox.processes,
      diskBytes: sandbox.diskMb * 1024 * 1024,
    });
    const client = await connectDirectly(provider, name);
    await timedCall(client, 'bash', { command: 'true' });
    cold.push(performance.now() - startedAt);
    await timedCall(client, 'write', { file_path: 'ten', content: TEN_KB });
    for (let call = 0; call < 10; call += 1) {
      bash.push(await timedCall(client, 'bash', { command: 'true' }));
      read.push(await timedCall(client, 'read', { file_path: 'ten' }));
    }
    client.close();
  } finally {
    await provider.destroy(name);
  }
}
