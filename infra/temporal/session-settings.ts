import type { SessionSettings } from '../../workflows/contract/activities.js';
import type { Config } from '../config/config.js';

/** What a session's workflow must know of the configuration; it goes into its start argument. */
export const sessionSettings = (config: Config): SessionSettings => ({
  idleCloseMs: config.session.idleCloseSeconds * 1_000,
  rollOverEvents: config.limits.rollOverEvents,
  approveBySignal: config.approvals.bySignal,
});
