import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Logger } from 'pino';
import { egressFolder } from '../../activities/sandbox/session-directories.js';
import type { WayOut } from '../../activities/sandbox/way-out.port.js';

export interface EgressWayOut extends WayOut {
  /** Ends the attempts that are under way. */
  end(): void;
}

const TIMEOUT_MS = 5_000;
const AGAIN_MS = 1_000;

interface Wish {
  readonly method: 'PUT' | 'DELETE';
  readonly sessionId: string;
  readonly generation: number;
  readonly workspaceId?: string;
}

/**
 * Tells the egress gateway of this host over its control socket. What is to be opened is kept until it answers; what is to be
 * closed is not, since requests of a sandbox that has ended are refused anyway.
 */
export function createWayOut({ home, log }: { readonly home: string; readonly log: Logger }): EgressWayOut {
  const socketPath = join(egressFolder(home), 'control.sock');
  /** What is to be opened and the gateway has not heard, by session. */
  const unheard = new Map<string, Wish>();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  const tell = async (wish: Wish): Promise<void> => {
    const { status, body } = await ask(socketPath, wish);
    // What it refuses, a newer sandbox has overtaken.
    if (status !== 200 && status !== 409) throw new Error(`the egress gateway answered ${status}: ${body}`);
  };

  const tryAgain = async (): Promise<void> => {
    for (const [sessionId, wish] of unheard) {
      await tell(wish);
      if (unheard.get(sessionId) === wish) unheard.delete(sessionId);
    }
    log.info('the egress gateway answers again');
  };

  const again = (): void => {
    if (timer || ended) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (unheard.size > 0) tryAgain().catch(again);
    }, AGAIN_MS);
    timer.unref();
  };

  return {
    async open({ sessionId, workspaceId }, generation) {
      const wish: Wish = { method: 'PUT', sessionId, generation, workspaceId };
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
      await tell({ method: 'DELETE', sessionId, generation }).catch((error: unknown) => {
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

function ask(socketPath: string, { method, sessionId, generation, workspaceId }: Wish): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const sent = request({ socketPath, method, path: `/sandboxes/${sessionId}/${generation}`, signal }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    });
    sent.on('error', reject);
    sent.end(workspaceId && JSON.stringify({ workspace_id: workspaceId }));
  });
}
