/** Most of the time of small files is waiting. */
const AT_ONCE = 16;

export type Lanes = ReturnType<typeof createLanes>;

/** Runs work beside each other, a few at once; the first failure is what the next call, or the end, rejects with. */
export function createLanes(atOnce = AT_ONCE) {
  const busy = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const check = () => {
    if (failure) throw failure.error;
  };
  return {
    async add(work: () => Promise<void>): Promise<void> {
      while (busy.size >= atOnce) await Promise.race(busy);
      check();
      const done = work()
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => busy.delete(done));
      busy.add(done);
    },
    async end(): Promise<void> {
      await Promise.all(busy);
      check();
    },
  };
}
