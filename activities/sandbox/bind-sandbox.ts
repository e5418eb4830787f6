import type { SessionRef } from '../../workflows/contract/activities.js';
import type { AcquiredSandbox } from './connections.js';

/**
 * Makes a sandbox hold what its session wants there; asked before every use, so it must be quick when there is nothing to do.
 * Errors end the use that needed it; `signal` is the end of this worker.
 */
export type PrepareSandbox = (ref: SessionRef, sandbox: AcquiredSandbox, signal: AbortSignal) => Promise<void>;

/** Once at a time for a session, however many calls wait for it: what one of them began serves all. */
export function createBinding(prepare: PrepareSandbox, ended: AbortSignal) {
  const preparations = new Map<string, { readonly sandbox: AcquiredSandbox; readonly done: Promise<void> }>();
  return (ref: SessionRef, sandbox: AcquiredSandbox): Promise<void> => {
    const running = preparations.get(ref.sessionId);
    if (running?.sandbox === sandbox) return running.done;
    const done = prepare(ref, sandbox, ended);
    const preparation = { sandbox, done };
    preparations.set(ref.sessionId, preparation);
    const forget = () => {
      if (preparations.get(ref.sessionId) === preparation) preparations.delete(ref.sessionId);
    };
    done.then(forget, forget);
    return done;
  };
}
