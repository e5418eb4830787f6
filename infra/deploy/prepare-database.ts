import { loadConfigOrExit } from '../config/config.js';
import { ensureApiKey } from '../postgres/api-keys.repo.js';
import { migrate } from '../postgres/migrate.js';

/**
 * The job that runs before gateways and workers of a new version: migrations, the application's role, and the key of the
 * first workspace. The only program that connects as the schema's owner. Safe to repeat.
 */
const { postgres, http } = loadConfigOrExit();
if (!postgres.ownerUrl || !http.apiKey) {
  process.stderr.write('DATABASE_URL (as the role that owns the schema) and RONDO_API_KEY must be set.\n');
  process.exit(78);
}
const ownerUrl = postgres.ownerUrl.reveal();
await migrate(ownerUrl, postgres.appUrl?.reveal());
await ensureApiKey(ownerUrl, { key: http.apiKey.reveal(), workspaceName: 'default' });
process.stdout.write('The database is up to date.\n');
