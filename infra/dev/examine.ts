import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { locateTools } from '../../scripts/setup/locate.mjs';
import type { Config } from '../config/config.js';
import { processEnvironment } from '../config/environment.js';
import { askGatewayHealth } from '../egress/gateway-health.js';
import { pingPostgres } from '../postgres/ping.js';
import { examineEngines } from './examine-engines.js';
import type { Finding } from './finding.js';
import { OWNER_RECORD } from './home-claim.js';
import { livingRecord } from './process-record.js';
import { pingTemporal } from './temporal-namespace.js';

type Tools = ReturnType<typeof locateTools>;

/** Looks at everything a stack would use, without starting or changing anything. */
export async function examine(config: Config): Promise<Finding[]> {
  const tools = locateTools({ ...processEnvironment(), RONDO_CACHE: config.paths.cache });
  return [
    { state: 'found', part: 'Node', what: `${process.version} (${process.execPath})` },
    { state: 'place', part: 'Data', what: `${config.paths.home}${owner(config)}` },
    { state: 'place', part: 'Cache', what: config.paths.cache },
    await postgres(config),
    await temporal(config, tools),
    ...(await examineEngines(config, tools)),
    await wayOut(config),
    ...models(config),
  ];
}

function owner({ paths }: Config): string {
  const record = existsSync(paths.home) ? livingRecord(paths.home, OWNER_RECORD) : undefined;
  return record ? `, in use by process ${record.pid}` : '';
}

async function postgres({ postgres: { ownerUrl }, paths }: Config): Promise<Finding> {
  const part = 'Postgres';
  if (!ownerUrl) return { state: 'embedded', part, what: `18, data in ${join(paths.home, 'postgres')}` };
  const { host } = new URL(ownerUrl.reveal());
  try {
    await pingPostgres(ownerUrl.reveal());
    return { state: 'found', part, what: `DATABASE_URL (${host})` };
  } catch {
    return {
      state: 'missing',
      part,
      what: `DATABASE_URL (${host}) does not answer`,
      fix: 'start it, correct DATABASE_URL, or take the variable away to embed one',
    };
  }
}

async function temporal({ temporal: { address, namespace } }: Config, tools: Tools): Promise<Finding> {
  const part = 'Temporal';
  if (!address) {
    return tools.temporal
      ? { state: 'embedded', part, what: `dev server, ${tools.temporal}` }
      : { state: 'missing', part, what: 'no CLI on PATH or in the cache', fix: 'npm run setup' };
  }
  try {
    await pingTemporal(address);
    return { state: 'found', part, what: `TEMPORAL_ADDRESS (${address}), namespace ${namespace}` };
  } catch {
    return {
      state: 'missing',
      part,
      what: `TEMPORAL_ADDRESS (${address}) does not answer`,
      fix: 'start it, correct TEMPORAL_ADDRESS, or take the variable away to embed one',
    };
  }
}

/** The egress gateway of this host: the stack, or whoever runs a worker here, runs it. */
async function wayOut({ paths }: Config): Promise<Finding> {
  const part = 'Way out';
  const sandboxes = await askGatewayHealth(join(paths.home, 'egress'));
  if (sandboxes !== undefined) return { state: 'found', part, what: `the egress gateway answers; ${sandboxes} sandboxes have a way out` };
  return { state: 'embedded', part, what: 'the egress gateway, dist/apps/egress/main.js; it does not run now, so nothing is open to sandboxes' };
}

function models({ models: { anthropicApiKey, openaiApiKey, openaiBaseUrl } }: Config): Finding[] {
  const providers = [
    ...(anthropicApiKey ? ['Anthropic (claude-…)'] : []),
    ...(openaiApiKey || openaiBaseUrl ? [`OpenAI-compatible (openai/…${openaiBaseUrl ? `, ${openaiBaseUrl}` : ''})`] : []),
  ];
  const rehearsal: Finding = { state: 'embedded', part: 'Models', what: 'rehearsal/…, which plays scripts and is no language model' };
  if (providers.length === 0) return [{ ...rehearsal, fix: 'for a real one set ANTHROPIC_API_KEY, OPENAI_API_KEY or OPENAI_BASE_URL in .env' }];
  return [
    { state: 'found', part: 'Models', what: providers.join(', ') },
    { ...rehearsal, part: '' },
  ];
}
