import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { createCallModel } from '../../activities/model/call-model.js';
import type { ModelPort } from '../../activities/model/model.port.js';
import { createRehearsalModel } from '../../activities/model/rehearsal.adapter.js';
import { createModels } from '../../activities/model/select-model.js';
import { createAdmission } from '../../activities/sandbox/admission.js';
import { createDiskGuard } from '../../activities/sandbox/disk-guard.js';
import { createSandboxes } from '../../activities/sandbox/sandboxes.js';
import { workspaceOf } from '../../activities/sandbox/session-directories.js';
import { createSeal } from '../../activities/session/seal.js';
import { createSettle } from '../../activities/session/settle.js';
import { createRemoteTools } from '../../activities/tools/remote-tools.js';
import { createRunTool } from '../../activities/tools/run-tool.js';
import type { ScriptInput } from '../../apps/rehearsal/script.js';
import { startRehearsal } from '../../apps/rehearsal/server.js';
import { newId } from '../../infra/ids.js';
import { createRedactor } from '../../infra/telemetry/redactor.js';
import { formsOfSecret } from '../../infra/telemetry/secret-forms.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { aSandboxEngine } from '../support/sandbox-engines.js';
import { waitFor } from '../support/wait-for.js';
import { startStore } from './session.fixture.js';
import { aHostOf } from './workspaces.fixture.js';

export type Worker = ReturnType<Stage['aWorker']>;
export type Stage = Awaited<ReturnType<typeof setStage>>;

/** Store, scripted model and bubblewrap sandboxes: what the activities need, without Temporal. */
export async function setStage(scripts: Readonly<Record<string, ScriptInput>>) {
  const fixture = await startStore();
  const rehearsal = await startRehearsal({ scripts });
  const engine = aSandboxEngine('bubblewrap');
  const owner = new pg.Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  const workers: { close(): Promise<void> }[] = [];
  const read = async (table: string, ref: SessionRef, order: string): Promise<Record<string, unknown>[]> => {
    const key = table === 'sessions' ? 'id' : 'session_id';
    const { rows } = await owner.query<{ row: Record<string, unknown> }>(
      `select to_jsonb(t) - 'updated_at' as row from ${table} t where ${key} = $1 order by ${order}`,
      [ref.sessionId],
    );
    return rows.map(({ row }) => row);
  };

  return {
    ...fixture,
    owner,
    /** The sandboxes' engine, past every worker. */
    engine: engine.provider,
    /** The activities of one more worker process. `hold` stops a model's answer before it is written. */
    aWorker(hold?: Hold) {
      const sandboxes = createSandboxes({
        prepare: async () => undefined,
        environment: async () => ({}),
        wayOut: { open: async () => undefined, close: async () => undefined },
        pool: undefined,
        admission: createAdmission(2),
        workspaces: aHostOf(fixture, engine.directory),
        store: fixture.store,
        provider: async () => engine.again(),
        installation: 'test',
        host: { id: 'test', taskQueue: 'test-host' },
        room: { patienceMs: 10_000, giveBack: async () => undefined },
        stopElsewhere: async () => undefined,
        home: engine.directory,
        memoryBytes: 256 * 1024 * 1024,
        cpus: 1,
        processes: 64,
        diskBytes: 256 * 1024 * 1024,
        disk: createDiskGuard({ limitBytes: 256 * 1024 * 1024, home: engine.directory, onError: () => undefined }),
      });
      workers.push(sandboxes);
      const { tools, ...remote } = createRemoteTools({
        allowPrivate: [],
        bearerFor: async () => undefined,
        redact: (text) => text,
        formsOfSecret,
        search: undefined,
        traffic: {
          of: () => {
            throw new Error('Nothing is asked for a session here.');
          },
        },
      });
      const model = createRehearsalModel({ url: rehearsal.url, stallMs: 20_000 });
      const { store } = fixture;
      return {
        sandboxes,
        callModel: createCallModel({
          store,
          models: createModels({ rehearsal: hold ? hold.around(model) : model }),
          redact: (text) => text,
          newEventId: () => newId('event'),
          defaultMaxSteps: 50,
          approvalTimeoutMs: 600_000,
          ...remote,
          priceOf: () => undefined,
          readFile: () => Promise.resolve(undefined),
        }),
        runTool: createRunTool({
          store,
          sandboxes,
          redact: createRedactor([]),
          heldCalls: { follow: () => () => undefined },
          tools,
          spill: async () => undefined,
        }),
        settle: createSettle({ store }),
        seal: createSeal({ store, defaultMaxSteps: 50, stopCalls: sandboxes.stopCalls }),
      };
    },
    /** Everything a session has written, but its trace. */
    async written(ref: SessionRef) {
      return {
        session: await read('sessions', ref, 'id'),
        events: await read('events', ref, 'seq'),
        calls: await read('tool_calls', ref, 'id'),
        effects: await read('effects', ref, 'key'),
        inbox: await read('inbox', ref, 'position'),
        invocations: await read('invocations', ref, 'id'),
      };
    },
    attempts: (ref: SessionRef) => read('attempts', ref, 'started_at, id'),
    /** Somebody wants the lock that the caller holds. */
    somebodyWaits: () =>
      waitFor('somebody to wait for a lock', async () => {
        const { rows } = await owner.query(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
        return rows.length > 0;
      }),
    workspaceFile(ref: SessionRef, name: string) {
      const file = join(workspaceOf(engine.directory, ref.sessionId), name);
      return {
        exists: () => existsSync(file),
        lines: () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []),
        make: () => writeFileSync(file, ''),
      };
    },
    async stop() {
      for (const worker of workers) await worker.close();
      await engine.dispose();
      await rehearsal.close();
      await owner.end();
      await fixture.stop();
    },
  };
}

/** Holds answers of a model until it is released. */
export interface Hold {
  around(port: ModelPort): ModelPort;
  /** The model has answered, or failed, and nothing of it is written yet. */
  readonly reached: Promise<void>;
  release(): void;
}

export function createHold(): Hold {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const pass = async () => {
    reached.resolve();
    await gate.promise;
  };
  return {
    around: (port) => ({
      async *stream(request, options) {
        try {
          for await (const part of port.stream(request, options)) {
            if (part.type === 'reply') await pass();
            yield part;
          }
        } catch (error) {
          await pass();
          throw error;
        }
      },
    }),
    reached: reached.promise,
    release: () => gate.resolve(),
  };
}
