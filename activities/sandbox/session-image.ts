import { setTimeout as delay } from 'node:timers/promises';
import type { SessionRef } from '../../workflows/contract/activities.js';
import type { SessionStore } from '../session/store.port.js';
import type { PackageImages } from './package-image.js';

/** What a session's next sandbox is made of. */
export interface SandboxImage {
  /** Undefined for the plain image. */
  readonly name: string | undefined;
  /** What its packages' manager said when they could not be installed. */
  readonly failure: string | undefined;
  /** For the trace. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface SessionImageDependencies {
  readonly store: SessionStore;
  readonly hostId: string;
  /** The engine's, or why it can make none. */
  readonly images: () => Promise<PackageImages | string>;
}

const LOOK_EVERY_MS = 500;
/** Of what the package manager said. */
const TOLD_CHARACTERS = 2_000;
const PLAIN: SandboxImage = { name: undefined, failure: undefined, detail: {} };

/** Waits for a build that is under way, as long as it takes: it ends by itself. A sandbox that is there already waits for nothing. */
export async function awaitImage({ store, hostId, images }: SessionImageDependencies, ref: SessionRef, signal: AbortSignal): Promise<SandboxImage> {
  const begin = performance.now();
  for (;;) {
    const image = await store.findImage(ref, hostId);
    if (image.packagesHash === null || (image.isRunning && image.state !== 'ready')) return PLAIN;
    const waitedMs = Math.round(performance.now() - begin);
    const waited = waitedMs > LOOK_EVERY_MS ? { waited_for_packages_ms: waitedMs } : {};
    if (image.state === 'ready') {
      const engine = await images();
      const name = typeof engine === 'string' ? undefined : await engine.nameOf(image.packagesHash);
      if (name !== undefined && typeof engine !== 'string' && (await engine.exists(name)))
        return { name, failure: undefined, detail: { packages: 'ready', ...waited } };
    }
    // Removed from the engine, or of an older plain image: it is built again.
    if (image.state === 'ready') await store.locked(ref, (session) => session.forgetImage(hostId));
    if (image.state === 'failed') return { name: undefined, failure: image.error ?? 'the build failed', detail: { packages: 'failed', ...waited } };
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** The session goes on with the plain image: its model reads why with the next result, its clients at once. */
export const tellMissingPackages = (store: SessionStore, ref: SessionRef, failure: string): Promise<void> =>
  store.locked(ref, async (session) => {
    const said = `The packages of the session's environment could not be installed, so only what is always there can be used. ${failure}`;
    const before = await session.readLoss();
    const isFirst = (await session.findSandbox())?.generation === 1;
    const packages = said.slice(0, TOLD_CHARACTERS);
    await session.writeLoss(before ? { ...before, packages } : { skipped: [], skippedCount: 0, packages, isFirst });
    if (session.record.status !== 'running') return;
    const error = { type: 'unknown_error', message: packages, retry_status: { type: 'exhausted' } };
    await session.append([{ type: 'session.error', body: { error } }]);
  });
