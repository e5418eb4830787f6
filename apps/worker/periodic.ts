import type { Logger } from 'pino';

/** Repeats work with a pause between two runs, never two at once; a failure is logged and the next run tries again. */
export function periodically(options: {
  readonly name: string;
  readonly everyMs: number;
  readonly log: Logger;
  readonly work: () => Promise<void>;
}): () => Promise<void> {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const round = () => {
    running = options
      .work()
      .catch((error: unknown) =>
        options.log.warn({ task: options.name, error: error instanceof Error ? error.message : String(error) }, 'periodic task failed'),
      )
      .then(() => {
        if (!stopped) timer = setTimeout(round, options.everyMs);
      });
  };
  round();
  return () => {
    stopped = true;
    clearTimeout(timer);
    return running;
  };
}
