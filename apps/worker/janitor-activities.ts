import type { Logger } from 'pino';
import { createChore } from '../../activities/boundary.js';
import type { Config } from '../../infra/config/config.js';
import { forgetHosts, liveHosts } from '../../infra/postgres/sandbox-hosts.repo.js';
import type { JanitorActivities } from '../../workflows/contract/janitor.js';
import { cleanBlobs } from './blob-cleaner.js';
import type { compose } from './compose.js';
import { createJanitor } from './janitor.js';
import { removeLeftovers } from './leftovers.js';
import { createWorkspaceCleaner } from './workspace-cleaner.js';

/** What the janitor's workflow calls: once for the installation, and once on each host. */
export function createJanitorActivities(parts: Awaited<ReturnType<typeof compose>>, config: Config, log: Logger): JanitorActivities {
  const chore = createChore({ redact: parts.redact, log });
  const home = config.paths.home;
  const removeSandboxes = createJanitor({ ...parts, log });
  const cleanWorkspaces = createWorkspaceCleaner({ ...parts, home, idleMs: config.session.idleCloseSeconds * 1_000, log });
  return {
    cleanInstallation: chore('cleanInstallation', async () => {
      await cleanBlobs({ ...parts, log });
      for (const host of await forgetHosts(parts.pool)) log.info({ host }, 'host that was not heard of for a day forgotten');
      return { hosts: await liveHosts(parts.pool) };
    }),
    // Sandboxes first: what they have had can go when they have ended.
    reconcileHost: chore('reconcileHost', async () => ({
      sandboxes: await removeSandboxes(),
      sessions: await cleanWorkspaces(),
      leftovers: await removeLeftovers({ ...parts, home }),
    })),
  };
}
