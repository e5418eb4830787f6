import type { z } from 'zod';
import { sandboxImageName } from '../sandbox-image/identity.mjs';
import { addressList, dockerAddress, hostAndPort, httpUrl, integer, modelPrices, oneOf, onOff, path, positive, postgresUrl, secret, text } from './kinds.js';

/** One environment variable: its name, where it lands in `Config`, what it may hold, its default (as text) and what it is for. */
export interface Variable {
  readonly name: string;
  /** `group.field` in `Config`. */
  readonly at: `${string}.${string}`;
  readonly kind: z.ZodType<unknown, string>;
  /** Absent: the variable is optional and its field may be `undefined`. */
  readonly preset?: string | (() => string);
  readonly about: string;
}

/** Every variable Rondo reads. Adding one is one line here; the type of `Config` and `.env.example` follow. */
export const VARIABLES = [
  { name: 'RONDO_HOST', at: 'http.host', kind: text(), preset: '127.0.0.1', about: 'Address the gateway listens on.' },
  { name: 'RONDO_PORT', at: 'http.port', kind: integer(0, 65535), preset: '4100', about: 'Port the gateway listens on; 0 takes a free one.' },
  { name: 'RONDO_PUBLIC_URL', at: 'http.publicUrl', kind: httpUrl(), about: 'Address of the gateway as its callers see it, for links.' },
  {
    name: 'RONDO_API_KEY',
    at: 'http.apiKey',
    kind: secret(),
    about: 'Key of the first workspace. Without it the stack makes one and keeps it in RONDO_HOME/api-key.',
  },
  {
    name: 'RONDO_ENCRYPTION_KEY',
    at: 'encryption.keys',
    kind: secret(),
    about: 'Key that secrets at rest are encrypted under: 32 bytes in base64; older keys that are still read follow, separated by commas.',
  },
  {
    name: 'RONDO_ENCRYPTION_KEY_FILE',
    at: 'encryption.keyFile',
    kind: path(),
    about: 'The same in a file, one key in a line. Without both the stack makes one and keeps it in RONDO_HOME/encryption-key.',
  },
  {
    name: 'RONDO_CREATES_PER_MINUTE',
    at: 'http.createsPerMinute',
    kind: integer(0),
    preset: '300',
    about: 'Most requests a minute of one key, at one gateway, that create something; 0 is no limit.',
  },
  {
    name: 'RONDO_REQUESTS_PER_MINUTE',
    at: 'http.requestsPerMinute',
    kind: integer(0),
    preset: '1200',
    about: 'Most other requests a minute of one key, at one gateway; 0 is no limit.',
  },
  {
    name: 'RONDO_STREAMS_PER_KEY',
    at: 'http.streamsPerKey',
    kind: integer(0),
    preset: '200',
    about: 'Most event streams one key has open at one gateway; 0 is no limit.',
  },
  { name: 'RONDO_MAX_BODY_BYTES', at: 'http.maxBodyBytes', kind: integer(1024), preset: '33554432', about: 'Largest request body, in bytes.' },
  {
    name: 'RONDO_MAX_FILE_BYTES',
    at: 'blobs.maxFileBytes',
    kind: integer(1),
    preset: '524288000',
    about: 'Largest uploaded file, in bytes.',
  },
  {
    name: 'RONDO_BLOBS_PATH',
    at: 'blobs.path',
    kind: path(),
    about: 'Folder of files and skills, shared by gateways and workers. Default: RONDO_HOME/blobs.',
  },
  { name: 'RONDO_HOME', at: 'paths.home', kind: path(), preset: '.rondo', about: 'Data folder: embedded services, workspaces, keys.' },
  {
    name: 'RONDO_CACHE',
    at: 'paths.cache',
    kind: path(),
    preset: '~/.cache/rondo',
    about: 'Cache of downloaded tools, keyed by version; shared by all checkouts.',
  },
  {
    name: 'RONDO_LOG_LEVEL',
    at: 'log.level',
    kind: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal'),
    preset: 'info',
    about: 'Least severe log line that is written.',
  },
  {
    name: 'DATABASE_URL',
    at: 'postgres.ownerUrl',
    kind: postgresUrl(),
    about: 'Postgres 18 as the role that owns the schema. Without it a Postgres is embedded.',
  },
  {
    name: 'RONDO_APP_DATABASE_URL',
    at: 'postgres.appUrl',
    kind: postgresUrl(),
    about: 'The same database as a role that owns nothing. Without it the migrations make one.',
  },
  { name: 'TEMPORAL_ADDRESS', at: 'temporal.address', kind: hostAndPort(), about: 'Temporal server. Without it a dev server is embedded.' },
  { name: 'TEMPORAL_NAMESPACE', at: 'temporal.namespace', kind: text(), preset: 'rondo', about: 'Temporal namespace.' },
  { name: 'TEMPORAL_TASK_QUEUE', at: 'temporal.taskQueue', kind: text(), preset: 'rondo', about: 'Task queue of the workers.' },
  { name: 'TEMPORAL_UI_URL', at: 'temporal.uiUrl', kind: httpUrl(), about: 'Temporal Web UI, for links.' },
  { name: 'ANTHROPIC_API_KEY', at: 'models.anthropicApiKey', kind: secret(), about: 'Key for models named claude-….' },
  { name: 'ANTHROPIC_BASE_URL', at: 'models.anthropicBaseUrl', kind: httpUrl(), about: 'Anthropic-compatible server to use instead of the public one.' },
  { name: 'OPENAI_API_KEY', at: 'models.openaiApiKey', kind: secret(), about: 'Key for models named openai/….' },
  { name: 'OPENAI_BASE_URL', at: 'models.openaiBaseUrl', kind: httpUrl(), about: 'OpenAI-compatible server, local ones too (no key needed then).' },
  { name: 'RONDO_REHEARSAL_URL', at: 'models.rehearsalUrl', kind: httpUrl(), about: 'Where the rehearsal model server listens. The stack sets it.' },
  {
    name: 'RONDO_REHEARSAL_PORT',
    at: 'models.rehearsalPort',
    kind: integer(0, 65535),
    preset: '0',
    about: 'Port the rehearsal model server listens on; 0 takes a free one.',
  },
  { name: 'RONDO_DEFAULT_MODEL', at: 'models.defaultModel', kind: text(), about: 'Model the demo uses, for example claude-sonnet-5 or openai/qwen3.' },
  {
    name: 'RONDO_MODEL_PRICES',
    at: 'models.prices',
    kind: modelPrices(),
    preset: '{}',
    about: 'List prices in US dollars for a million tokens, as JSON: {"<model id>": {"input": 3, "output": 15}}. Budgets need one for their model.',
  },
  {
    name: 'RONDO_MODEL_STALL_SECONDS',
    at: 'models.stallSeconds',
    kind: integer(1),
    preset: '60',
    about: 'A model stream without a byte for this long is cut and tried again.',
  },
  {
    name: 'RONDO_SANDBOX',
    at: 'sandbox.engine',
    kind: oneOf('auto', 'docker', 'bubblewrap'),
    preset: 'auto',
    about: 'Sandbox engine: auto, docker or bubblewrap. auto takes what passes a probe, Docker first.',
  },
  {
    name: 'RONDO_SANDBOX_RUNTIME',
    at: 'sandbox.runtime',
    kind: text(),
    preset: 'auto',
    about: 'Docker runtime: auto (runsc where registered), runsc, runc or any registered name.',
  },
  {
    name: 'RONDO_SANDBOX_IMAGE',
    at: 'sandbox.image',
    kind: text(),
    preset: sandboxImageName,
    about: 'Docker image of the sandboxes. Default: rondo-sandbox:<hash of its package list and builders>.',
  },
  {
    name: 'RONDO_SANDBOX_ROOTFS',
    at: 'sandbox.rootfs',
    kind: path(),
    about: "Root file system for bubblewrap. The stack sets it; without it the host's /usr is used, read-only.",
  },
  { name: 'RONDO_SANDBOX_MEMORY_MB', at: 'sandbox.memoryMb', kind: integer(64), preset: '1024', about: 'Memory of one sandbox, in MiB.' },
  { name: 'RONDO_SANDBOX_CPUS', at: 'sandbox.cpus', kind: positive(), preset: '1', about: 'Processors of one sandbox.' },
  { name: 'RONDO_SANDBOX_PROCESSES', at: 'sandbox.processes', kind: integer(16), preset: '256', about: 'Processes and threads in one sandbox.' },
  {
    name: 'DOCKER_HOST',
    at: 'sandbox.dockerHost',
    kind: dockerAddress(),
    about: 'Docker daemon. Without it the usual socket, else (as root) an embedded dockerd.',
  },
  { name: 'RONDO_BWRAP', at: 'sandbox.bwrapPath', kind: path(), about: 'The bwrap program. Without it the one on PATH or in the cache.' },
  {
    name: 'RONDO_APPROVE_BY_SIGNAL',
    at: 'approvals.bySignal',
    kind: onOff(),
    preset: 'on',
    about: 'Whether tool calls can be approved by the Temporal signal: on or off.',
  },
  {
    name: 'RONDO_APPROVAL_TIMEOUT_SECONDS',
    at: 'approvals.timeoutSeconds',
    kind: integer(1),
    preset: '604800',
    about: 'An approval not given within this time is a denial.',
  },
  {
    name: 'RONDO_IDLE_CLOSE_SECONDS',
    at: 'session.idleCloseSeconds',
    kind: integer(1),
    preset: '900',
    about: "An idle session's sandbox is given back and its workflow run closes after this time; workspace and log stay.",
  },
  {
    name: 'RONDO_MAX_STEPS',
    at: 'limits.maxSteps',
    kind: integer(1),
    preset: '200',
    about: 'Most model requests in one turn, where the caller sets no limit.',
  },
  {
    name: 'RONDO_ROLL_OVER_EVENTS',
    at: 'limits.rollOverEvents',
    kind: integer(50),
    preset: '2000',
    about: 'History length at which a workflow run continues as new.',
  },
  {
    name: 'RONDO_ALLOW_PRIVATE',
    at: 'web.allowPrivate',
    kind: addressList(),
    preset: '',
    about: 'Private addresses that sessions may reach (MCP, web_fetch, repositories): host:port and CIDR, separated by commas. None by default.',
  },
  {
    name: 'RONDO_SEARCH_URL',
    at: 'web.searchUrl',
    kind: httpUrl(),
    about: 'SearXNG-compatible search endpoint for web_search, for example https://search.example.org. Without it the tool is not offered.',
  },
  { name: 'RONDO_SEARCH_KEY', at: 'web.searchKey', kind: secret(), about: 'Key for that endpoint, sent as a bearer token.' },
  {
    name: 'RONDO_WORK_LEASE_SECONDS',
    at: 'work.leaseSeconds',
    kind: integer(1, 86_400),
    preset: '300',
    about: 'A worker of a self-hosted environment that gives no sign of life for this long is taken for lost.',
  },
  {
    name: 'RONDO_SWEEP_SECONDS',
    at: 'worker.sweepSeconds',
    kind: integer(1),
    preset: '5',
    about: 'How often a worker looks for sessions whose wake-up got lost, and for workers of self-hosted environments that are.',
  },
] as const satisfies readonly Variable[];
