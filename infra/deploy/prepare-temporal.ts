import { loadConfigOrExit } from '../config/config.js';
import { ensureNamespace } from '../dev/temporal-namespace.js';

/** The job that brings Temporal's namespace into the state Rondo needs. Safe to repeat. */
const { address, namespace } = loadConfigOrExit().temporal;
if (!address) {
  process.stderr.write('TEMPORAL_ADDRESS must be set.\n');
  process.exit(78);
}
await ensureNamespace(address, namespace);
process.stdout.write(`The Temporal namespace ${namespace} is ready.\n`);
