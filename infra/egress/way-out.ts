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
  readonly body?: { readonly workspace_id: string };
}

/** Tells the egress gateway of this host over its control socket, and keeps what it could not be told until it answers. */
export function createWayOut({ home, log }: { readonly home: string; readonly log: Logger }): EgressWayOut {
  const socketPath = join(egressFolder(home), 'control.sock');
  /** The last wish for each session that the gateway has not heard. */
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

  const want = async (wish: Wish): Promise<void> => {
    unheard.delete(wish.sessionId);
    try {
      await tell(wish);
    } catch (error) {
      if (unheard.size === 0)
        log.warn({ error: error instanceof Error ? error.message : String(error) }, 'sandboxes have no way out: the egress gateway is away');
      unheard.set(wish.sessionId, wish);
      again();
    }
  };

  return {
    open: ({ sessionId, workspaceId }, generation) => want({ method: 'PUT', sessionId, generation, body: { workspace_id: workspaceId } }),
    close: (sessionId, generation) => want({ method: 'DELETE', sessionId, generation }),
    end() {
      ended = true;
      clearTimeout(timer);
    },
  };
}

function ask(socketPath: string, { method, sessionId, generation, body }: Wish): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const sent = request({ socketPath, method, path: `/sandboxes/${sessionId}/${generation}`, signal }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    });
    sent.on('error', reject);
    sent.end(body && JSON.stringify(body));
  });
}
