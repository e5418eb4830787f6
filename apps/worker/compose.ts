import { availableParallelism, totalmem } from 'node:os';
import { getCACertificates } from 'node:tls';
import type { Logger } from 'pino';
import { createBoundary } from '../../activities/boundary.js';
import { createAnthropicModel } from '../../activities/model/anthropic.adapter.js';
import { createCallModel } from '../../activities/model/call-model.js';
import { createOpenAiModel } from '../../activities/model/openai.adapter.js';
import { createRehearsalModel } from '../../activities/model/rehearsal.adapter.js';
import { createModels } from '../../activities/model/select-model.js';
import { createCloneRepository } from '../../activities/resources/clone-repository.js';
import { createCollectOutputs } from '../../activities/resources/collect-outputs.js';
import { createMountResources } from '../../activities/resources/mount-resources.js';
import { createAdmission } from '../../activities/sandbox/admission.js';
import { createDiskGuard } from '../../activities/sandbox/disk-guard.js';
import { egressEnvironment } from '../../activities/sandbox/egress-environment.js';
import { retireSandbox } from '../../activities/sandbox/place-claimed.js';
import { createPool as createSandboxPool } from '../../activities/sandbox/pool.js';
import { poolBounds } from '../../activities/sandbox/pool-bounds.js';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';
import { createSandboxes } from '../../activities/sandbox/sandboxes.js';
import { selectImages } from '../../activities/sandbox/select-images.js';
import { selectProvider } from '../../activities/sandbox/select-provider.js';
import { egressFolder } from '../../activities/sandbox/session-directories.js';
import { awaitImage } from '../../activities/sandbox/session-image.js';
import { orElsewhere } from '../../activities/sandbox/whereabouts.js';
import { createSeal } from '../../activities/session/seal.js';
import { createSettle } from '../../activities/session/settle.js';
import type { SessionStore } from '../../activities/session/store.port.js';
import { createRemoteTools } from '../../activities/tools/remote-tools.js';
import { createRunTool } from '../../activities/tools/run-tool.js';
import { createSpill } from '../../activities/tools/spill.js';
import { createAddressGuard } from '../../activities/web/address-guard.js';
import { createFileRequests } from '../../activities/workspace/file-requests.js';
import { createWorkspaces } from '../../activities/workspace/workspaces.js';
import { createKeepBlob } from '../../infra/blobs/keep-blob.js';
import { createReadFile } from '../../infra/blobs/read-file.js';
import { selectBlobs } from '../../infra/blobs/select-blobs.js';
import { createSessionContent } from '../../infra/blobs/session-content.js';
import type { Config } from '../../infra/config/config.js';
import { sandboxHost } from '../../infra/config/sandbox-host.js';
import { installationOf, sandboxBuild, sandboxSettings } from '../../infra/config/sandbox-settings.js';
import { createWayOut } from '../../infra/egress/way-out.js';
import { newId } from '../../infra/ids.js';
import { createExclusive } from '../../infra/postgres/exclusive.js';
import { createHeldCalls } from '../../infra/postgres/held-calls.js';
import { createListener } from '../../infra/postgres/listener.js';
import { createPool } from '../../infra/postgres/pool.js';
import { createPoolMembers } from '../../infra/postgres/pool-members.repo.js';
import { createSessionStore } from '../../infra/postgres/session-store.js';
import type { Redactor } from '../../infra/telemetry/redactor.js';
import { formsOfSecret } from '../../infra/telemetry/secret-forms.js';
import { createSessionClient } from '../../infra/temporal/session-client.js';
import { sessionSettings } from '../../infra/temporal/session-settings.js';
import type { Keyring } from '../../infra/vault/keyring.js';
import { createPlaceholders } from '../../infra/vault/placeholder.js';
import { createSandboxVariables } from '../../infra/vault/sandbox-variables.js';
import { createSecretBox } from '../../infra/vault/secret-box.js';
import { createSessionCredentials } from '../../infra/vault/session-credentials.js';
import type { ReleaseSandboxInput, SessionActivities } from '../../workflows/contract/activities.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import { createCallStops } from './call-stops.js';
import { giveBackIdle } from './idle-sandboxes.js';
import { openServerTraffic } from './server-traffic.js';
import { createStopBus } from './stop-bus.js';

const POOL_SIZE = 20;

/** Everything a worker is made of, top to bottom in the order of need: the one composition root of activities. */
export async function compose(config: Config, appUrl: string, temporalAddress: string, keyring: Keyring, redact: Redactor, log: Logger) {
  const secretBox = createSecretBox({ keyring, learn: redact.learn });
  const pool = createPool({ url: appUrl, size: POOL_SIZE, name: 'rondo-worker', log });
  const listener = createListener({ url: appUrl, channels: [CHANNELS.stop, CHANNELS.stopCalls, CHANNELS.egress, CHANNELS.workspace], log });
  await listener.start();
  const store: SessionStore = createSessionStore(pool);
  const blobs = selectBlobs(config);
  const keepBlob = createKeepBlob({ pool, blobs });
  const credentials = createSessionCredentials({ pool, secretBox });
  const client = createSessionClient({ ...config.temporal, address: temporalAddress, settings: sessionSettings(config), log });
  const models = composeModels(config);
  const provider = composeProvider(config);
  const installation = installationOf(config.paths.home);
  const host = await sandboxHost(config);
  const traffic = openServerTraffic({ config: config.egress, pool, listener, log });
  const prepare = createMountResources({
    store,
    traffic,
    redact,
    content: createSessionContent({ pool, blobs, secretBox }),
    clone: createCloneRepository({
      guard: createAddressGuard({ allowPrivate: config.web.allowPrivate }),
      // Whom Rondo's own connections trust (NODE_EXTRA_CA_CERTS adds to it), and whom the host does.
      certificates: () => [...new Set([...getCACertificates('default'), ...getCACertificates('system')])],
      installation,
    }),
  });
  const { exclusive, close: endExclusive } = createExclusive({ url: appUrl, name: 'rondo-worker-locks' });
  const workspaces = createWorkspaces({
    store,
    home: config.paths.home,
    folder: host.folder,
    keep: keepBlob,
    open: (key, range) => blobs.open(key, range),
    // Directories are a host's own, and what two hosts could both write is decided under the session's lock.
    exclusive: (name, patienceMs, work) => exclusive(`${name} on ${host.id}`, patienceMs, work),
    endSandbox: async (ref, sandbox) => retireSandbox({ store, home: config.paths.home }, ref, await provider(), sandbox),
    maximumBytes: config.sandbox.checkpointMaxMb * 1024 * 1024,
    log,
  });
  const making = {
    installation,
    host,
    home: config.paths.home,
    memoryBytes: config.sandbox.memoryMb * 1024 * 1024,
    cpus: config.sandbox.cpus,
    processes: config.sandbox.processes,
    diskBytes: config.sandbox.diskMb * 1024 * 1024,
    provider,
    admission: createAdmission(availableParallelism()),
  };
  /** Every engine of a host has images of its own. */
  const imageHost = async () => `${host.id} ${(await provider()).engine}`;
  const packageImages = async () => selectImages({ ...sandboxSettings(config), configuration: packageConfiguration(config) }, await provider());
  const sandboxVariables = createSandboxVariables({ pool, placeholders: createPlaceholders(keyring) });
  const wayOut = createWayOut({ egressFolder: egressFolder(config.paths.home), log });
  const bounds = poolBounds(config.sandbox, totalmem());
  const hasPool = bounds.maximum > 0;
  const sandboxPool = createSandboxPool({
    ...making,
    members: createPoolMembers(pool),
    hostId: host.id,
    build: await sandboxBuild(config),
    ...bounds,
  });
  const callStops = createCallStops({ pool, listener });
  const sandboxes = createSandboxes({
    ...making,
    room: { patienceMs: config.sandbox.waitSeconds * 1_000, giveBack: () => giveBackIdle({ pool, sandboxes, hostId: host.id }) },
    stopElsewhere: callStops.ask,
    store,
    prepare,
    workspaces,
    environment: async (ref) => ({ ...(await sandboxVariables(ref)), ...egressEnvironment() }),
    wayOut,
    imageFor: async (ref, signal) => awaitImage({ store, hostId: await imageHost(), images: packageImages }, ref, signal),
    pool: hasPool ? sandboxPool : undefined,
    disk: createDiskGuard({
      limitBytes: config.sandbox.diskMb * 1024 * 1024,
      home: config.paths.home,
      onError: (sandbox, error) => log.warn({ sandbox, error }, 'the disk of a sandbox could not be counted'),
    }),
  });
  const remote = createRemoteTools({
    allowPrivate: config.web.allowPrivate,
    bearerFor: async (request) => {
      const found = await credentials.findBearer(request);
      return found && { credentialId: found.id, token: found.token.reveal() };
    },
    traffic,
    redact,
    formsOfSecret,
    search: config.web.searchUrl ? { url: config.web.searchUrl, key: config.web.searchKey?.reveal() } : undefined,
  });
  const boundary = createBoundary({ stopBus: createStopBus(listener), hostTaskQueue: host.taskQueue, redact, log });
  callStops.serve(sandboxes);
  const defaultMaxSteps = config.limits.maxSteps;
  const callModel = createCallModel({
    store,
    models,
    redact,
    newEventId: () => newId('event'),
    defaultMaxSteps,
    approvalTimeoutMs: config.approvals.timeoutSeconds * 1_000,
    priceOf: (modelId) => config.models.prices[modelId],
    readFile: createReadFile({ pool, blobs }),
    askServers: remote.askServers,
    offersSearch: remote.offersSearch,
  });
  const activities: SessionActivities = {
    callModel: boundary('callModel', callModel),
    runTool: boundary(
      'runTool',
      orElsewhere(
        createRunTool({
          store,
          sandboxes,
          redact,
          heldCalls: createHeldCalls({ pool, listener }),
          tools: remote.tools,
          spill: createSpill({ store, sandboxes }),
        }),
      ),
    ),
    settle: boundary('settle', createSettle({ store })),
    seal: boundary('seal', createSeal({ store, defaultMaxSteps, stopCalls: sandboxes.stopCalls })),
    collectOutputs: boundary('collectOutputs', orElsewhere(createCollectOutputs({ store, sandboxes, keepBytes: keepBlob, limits: outputLimits(config) }))),
    releaseSandbox: boundary(
      'releaseSandbox',
      orElsewhere(async (input: ReleaseSandboxInput) => {
        await sandboxes.release(input);
        return undefined;
      }),
    ),
  };
  return {
    activities,
    host,
    pool,
    blobs,
    keepBlob,
    client,
    provider,
    sandboxes,
    sandboxPool,
    imageHost,
    packageImages,
    onBuilt: async (image: string) => (hasPool ? sandboxPool.expect(image) : undefined),
    workspaces,
    wayOut,
    listener,
    redact,
    performFileRequest: createFileRequests({
      store,
      sandboxes,
      workspaces,
      keep: keepBlob,
      open: (key) => blobs.open(key),
      maximumBytes: config.blobs.maxFileBytes,
    }),
    async close() {
      await sandboxPool.close();
      await sandboxes.close();
      await workspaces.close();
      wayOut.end();
      await traffic.close();
      await endExclusive();
      await listener.close();
      await client.close();
      await pool.end();
    },
  };
}

/** The files an agent hands over; one of them may be as large as what people upload. */
const outputLimits = ({ blobs }: Config) => ({ files: 1_000, fileBytes: blobs.maxFileBytes, bytes: 4 * blobs.maxFileBytes });

function composeModels(config: Config) {
  const { anthropicApiKey, anthropicBaseUrl, openaiApiKey, openaiBaseUrl, rehearsalUrl, stallSeconds } = config.models;
  const stallMs = stallSeconds * 1_000;
  return createModels({
    anthropic:
      anthropicApiKey && createAnthropicModel({ apiKey: anthropicApiKey.reveal(), ...(anthropicBaseUrl ? { baseURL: anthropicBaseUrl } : {}), stallMs }),
    openai:
      openaiApiKey || openaiBaseUrl
        ? createOpenAiModel({ ...(openaiApiKey ? { apiKey: openaiApiKey.reveal() } : {}), ...(openaiBaseUrl ? { baseURL: openaiBaseUrl } : {}), stallMs })
        : undefined,
    rehearsal: rehearsalUrl ? createRehearsalModel({ url: rehearsalUrl, stallMs }) : undefined,
  });
}

/** What package managers are shown of this host while they fetch. */
const packageConfiguration = ({ sandbox }: Config) => ({
  files: sandbox.packageFiles.split(',').filter((file) => file !== ''),
  environment: JSON.parse(sandbox.packageEnvironment?.reveal() ?? '{}') as Record<string, string>,
});

/** The engine is chosen by a probe at the first need, and again after a failure. */
function composeProvider(config: Config): () => Promise<SandboxProvider> {
  let chosen: Promise<SandboxProvider> | undefined;
  return () => {
    if (chosen) return chosen;
    const fresh = selectProvider(sandboxSettings(config));
    chosen = fresh;
    fresh.catch(() => {
      chosen = undefined;
    });
    return fresh;
  };
}
