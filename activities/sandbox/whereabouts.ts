import type { Elsewhere } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { SandboxPlace, SandboxRecord } from '../../workflows/contract/sandbox-records.js';

/** Which host this process serves. */
export interface OwnHost {
  readonly id: string;
  /** Where other processes' work for this host is waited for; of this installation's common task queue. */
  readonly taskQueue: string;
  /** Its data folder on the machine that runs; nothing where it does not report itself. */
  readonly place?: string;
}

/** Beats missed until nobody is sent there any more: it may be dead, so whoever is here waits until it is known. */
const SILENT_MS = 5_000;

/**
 * Where a session's last sandbox is, as a host sees it. `here`: also one of no known host. `elsewhere`: on a host that lives, and nobody
 * else may touch it. `unknown`: that host is silent, and not yet taken for dead. `nowhere`: nobody has it any more, whatever its row says.
 */
export type Whereabouts = { readonly kind: 'here' | 'unknown' | 'nowhere' } | { readonly kind: 'elsewhere'; readonly taskQueue: string };

export function whereaboutsOf({ hostId, host }: Pick<SandboxRecord, 'hostId' | 'host'>, own: OwnHost): Whereabouts {
  if (hostId === own.id) return { kind: hasName(own, host?.place) ? 'here' : 'unknown' };
  if (hostId === null) return { kind: 'here' };
  if (!host?.isLive) return { kind: 'nowhere' };
  return host.silentMs > SILENT_MS ? { kind: 'unknown' } : { kind: 'elsewhere', taskQueue: host.taskQueue };
}

/**
 * Whether a process still has its host's name, which has been said at that place. Not one that stood still while another folder took it over: what is
 * called its own is not, and it ends soon.
 */
export const hasName = (own: OwnHost, place: string | null | undefined): boolean => own.place === undefined || (place ?? own.place) === own.place;

/** How a host that was asked comes to be asked: by anybody; because others chose it; or because it is to be this one if at all possible. */
export type Placement = 'anywhere' | 'chosen' | 'here';

/**
 * The host that makes the next sandbox: the one with most room, rather the one that asks, rather the one that had it last. One that was
 * chosen already does not choose again while it has room. Nothing when all are full. Whoever is not `able`, for it has no engine, does not choose itself.
 */
export function choosePlace(
  places: readonly SandboxPlace[],
  { own, last, placement, able = true }: { readonly own: OwnHost; readonly last: string | null; readonly placement: Placement; readonly able?: boolean },
): OwnHost | undefined {
  const mine = places.find(({ hostId }) => hostId === own.id);
  // Who does not report itself is alone.
  if (able && (!mine || (placement !== 'anywhere' && mine.free > 0))) return own;
  const rank = ({ hostId, free }: SandboxPlace) => [free, hostId === own.id ? 1 : 0, hostId === last ? 1 : 0] as const;
  const [best] = places.filter(({ hostId }) => able || hostId !== own.id).toSorted((a, b) => compare(rank(b), rank(a)) || (a.hostId < b.hostId ? -1 : 1));
  return best && best.free > 0 ? { id: best.hostId, taskQueue: best.taskQueue } : undefined;
}

const compare = (a: readonly number[], b: readonly number[]): number =>
  a.map((value, index) => value - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;

/** What is asked for is another host's to do: it takes it from that task queue. */
export const elsewhere = (sessionId: string, taskQueue: string): RondoError =>
  new RondoError('sandbox.elsewhere', `The sandbox of session ${sessionId} is another host's.`, { details: { task_queue: taskQueue } });

/** An activity whose answer may be that another host is to be asked. */
export const orElsewhere =
  <Arguments extends readonly unknown[], Result>(work: (...args: Arguments) => Promise<Result>) =>
  async (...args: Arguments): Promise<Result | Elsewhere> => {
    try {
      return await work(...args);
    } catch (error) {
      const taskQueue = taskQueueOf(error);
      if (taskQueue === undefined) throw error;
      return { kind: 'elsewhere', taskQueue };
    }
  };

/** The task queue of the host whose turn it is; undefined for every other error. */
export const taskQueueOf = (error: unknown): string | undefined =>
  error instanceof RondoError && error.code === 'sandbox.elsewhere' ? String(error.details?.['task_queue']) : undefined;
