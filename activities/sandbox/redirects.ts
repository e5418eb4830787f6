import type { SandboxPlace } from '../../workflows/contract/sandbox-records.js';

/** Whoever was sent to a host has arrived there by then, and is counted by it. */
const UNDER_WAY_MS = 3_000;

/** Sessions that this process has just sent to other hosts: they take room there before anybody can count them. */
export interface Redirects {
  note(hostId: string): void;
  /** The places that are left when they have arrived. */
  leave(places: readonly SandboxPlace[]): SandboxPlace[];
}

export function createRedirects(now: () => number = () => performance.now()): Redirects {
  let underWay: { readonly hostId: string; readonly until: number }[] = [];
  return {
    note(hostId) {
      underWay.push({ hostId, until: now() + UNDER_WAY_MS });
    },
    leave(places) {
      underWay = underWay.filter(({ until }) => until > now());
      return places.map((place) => ({ ...place, free: place.free - underWay.filter(({ hostId }) => hostId === place.hostId).length }));
    },
  };
}
