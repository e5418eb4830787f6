import type { SupervisorClient } from '../../../activities/sandbox/supervisor.client.js';
import { sandboxNameOf, timedCall } from '../../direct-calls.js';
import { type Figure, type Goal, median, milliseconds, ratio } from '../../figures.js';
import type { Part, Run } from '../../part.js';
import { plainDocker } from '../docker-exec.js';
import { giveBack } from '../first-command.js';
import type { Ground } from '../ground.js';
import type { Host } from '../host.js';

const TEN_KB = 'x'.repeat(79).concat('\n').repeat(128);
const GREP_FILES = 200;
const SANDBOXED_TRUE_MS = { gvisor: 25, other: 3 } as const;

interface Call {
  readonly label: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The same as a program in the container. */
  readonly words: readonly string[];
  readonly times: number;
}

const CALLS: readonly Call[] = [
  { label: 'bash `true`', tool: 'bash', input: { command: 'true' }, words: ['true'], times: 150 },
  { label: 'read 10 KB', tool: 'read', input: { file_path: 'ten' }, words: ['cat', 'ten'], times: 100 },
  { label: 'write 10 KB', tool: 'write', input: { file_path: 'written', content: TEN_KB }, words: ['cp', 'ten', 'copied'], times: 100 },
  { label: `grep in ${GREP_FILES} files`, tool: 'grep', input: { pattern: 'needle', path: 'many' }, words: ['grep', '-rn', 'needle', 'many'], times: 40 },
];
const EXECS = 15;

/** One sandbox that runs: what a call takes from the worker and back, and what `docker exec` takes for the same. */
export const calls: Part<Ground> = {
  id: 'calls',
  title: 'one call in a sandbox that runs',
  limitMs: 240_000,
  async measure(ground: Ground, run: Run): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const host of ground.hosts) {
      const ref = await ground.newSession();
      const { client } = await host.parts.sandboxes.acquire(ref);
      await timedCall(client, 'write', { file_path: 'ten', content: TEN_KB });
      await timedCall(client, 'bash', {
        command: `mkdir many && for n in $(seq ${GREP_FILES}); do head -c 4000 /opt/rondo/supervisor.mjs > many/$n; done && echo needle > many/needle`,
      });
      const name = await sandboxNameOf(ground.rows, ref.sessionId);
      for (const call of CALLS) figures.push(...(await measureOne(ground, run, host, client, name, call)));
      await giveBack(host, ref);
    }
    return figures;
  },
};

async function measureOne(ground: Ground, run: Run, { provider, name: of }: Host, client: SupervisorClient, sandbox: string, call: Call): Promise<Figure[]> {
  const { label, tool, input, words, times } = call;
  const samples: number[] = [];
  const compared: number[] = [];
  const docker = plainDocker(ground.docker);
  const isDocker = provider.engine === 'docker';
  const rounds = run.quick ? 3 : EXECS;
  const each = Math.ceil((run.quick ? times / 10 : times) / rounds);
  for (let round = 0; round < rounds; round += 1) {
    run.signal.throwIfAborted();
    if (isDocker) compared.push(await docker.timeExec(sandbox, words));
    for (let count = 0; count < each; count += 1) samples.push(await timedCall(client, tool, input));
  }
  const goal: Goal | undefined = tool === 'bash' ? { atMost: SANDBOXED_TRUE_MS[provider.isolation === 'gvisor' ? 'gvisor' : 'other'] } : undefined;
  return [
    milliseconds(label, samples, { of, ...(goal ? { goal } : {}) }),
    ...(isDocker ? [ratio(`${label}: plain docker exec takes`, median(compared), median(samples), { of })] : []),
  ];
}
