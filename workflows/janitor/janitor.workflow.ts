import { ActivityFailure, proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { HostToVisit, JanitorActivities, JanitorReport, Reconciled } from '../contract/janitor.js';

const ROUND = { startToCloseTimeout: '10m', heartbeatTimeout: '15s', retry: { maximumAttempts: 1 } } as const;

const installation = proxyActivities<Pick<JanitorActivities, 'cleanInstallation'>>(ROUND);
const host = proxyActivities<Pick<JanitorActivities, 'reconcileHost'>>(ROUND);

/** A host that does not begin within this time is dead, or will be looked at in the next round. */
const HOST_ANSWERS_WITHIN = '15s' as const;

/** One round, begun by a schedule: what belongs to no host, then every host that lives, each by itself. */
export async function janitorWorkflow(): Promise<JanitorReport> {
  const { hosts } = await installation.cleanInstallation.executeWithOptions({ summary: 'clean · files, blobs, hosts' }, []);
  const visits = await Promise.all(hosts.map(async (visited) => [visited.id, await visit(visited)] as const));
  setCurrentDetails(visits.map(([id, found]) => `- \`${id}\` · ${found === 'unreachable' ? found : describe(found)}`).join('\n'));
  return Object.fromEntries(visits);
}

async function visit({ id, taskQueue }: HostToVisit): Promise<Reconciled | 'unreachable'> {
  try {
    return await host.reconcileHost.executeWithOptions({ summary: `reconcile · host ${id}`, taskQueue, scheduleToStartTimeout: HOST_ANSWERS_WITHIN }, []);
  } catch (error) {
    // It has its own log, and the next round comes soon.
    if (!(error instanceof ActivityFailure)) throw error;
    return 'unreachable';
  }
}

const describe = ({ sandboxes, sessions, leftovers }: Reconciled): string =>
  `${sandboxes} sandboxes, directories of ${sessions} sessions, ${leftovers} leftovers removed`;
