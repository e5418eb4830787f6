import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type ChildRequest, startChild } from './child-process.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A program that ran this long was healthy: its next end starts the pauses anew. */
const HEALTHY_MS = 60_000;

export interface SupervisedRequest extends ChildRequest {
  readonly log: (line: string) => void;
  /** Called with every new process, before it is ready. */
  readonly onStart?: (child: Child) => void;
}

/** A program that is started again whenever it ends, until `stop`. */
export interface Supervised {
  readonly pid: number;
  /** `signal`, then SIGKILL after `graceMs`; it is not started again. */
  stop(signal: NodeJS.Signals, graceMs: number): Promise<void>;
}

export function supervise(request: SupervisedRequest): Supervised {
  const stopping = new AbortController();
  let child = launch(request);
  const watch = async (): Promise<void> => {
    for (let pause = FIRST_PAUSE_MS; !stopping.signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const started = performance.now();
      const how = await child.ended;
      if (stopping.signal.aborted) return;
      if (performance.now() - started > HEALTHY_MS) pause = FIRST_PAUSE_MS;
      request.log(`${request.name} ${how}; starting it again in ${pause / 1000} s (its log: ${child.logFile})`);
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {});
      if (!stopping.signal.aborted) child = launch(request);
    }
  };
  const watching = watch();
  return {
    get pid() {
      return child.pid;
    },
    stop: async (signal, graceMs) => {
      stopping.abort();
      await child.stop(signal, graceMs);
      await watching;
    },
  };
}

function launch(request: SupervisedRequest): Child {
  const child = startChild(request);
  request.onStart?.(child);
  return child;
}
