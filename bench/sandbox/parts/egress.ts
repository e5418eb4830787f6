import { join } from 'node:path';
import { CA_CERTIFICATE, EGRESS_SOCKET, PROXY_PORT } from '../../../activities/sandbox/egress-environment.js';
import { directoriesOf } from '../../../activities/sandbox/session-directories.js';
import { EGRESS_PATH } from '../../../activities/sandbox/supervisor-command.js';
import { type Figure, median, milliseconds, p99, plain } from '../../figures.js';
import type { Part, Run } from '../../part.js';
import { highestMemoryOf, usageOf } from '../../resources.js';
import type { Errand, Route, Samples } from '../client/main.js';
import { runHere, runInside } from '../client/run.js';
import { giveBack } from '../first-command.js';
import type { Ground } from '../ground.js';
import type { Host } from '../host.js';

const ADDED_P50_MS = 5;
const ADDED_P99_MS = 50;
const RSS_MB = 250;

type Work = Errand['work'];
const TIMES: Readonly<Record<Work, number>> = { new: 300, kept: 300, many: 500, down: 2, up: 2, events: 30 };
const QUICK_TIMES: Readonly<Record<Work, number>> = { new: 30, kept: 30, many: 100, down: 1, up: 1, events: 5 };

/** Sends the client on the errand by both ways. */
type Ask = (work: Work) => Promise<{ readonly direct: readonly number[]; readonly through: readonly number[] }>;

/** The same requests straight to a TLS server of this machine and through the gateway: from the host over a sandbox's socket, then from inside. */
export const egress: Part<Ground> = {
  id: 'egress',
  title: 'the way out, against the same requests without it',
  limitMs: 300_000,
  async measure(ground: Ground, run: Run): Promise<Figure[]> {
    const [first] = ground.hosts;
    if (!first) throw new Error('There is no engine.');
    const figures = [plain('memory of the gateway, idle', usageOf(first.egress.pid).rssMb, 'MB', { of: GATEWAY })];
    figures.push(...(await measureFrom(run, GATEWAY, await fromHost(ground, run, first))));
    for (const host of ground.hosts) figures.push(...(await fromInside(ground, run, host)));
    figures.push(plain('memory of the gateway, at most', highestMemoryOf(first.egress.pid), 'MB', { of: GATEWAY, goal: { atMost: RSS_MB } }));
    return figures;
  },
};

const GATEWAY = 'gateway';

async function fromHost(ground: Ground, run: Run, host: Host): Promise<Ask> {
  const ref = await ground.newSession();
  const { generation } = await host.parts.sandboxes.acquire(ref);
  const folder = directoriesOf(host.home, ref.sessionId, generation).egressDirectory;
  const through: Route = { caFile: join(folder, CA_CERTIFICATE), proxy: { path: join(folder, EGRESS_SOCKET) } };
  return async (work) => {
    const errand = errandOf(ground, run, work);
    // Both in one process and in turns; large ones and many at once must not meet each other.
    return both(await runHere({ ...errand, routes: { direct: direct(ground), through } }));
  };
}

async function fromInside(ground: Ground, run: Run, host: Host): Promise<Figure[]> {
  const ref = await ground.newSession();
  const { client } = await host.parts.sandboxes.acquire(ref);
  const through: Route = { caFile: `${EGRESS_PATH}/${CA_CERTIFICATE}`, proxy: { port: PROXY_PORT } };
  const figures = await measureFrom(run, `inside ${host.name}`, async (work) => {
    const errand = errandOf(ground, run, work);
    const outside = await runHere({ ...errand, routes: { direct: direct(ground) } });
    const inside = await runInside(client, { ...errand, routes: { through } });
    return both({ ...outside, ...inside });
  });
  await giveBack(host, ref);
  return figures;
}

const direct = ({ upstream }: Ground): Route => ({ caFile: upstream.caFile });

const errandOf = ({ upstream }: Ground, { quick, signal }: Run, work: Work): Omit<Errand, 'routes'> => {
  signal.throwIfAborted();
  return { port: upstream.port, work, times: (quick ? QUICK_TIMES : TIMES)[work] };
};

function both({ direct: straight, through }: Samples) {
  if (!straight || !through) throw new Error('One of the two ways was not measured.');
  return { direct: straight, through };
}

async function measureFrom({ log }: Run, of: string, ask: Ask): Promise<Figure[]> {
  log(`${of} …`);
  const isGateway = of === GATEWAY;
  const added = async (work: Work, label: string): Promise<Figure[]> => {
    const samples = await ask(work);
    const more = (at: (samples: readonly number[]) => number) => at(samples.through) - at(samples.direct);
    const goal = (atMost: number) => (isGateway && work !== 'many' ? { goal: { atMost } } : {});
    return [
      milliseconds(`${label}, without the gateway`, samples.direct, { of }),
      milliseconds(label, samples.through, { of }),
      plain(`${label}: p50 added`, more(median), 'ms', { of, ...goal(ADDED_P50_MS) }),
      plain(`${label}: p99 added`, more(p99), 'ms', { of, ...goal(ADDED_P99_MS) }),
    ];
  };
  const speed = async (work: Work, label: string): Promise<Figure[]> => {
    const samples = await ask(work);
    return [plain(`${label}, without the gateway`, median(samples.direct), 'MB/s', { of }), plain(label, median(samples.through), 'MB/s', { of })];
  };
  return [
    ...(await added('new', 'request with a new connection')),
    ...(await added('kept', 'request on a connection that is kept')),
    ...(await added('many', '50 at once, each with a new connection')),
    ...(await added('events', 'first event of a stream')),
    ...(await speed('down', '200 MB down')),
    ...(await speed('up', '200 MB up')),
  ];
}
