import { loadConfigOrExit } from '../../infra/config/config.js';
import { startRehearsal } from './server.js';

const { models } = loadConfigOrExit();
const rehearsal = await startRehearsal({ port: models.rehearsalPort });
process.stdout.write(`${JSON.stringify({ listening: rehearsal.url })}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void rehearsal.close();
  });
}
