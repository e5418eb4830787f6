import { RondoError } from '../../workflows/contract/errors.js';
import type { SupervisorRequest } from './supervisor-protocol.js';

/** What makes a sandbox the sandbox of a session. */
export interface SandboxBinding {
  readonly sessionId: string;
  /** What every shell has in its environment, from the next one on. No secret: whatever runs inside reads it. */
  readonly environment: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 10_000;

/** The part of a connection that binds; the supervisor answers one request after another. */
export function createBindingRequests(sandbox: string, send: (request: SupervisorRequest) => void) {
  const waiting: { resolve(): void; reject(reason: Error): void }[] = [];
  return {
    bind({ sessionId, environment }: SandboxBinding): Promise<void> {
      return new Promise<void>((resolve, reject) => {
        const late = () => reject(new RondoError('sandbox.failed', `Sandbox ${sandbox} was not bound to session ${sessionId} within ${TIMEOUT_MS} ms.`));
        const timer = setTimeout(late, TIMEOUT_MS);
        const settle = (act: () => void) => {
          clearTimeout(timer);
          act();
        };
        waiting.push({ resolve: () => settle(resolve), reject: (reason) => settle(() => reject(reason)) });
        send({ type: 'bind', session_id: sessionId, environment });
      });
    },
    bound: () => waiting.shift()?.resolve(),
    end(reason: Error) {
      for (const { reject } of waiting.splice(0)) reject(reason);
    },
  };
}
