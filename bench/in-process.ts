import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createCallModel } from '../activities/model/call-model.js';
import { createRehearsalModel } from '../activities/model/rehearsal.adapter.js';
import { createModels } from '../activities/model/select-model.js';
import { createAdmission } from '../activities/sandbox/admission.js';
import { createDiskGuard } from '../activities/sandbox/disk-guard.js';
import { createSandboxes } from '../activities/sandbox/sandboxes.js';
import { acceptInputs } from '../activities/session/accept-inputs.js';
import type { SessionStore } from '../activities/session/store.port.js';
import { createRemoteTools } from '../activities/tools/remote-tools.js';
import { createRunTool } from '../activities/tools/run-tool.js';
import { newId } from '../infra/ids.js';
import { createPool } from '../infra/postgres/pool.js';
import { createSessionStore } from '../infra/postgres/session-store.js';
import { createRedactor } from '../infra/telemetry/redactor.js';
import { formsOfSecret } from '../infra/telemetry/secret-forms.js';
import type { SessionRef } from '../workflows/contract/activities.js';
import { apply, begin, initialState, nextEffect, type Outcome } from '../workflows/session/turn.js';
import type { Stack } from './stack.js';

/** The loop without Temporal: the same state machine, activities, rows and sandboxes, called as functions in this process. */
export interface InProcessLoop {
  /** Plays a turn of a session to its end. No worker knows of it. */
  play(sessionId: string, input: string, signal: AbortSignal): Promise<void>;
  /** Ends the sandboxes it made. */
  close(): Promise<void>;
}

export function createInProcessLoop(stack: Stack): InProcessLoop {
  const pool = createPool({ url: stack.appUrl, size: 10, name: 'rondo-bench-loop', log: pino({ level: 'silent' }) });
  const store: SessionStore = createSessionStore(pool);
  const { sandbox, limits, models } = stack.config;
  const played: SessionRef[] = [];
  const sandboxes = createSandboxes({
    prepare: async () => undefined,
    environment: async () => ({}),
    wayOut: { open: async () => undefined, close: async () => undefined },
    pool: undefined,
    admission: createAdmission(availableParallelism()),
    workspaces: { bring: async () => undefined, keep: async () => undefined, close: async () => undefined },
    store,
    provider: () => Promise.resolve(stack.provider),
    installation: 'bench',
    host: { id: 'bench', taskQueue: 'bench' },
    room: { patienceMs: 60_000, giveBack: async () => undefined },
    stopElsewhere: async () => undefined,
    home: join(stack.home, 'in-process'),
    memoryBytes: sandbox.memoryMb * 1024 * 1024,
    cpus: sandbox.cpus,
    processes: sandbox.processes,
    diskBytes: sandbox.diskMb * 1024 * 1024,
    disk: createDiskGuard({ limitBytes: sandbox.diskMb * 1024 * 1024, home: stack.home, onError: () => undefined }),
  });
  const { tools, ...remote } = createRemoteTools({
    allowPrivate: [],
    bearerFor: () => Promise.resolve(undefined),
    redact: (text) => text,
    formsOfSecret,
    search: undefined,
    traffic: {
      of: () => {
        throw new Error('Nothing is asked for a session here.');
      },
    },
  });
  const callModel = createCallModel({
    store,
    models: createModels({ rehearsal: createRehearsalModel({ url: stack.rehearsal.url, stallMs: models.stallSeconds * 1_000 }) }),
    redact: (text) => text,
    newEventId: () => newId('event'),
    defaultMaxSteps: limits.maxSteps,
    approvalTimeoutMs: 60_000,
    priceOf: () => undefined,
    readFile: () => Promise.resolve(undefined),
    ...remote,
  });
  const runTool = createRunTool({
    store,
    sandboxes,
    redact: createRedactor([]),
    heldCalls: { follow: () => () => undefined },
    tools,
    spill: () => Promise.resolve(undefined),
  });

  const workspaceOf = async (sessionId: string): Promise<string> => {
    const [row] = (await stack.rows.query<{ id: string }>('select workspace_id as id from sessions where id = $1', [sessionId])).rows;
    if (!row) throw new Error(`There is no session ${sessionId}.`);
    return row.id;
  };

  return {
    async play(sessionId, input, signal) {
      const ref: SessionRef = { sessionId, workspaceId: await workspaceOf(sessionId) };
      played.push(ref);
      const message = { id: newId('event'), event: { type: 'user.message' as const, content: [{ type: 'text' as const, text: input }] } };
      await store.locked(ref, (session) => acceptInputs(session, [message]));
      for (let state = initialState; ; ) {
        signal.throwIfAborted();
        const effect = nextEffect(state, Date.now());
        if (effect.type === 'wait') return;
        state = begin(state, effect);
        let outcome: Outcome;
        if (effect.type === 'call_model') {
          outcome = { type: 'model', result: await callModel({ ...ref, epoch: effect.epoch, step: effect.step }, { signal, attempt: 1 }) };
        } else if (effect.type === 'run_tools') {
          const results = [];
          for (const call of [...effect.serial, ...effect.parallel]) {
            results.push({
              callId: call.id,
              result: await runTool({ ...ref, epoch: effect.epoch, step: effect.step, callId: call.id }, { signal, attempt: 1 }),
            });
          }
          outcome = { type: 'tools', results };
        } else throw new Error(`The turn came to ${effect.type}, which no turn of the bench should.`);
        state = apply(state, outcome);
        if (state.end) throw new Error(`The turn ended because of ${state.end}.`);
      }
    },
    async close() {
      for (const ref of new Map(played.map((one) => [one.sessionId, one])).values()) await sandboxes.release({ ...ref, epoch: Number.MAX_SAFE_INTEGER });
      await sandboxes.close();
      await pool.end();
    },
  };
}
