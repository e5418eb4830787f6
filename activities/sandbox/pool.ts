import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RondoError } from '../../workflows/contract/errors.js';
import type { PoolMember } from '../../workflows/contract/sandbox-records.js';
import { removeTree } from '../workspace/host-directories.js';
import type { Admission } from './admission.js';
import { attachReady, attachStarting } from './attach.js';
import { memberDirectories, memberFolder, memberName } from './pool-directories.js';
import type { SandboxLimits, SandboxProvider } from './sandbox.port.js';
import type { SupervisorClient } from './supervisor.client.js';

/** Where members are kept in mind, by whatever processes serve the host. */
export interface PoolMembers {
  insert(of: { readonly hostId: string; readonly kind: string; readonly nameOf: (id: string) => string }): Promise<PoolMember>;
  /** False when it was thrown away meanwhile. */
  makeWarm(id: string): Promise<boolean>;
  /** Those that are nobody's yet, oldest first. */
  list(hostId: string): Promise<PoolMember[]>;
  /** Remembers that one of a kind was wanted, or will be. */
  wish(of: { readonly hostId: string; readonly kind: string }): Promise<void>;
  /** How often each kind was wanted lately. */
  claims(hostId: string, seconds: number): Promise<ReadonlyMap<string, number>>;
  /** Of these names, those that some session's row names. */
  known(names: readonly string[]): Promise<ReadonlySet<string>>;
  /** Takes it out of everybody's reach; false when somebody else was first. */
  drop(id: string): Promise<boolean>;
}

export interface PoolOptions extends SandboxLimits {
  readonly members: PoolMembers;
  readonly provider: () => Promise<SandboxProvider>;
  readonly admission: Admission;
  readonly hostId: string;
  readonly installation: string;
  readonly home: string;
  /** Tells one image and supervisor from every other: a member of another is of no use. */
  readonly build: string;
  readonly minimum: number;
  readonly maximum: number;
}

/** Sandboxes that run before anybody wants them: nothing of a session is in them until they are claimed. */
export interface SandboxPool {
  readonly hostId: string;
  /** What a member must be to serve a session that now asks for a sandbox of this provider, of an image or the plain one. */
  kindOf(provider: SandboxProvider, image?: string): string;
  /** Sandboxes of this image are going to be asked for. */
  expect(image: string): Promise<void>;
  /** The connection to a claimed member, if this process has one; it is the caller's from then on. */
  take(name: string): SupervisorClient | undefined;
  /** One round: adopts what an earlier process made, throws away what is of no use, makes what is missing. */
  tend(): Promise<void>;
  /** Sandboxes of this host that are nobody's, and are to stay. */
  names(): Promise<string[]>;
  /** Removes directories that neither a member nor a session's claim needs any more. */
  sweep(): Promise<void>;
  /** Throws away what nobody has claimed. */
  close(): Promise<void>;
}

/** What was asked for in this time can be asked for again. */
const DEMAND_SECONDS = 120;
/** Whoever claims needs the processors first; but not longer than this, lest steady claims keep the pool empty. */
const QUIET_MS = 250;
const PATIENCE_MS = 2_000;
/** A member that is not ready after this time belongs to a process that died. */
const STALE_SECONDS = 60;

export function createPool(options: PoolOptions): SandboxPool {
  const { members, admission, hostId, installation, home, memoryBytes, cpus, processes, diskBytes } = options;
  const limits = { memoryBytes, cpus, processes, diskBytes };
  const held = new Map<string, SupervisorClient>();
  const making = new Set<string>();
  let closed = false;
  /** When a session last asked for a sandbox. */
  let askedAt = Number.NEGATIVE_INFINITY;

  const plainKind = ({ engine, runtime }: SandboxProvider): string =>
    createHash('sha256')
      .update(JSON.stringify([engine, runtime, options.build, limits]))
      .digest('hex')
      .slice(0, 16);
  /** Names the image, so that every process of the host knows what a member of that kind is made of. */
  const kindOf = (provider: SandboxProvider, image?: string): string => (image === undefined ? plainKind(provider) : `${plainKind(provider)} ${image}`);

  const ofBuild = (provider: SandboxProvider) => {
    const plain = plainKind(provider);
    return (kind: string) => kind.split(' ')[0] === plain;
  };

  const untilQuiet = async (): Promise<void> => {
    const begin = performance.now();
    for (let now = begin; now - askedAt < QUIET_MS && now - begin < PATIENCE_MS; now = performance.now()) await delay(QUIET_MS - (now - askedAt));
  };

  const letGo = (name: string) => {
    held.get(name)?.close();
    held.delete(name);
  };

  const throwAway = async (provider: SandboxProvider, { id, name }: PoolMember): Promise<void> => {
    if (!(await members.drop(id))) return;
    letGo(name);
    await provider.destroy(name);
    await removeTree(memberFolder(home, id));
  };

  /** Whether it still runs and answers; this process then has a connection to it. */
  const hold = async (provider: SandboxProvider, { name }: PoolMember): Promise<boolean> => {
    if (held.get(name)?.isOpen) return true;
    const client = await attachReady(provider, name);
    if (client) held.set(name, client);
    return client !== undefined;
  };

  const make = async (provider: SandboxProvider, kind: string): Promise<void> => {
    const member = await members.insert({ hostId, kind, nameOf: (id) => memberName(installation, id) });
    const { id, name } = member;
    making.add(id);
    try {
      const client = await admission.enter(async () => {
        await provider.create({ name, ...memberDirectories(home, id), ...limits, image: kind.split(' ')[1] });
        return attachStarting(provider, name);
      });
      if (!client) throw new RondoError('sandbox.failed', `Sandbox ${name} of the pool ended while it started.`);
      held.set(name, client);
      if (closed || !(await members.makeWarm(id))) throw new RondoError('sandbox.failed', `Sandbox ${name} of the pool is not wanted any more.`);
    } catch (error) {
      await throwAway(provider, member);
      letGo(name);
      throw error;
    } finally {
      making.delete(id);
    }
  };

  /** Throws away members of another build, of processes that died, and those that do not answer; the others. */
  const inspect = async (provider: SandboxProvider): Promise<PoolMember[]> => {
    const listed = await members.list(hostId);
    const names = new Set(listed.map(({ name }) => name));
    // Claimed through another process: what it says is not for us.
    for (const name of held.keys()) if (!names.has(name)) letGo(name);
    const good = [];
    const isOfBuild = ofBuild(provider);
    for (const member of listed) {
      const isAbandoned = member.state === 'starting' && member.ageSeconds > STALE_SECONDS && !making.has(member.id);
      const isGood = isOfBuild(member.kind) && !isAbandoned && (member.state === 'starting' || (await hold(provider, member)));
      if (isGood) good.push(member);
      else await throwAway(provider, member);
    }
    return good;
  };

  return {
    hostId,
    kindOf(provider, image) {
      askedAt = performance.now();
      return kindOf(provider, image);
    },
    expect: async (image) => members.wish({ hostId, kind: kindOf(await options.provider(), image) }),
    take(name) {
      const client = held.get(name);
      held.delete(name);
      return client?.isOpen ? client : undefined;
    },
    async tend() {
      const provider = await options.provider();
      const plain = plainKind(provider);
      const claims = await members.claims(hostId, DEMAND_SECONDS);
      const good = await inspect(provider);
      let room = options.maximum;
      for (const kind of new Set([plain, ...[...claims.keys()].filter(ofBuild(provider)), ...good.map((member) => member.kind)])) {
        const target = Math.min(room, Math.max(kind === plain ? options.minimum : 0, claims.get(kind) ?? 0));
        const ready = good.filter((member) => member.kind === kind);
        room -= target;
        for (const surplus of ready.slice(target)) await throwAway(provider, surplus);
        // Sessions that wait for a sandbox of their own come first.
        for (let count = ready.length; count < target; count += 1) {
          await untilQuiet();
          if (!admission.isFree || closed) break;
          await make(provider, kind);
        }
      }
    },
    names: async () => (await members.list(hostId)).map(({ name }) => name),
    async sweep() {
      // In this order: each has a row before it has a directory, and a claim moves it from one row to the other at once.
      const ids = await fs.readdir(path.join(home, 'pool')).catch(() => []);
      if (ids.length === 0) return;
      const ready = (await members.list(hostId)).map(({ id }) => id);
      const claimed = await members.known(ids.map((id) => memberName(installation, id)));
      const leftOver = ids.filter((id) => !ready.includes(id) && !claimed.has(memberName(installation, id)));
      for (const id of leftOver) await removeTree(memberFolder(home, id));
    },
    async close() {
      closed = true;
      if (held.size === 0) return;
      const provider = await options.provider();
      const mine = (await members.list(hostId)).filter(({ name }) => held.has(name));
      for (const member of mine) await throwAway(provider, member);
    },
  };
}
