import { type DynamicModule, Module } from '@nestjs/common';
import type { Logger } from 'pino';
import { createAddressGuard } from '../../activities/web/address-guard.js';
import { createGuardedFetch } from '../../activities/web/guarded-fetch.js';
import type { BlobStore } from '../../infra/blobs/blob-store.js';
import { createKeepBlob } from '../../infra/blobs/keep-blob.js';
import type { Config } from '../../infra/config/config.js';
import type { Listener } from '../../infra/postgres/listener.js';
import type { Pool } from '../../infra/postgres/pool.js';
import type { SessionClient } from '../../infra/temporal/session-client.js';
import type { SecretBox } from '../../infra/vault/secret-box.js';
import { AgentsController } from './agents/agents.controller.js';
import { AgentsService } from './agents/agents.service.js';
import { createModelCheck } from './agents/known-model.js';
import { EnvironmentKeysController } from './environment-keys/environment-keys.controller.js';
import { EnvironmentKeysService } from './environment-keys/environment-keys.service.js';
import { EnvironmentsController } from './environments/environments.controller.js';
import { EnvironmentsService } from './environments/environments.service.js';
import { EventsController } from './events/events.controller.js';
import { EventsService } from './events/events.service.js';
import { FilesController } from './files/files.controller.js';
import { FilesService } from './files/files.service.js';
import { HealthController } from './health/health.controller.js';
import { HealthService } from './health/health.service.js';
import { InvocationLinks } from './invoke/invocation-links.js';
import { InvokeController } from './invoke/invoke.controller.js';
import { InvokeService } from './invoke/invoke.service.js';
import { NetworkRequestsController } from './network/network-requests.controller.js';
import { NetworkRequestsService } from './network/network-requests.service.js';
import { ResourcesController } from './resources/resources.controller.js';
import { ResourcesService } from './resources/resources.service.js';
import { createSessionWith } from './sessions/create-session.js';
import { SessionsController } from './sessions/sessions.controller.js';
import { SessionsService } from './sessions/sessions.service.js';
import type { Waker } from './sessions/waker.js';
import { SkillsController } from './skills/skills.controller.js';
import { SkillsService } from './skills/skills.service.js';
import { createSessionFeed } from './stream/session-feed.js';
import { SessionStreams } from './stream/session-streams.js';
import { createStreamLimit } from './stream/stream-limit.js';
import { ThreadsController } from './threads/threads.controller.js';
import { ThreadsService } from './threads/threads.service.js';
import { TraceController } from './trace/trace.controller.js';
import { TraceService } from './trace/trace.service.js';
import { CredentialsController } from './vaults/credentials.controller.js';
import { CredentialsService } from './vaults/credentials.service.js';
import { ValidationService } from './vaults/validation.service.js';
import { VaultsController } from './vaults/vaults.controller.js';
import { VaultsService } from './vaults/vaults.service.js';
import { WorkController } from './work/work.controller.js';
import { WorkService } from './work/work.service.js';
import { createWorkFeed } from './work/work-feed.js';
import { WorkspaceController } from './workspace/workspace.controller.js';
import { WorkspaceService } from './workspace/workspace.service.js';

/** What the gateway is made of; its owner starts and closes these. */
export interface GatewayParts {
  readonly config: Config;
  readonly pool: Pool;
  readonly listener: Listener;
  readonly sessionClient: SessionClient;
  readonly blobs: BlobStore;
  readonly secretBox: SecretBox;
  readonly redact: (text: string) => string;
  readonly log: Logger;
}

/** Bytes. */
const LARGEST_PROBE_ANSWER = 1_048_576;

@Module({})
export class AppModule {
  static of(parts: GatewayParts, waker: Waker, shutdown: AbortSignal): DynamicModule {
    const { config, pool, blobs, log } = parts;
    const keepBlob = createKeepBlob({ pool, blobs });
    const feed = createSessionFeed(parts.listener);
    const guardedFetch = createGuardedFetch({ guard: createAddressGuard({ allowPrivate: config.web.allowPrivate }), maxBytes: LARGEST_PROBE_ANSWER });
    const checkModel = createModelCheck(config.models);
    const createSession = createSessionWith({
      checkModel,
      prices: config.models.prices,
      secrets: parts.secretBox,
      minimumIsolation: config.sandbox.minimumIsolation,
    });
    return {
      module: AppModule,
      controllers: [
        InvokeController,
        AgentsController,
        EnvironmentsController,
        EnvironmentKeysController,
        WorkController,
        SessionsController,
        ResourcesController,
        WorkspaceController,
        ThreadsController,
        EventsController,
        FilesController,
        SkillsController,
        VaultsController,
        CredentialsController,
        TraceController,
        NetworkRequestsController,
        HealthController,
      ],
      providers: [
        { provide: AgentsService, useValue: new AgentsService(pool, checkModel) },
        { provide: EnvironmentsService, useValue: new EnvironmentsService(pool) },
        { provide: EnvironmentKeysService, useValue: new EnvironmentKeysService(pool) },
        { provide: WorkService, useValue: new WorkService(pool, createWorkFeed(parts.listener), waker, config.work.leaseSeconds) },
        { provide: SessionsService, useValue: new SessionsService(pool, createSession, config.models.prices, waker) },
        { provide: ResourcesService, useValue: new ResourcesService(pool, parts.secretBox) },
        { provide: ThreadsService, useValue: new ThreadsService(pool) },
        { provide: EventsService, useValue: new EventsService(pool, waker) },
        { provide: SessionStreams, useValue: new SessionStreams(pool, feed, createStreamLimit(config.http.streamsPerKey), shutdown, log) },
        { provide: InvokeService, useValue: new InvokeService(pool, createSession, waker, feed, shutdown) },
        { provide: FilesService, useValue: new FilesService({ pool, blobs, keepBlob, maxFileBytes: config.blobs.maxFileBytes }) },
        {
          provide: WorkspaceService,
          useValue: new WorkspaceService({ pool, blobs, keepBlob, listener: parts.listener, maxFileBytes: config.blobs.maxFileBytes }),
        },
        { provide: SkillsService, useValue: new SkillsService({ pool, blobs, keepBlob, maxBodyBytes: config.http.maxBodyBytes }) },
        { provide: VaultsService, useValue: new VaultsService(pool) },
        { provide: CredentialsService, useValue: new CredentialsService(pool, parts.secretBox) },
        { provide: ValidationService, useValue: new ValidationService(pool, parts.secretBox, { guardedFetch, redact: parts.redact }) },
        { provide: InvocationLinks, useValue: new InvocationLinks(config) },
        { provide: TraceService, useValue: new TraceService(pool) },
        { provide: NetworkRequestsService, useValue: new NetworkRequestsService(pool) },
        { provide: HealthService, useValue: new HealthService(pool, parts.sessionClient, config.sandbox.minimumIsolation) },
      ],
    };
  }
}
