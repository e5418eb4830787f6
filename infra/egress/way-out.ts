import type { Logger } from 'pino';
import { askGateway, type ControlRequest } from './control-client.js';

/** The worker's port to it is activities/sandbox/way-out.port.ts. */
export interface EgressWayOut {
  open(session: { readonly sessionId: string; readonly workspaceId: string }, generation: number): Promise<void>;
  close(sessionId: string, generation: number): Promise<void>;
  /** Ends the attempts that are under way. */
  end(): void;
}

const AGAIN_MS = 1_000;

/** `PUT` opens the way out of a session's sandbox, `DELETE` closes it. */
const sandboxPath = (sessionId: string, generation: number): string => `/sandboxes/${sessionId}/${generation}`;

/**
 * Tells the egress gateway of this host over its control socket. What is to be opened is kept until it answers; what is to be
 * closed is not, since requests of a sandbox that has ended are refused anyway.
 */
export function createWayOut({ egressFolder, log }: { readonly egressFolder: string; readonly log: Logger }): EgressWayOut {
  /** What is to be opened and the gateway has not heard, by session. */
  const unheard = new Map<string, ControlRequest>();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  const tell = async (wish: ControlRequest): Promise<void> => {
    const { status, body } = await askGateway(egressFolder, wish);
    // What it refuses, a newer sandbox has overtaken.
    if (status !== 200 && status !== 409) throw new Error(`the egress gateway answered ${status}: ${body}`);
  };

  const tryAgain = async (): Promise<void> => {
    for (const [sessionId, wish] of unheard) {
      const isHeard = await tell(wish).then(
        () => true,
        () => false,
      );
      // One that it cannot open keeps nobody else's closed.
      if (isHeard && unheard.get(sessionId) === wish) unheard.delete(sessionId);
    }
    if (unheard.size > 0) again();
    else log.info('the egress gateway answers again');
  };

  const again = (): void => {
    if (timer || ended) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (unheard.size > 0) void tryAgain();
    }, AGAIN_MS);
    timer.unref();
  };

  return {
    async open({ sessionId, workspaceId }, generation) {
      const wish: ControlRequest = { method: 'PUT', path: sandboxPath(sessionId, generation), body: { workspace_id: workspaceId } };
      unheard.delete(sessionId);
      try {
        await tell(wish);
      } catch (error) {
        if (unheard.size === 0) log.warn({ error: messageOf(error) }, 'sandboxes have no way out: the egress gateway is away');
        unheard.set(sessionId, wish);
        again();
      }
    },
    async close(sessionId, generation) {
      unheard.delete(sessionId);
      await tell({ method: 'DELETE', path: sandboxPath(sessionId, generation) }).catch((error: unknown) => {
        log.debug({ error: messageOf(error), session: sessionId }, 'the egress gateway was not told that a sandbox has ended');
      });
    },
    end() {
      ended = true;
      clearTimeout(timer);
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
