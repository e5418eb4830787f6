import { setTimeout as delay } from 'node:timers/promises';
import type { SupervisorClient } from '../../../activities/sandbox/supervisor.client.js';
import { resultOf, sandboxNameOf } from '../../direct-calls.js';
import { type Figure, median, plain } from '../../figures.js';
import type { Part, Run } from '../../part.js';
import { plainDocker } from '../docker-exec.js';
import { giveBack, timeToFirstCommand } from '../first-command.js';
import type { Ground } from '../ground.js';
import type { Host } from '../host.js';
import { type GroupMemory, memoryOf, processesOf } from '../process-group.js';

const SANDBOXES = 3;
const SETTLE_MS = 3_000;
const SUPERVISOR_MB = 60;

/** Asked inside, where every engine shows it: the memory of the supervisor, as lines of its status. */
const SUPERVISOR_SCRIPT =
  'for p in /proc/[0-9]*; do case "$(tr \'\\0\' \' \' < $p/cmdline 2>/dev/null)" in /opt/rondo/node*serve*) grep -E "VmRSS|RssAnon" $p/status;; esac; done';

/** Sandboxes that have run a command and wait for the next. */
export const memory: Part<Ground> = {
  id: 'memory',
  title: 'memory of a sandbox that does nothing',
  limitMs: 120_000,
  async measure(ground: Ground, run: Run): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const host of ground.hosts) figures.push(...(await measureOne(ground, run, host)));
    return figures;
  },
};

async function measureOne(ground: Ground, run: Run, host: Host): Promise<Figure[]> {
  const refs = await Promise.all(Array.from({ length: run.quick ? 1 : SANDBOXES }, () => ground.newSession()));
  for (const ref of refs) await timeToFirstCommand(host, ref);
  // What starting took is given back by then.
  await delay(SETTLE_MS, undefined, { signal: run.signal });
  const groups: GroupMemory[] = [];
  const supervisors: SupervisorMemory[] = [];
  for (const ref of refs) {
    const name = await sandboxNameOf(ground.rows, ref.sessionId);
    const mark = host.provider.engine === 'docker' ? await plainDocker(ground.docker).idOf(name) : name;
    const group = memoryOf(processesOf(mark));
    if (group.pssMb === 0) throw new Error(`No process of sandbox ${name} was found.`);
    groups.push(group);
    const { client } = await host.parts.sandboxes.acquire(ref);
    supervisors.push(await supervisorMemory(client));
  }
  for (const ref of refs) await giveBack(host, ref);
  const of = host.name;
  const own = supervisors.flatMap(({ ownMb }) => ownMb ?? []);
  return [
    plain('idle sandbox, all its processes on the host', median(groups.map(({ pssMb }) => pssMb)), 'MB', { of, note: SHARED }),
    plain('idle sandbox, the same with shared memory counted for each process', median(groups.map(({ rssMb }) => rssMb)), 'MB', { of }),
    plain('supervisor, as the sandbox sees it', median(supervisors.map(({ rssMb }) => rssMb)), 'MB', { of, goal: { atMost: SUPERVISOR_MB }, note: NODE }),
    ...(own.length > 0 ? [plain('supervisor, without the Node binary', median(own), 'MB', { of })] : []),
  ];
}

const SHARED = 'resident, what is shared (the Node binary above all) divided among those that share it; with the shim, the sentry and the gofer';
const NODE = 'resident, with the pages of the Node binary that it has touched, which all sandboxes of a host share; gVisor counts in its own way';

interface SupervisorMemory {
  readonly rssMb: number;
  /** What no file stands behind; gVisor does not tell it. */
  readonly ownMb: number | undefined;
}

async function supervisorMemory(client: SupervisorClient): Promise<SupervisorMemory> {
  const said = await resultOf(client, 'bash', { command: SUPERVISOR_SCRIPT });
  const megabytes = (field: string) => {
    const kib = new RegExp(`${field}:\\s+(\\d+) kB`).exec(said)?.[1];
    return kib === undefined ? undefined : (Number(kib) * 1_024) / 1e6;
  };
  const rssMb = megabytes('VmRSS');
  if (!rssMb) throw new Error(`The supervisor's memory could not be read: ${JSON.stringify(said)}`);
  return { rssMb, ownMb: megabytes('RssAnon') };
}
