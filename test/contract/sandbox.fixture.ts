import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { SandboxSpec } from '../../activities/sandbox/sandbox.port.js';
import { connectSupervisor, type SupervisorClient, type SupervisorClientOptions } from '../../activities/sandbox/supervisor.client.js';
import type { ToolOutcome } from '../../workflows/contract/schema/tool-outcome.js';
import type { TestEngine } from '../support/sandbox-engines.js';

export const MEBIBYTE = 1024 * 1024;

export const freshId = (prefix: string): string => `${prefix}_${randomBytes(8).toString('hex')}`;

export const textOf = (outcome: ToolOutcome): string => outcome.content.map((block) => (block.type === 'text' ? block.text : `<${block.type}>`)).join('');

export interface CallOptions {
  readonly id?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onOutput?: (text: string, offset: number) => void;
  readonly outputFrom?: number;
}

/** A sandbox under test with a client on it. */
export interface SandboxUnderTest {
  readonly spec: SandboxSpec;
  readonly client: SupervisorClient;
  call(name: string, input: unknown, options?: CallOptions): Promise<ToolOutcome>;
  bash(command: string, options?: CallOptions): Promise<ToolOutcome>;
  /** Another channel to the same sandbox. */
  reconnect(options?: Partial<SupervisorClientOptions>): Promise<SandboxUnderTest>;
}

export const aSpec = (engine: TestEngine, overrides: Partial<SandboxSpec> = {}): SandboxSpec => {
  const name = freshId('test');
  return {
    name,
    workspaceDirectory: path.join(engine.directory, `${name}-workspace`),
    mountsDirectory: path.join(engine.directory, `${name}-mounts`),
    journalDirectory: path.join(engine.directory, `${name}-journal`),
    egressDirectory: path.join(engine.directory, `${name}-egress`),
    memoryBytes: 512 * MEBIBYTE,
    cpus: 1,
    processes: 128,
    diskBytes: 1024 * MEBIBYTE,
    ...overrides,
  };
};

export async function aSandbox(engine: TestEngine, overrides: Partial<SandboxSpec> = {}): Promise<SandboxUnderTest> {
  const spec = aSpec(engine, overrides);
  await engine.provider.create(spec);
  return connected(engine, spec);
}

export async function connected(engine: TestEngine, spec: SandboxSpec, options: Partial<SupervisorClientOptions> = {}): Promise<SandboxUnderTest> {
  const client = await connectSupervisor(await engine.provider.attach(spec.name), { sandbox: spec.name, ...options });
  await client.bind({ sessionId: spec.name, environment: { BOUND_LATE: 'as it is: $HOME `x` "y"' } });
  const call: SandboxUnderTest['call'] = (name, input, { id = freshId('sevt'), timeoutMs = 60_000, ...rest } = {}) =>
    client.call({ callId: id, name, input, timeoutMs, ...rest });
  return {
    spec,
    client,
    call,
    bash: (command, rest) => call('bash', { command }, rest),
    reconnect: (again) => connected(engine, spec, again),
  };
}

/** Shell words for the process id of the supervisor. */
export const SUPERVISOR = `$(for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q '^/opt/rondo/node .* serve' && echo \${p#/proc/}; done)`;

/** Collects output and tells when a text has been seen in it. */
export function watchOutput() {
  let seen = '';
  const waiting: { text: string; resolve: () => void }[] = [];
  return {
    onOutput: (text: string) => {
      seen += text;
      for (const { text: wanted, resolve } of waiting) if (seen.includes(wanted)) resolve();
    },
    until: (text: string) =>
      new Promise<void>((resolve) => {
        if (seen.includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
  };
}
