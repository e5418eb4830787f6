import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { RondoError } from '../../workflows/contract/errors.js';
import { refusalOf } from './address-rules.js';
import { createAllowList } from './allow-list.js';

export interface CheckedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Every address of a name, as the system resolves it. */
export type Resolver = (host: string) => Promise<readonly { readonly address: string }[]>;

/**
 * Decides where this process may connect to on behalf of a session. Whoever connects must use the addresses it answers and
 * not resolve the name again: a second answer of the name server may differ.
 */
export interface AddressGuard {
  /**
   * The addresses of a host that may be connected to, all of them checked. One refused address refuses the host.
   * Errors: `address.refused`, naming host and rule; `address.unreachable` where the name does not resolve.
   */
  resolve(host: string, port: number): Promise<readonly CheckedAddress[]>;
  /** A http or https address without user name and password. Errors: `address.refused`. */
  checkUrl(url: string | URL): URL;
}

export interface AddressGuardOptions {
  /** `RONDO_ALLOW_PRIVATE`: `host:port` and CIDR entries, the only exceptions. */
  readonly allowPrivate: readonly string[];
  readonly resolver?: Resolver;
  /** Of this host, the public ones too: what listens there was not meant for sessions. */
  readonly ownAddresses?: () => readonly string[];
}

const RESOLVE_TIMEOUT_MS = 10_000;
const MOST_ADDRESSES = 64;

export function createAddressGuard({ allowPrivate, resolver = systemResolver, ownAddresses = interfaceAddresses }: AddressGuardOptions): AddressGuard {
  const isAllowed = createAllowList(allowPrivate);
  return {
    async resolve(name, port) {
      const host = name.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
      const found = isIP(host) ? [{ address: host }] : await within(resolver(host), host);
      if (found.length === 0 || found.length > MOST_ADDRESSES) throw unresolved(host);
      const own = ownAddresses();
      return found.map(({ address }): CheckedAddress => {
        const rule = refusalOf(address, own);
        if (rule && !(isIP(address) && isAllowed({ host, port, address }))) throw refused(host, `${rule}, unless RONDO_ALLOW_PRIVATE of the server names it`);
        return { address, family: isIP(address) === 6 ? 6 : 4 };
      });
    },
    checkUrl(given) {
      const url = URL.parse(String(given));
      if (!url) throw new RondoError('address.refused', `${JSON.stringify(String(given).slice(0, 200))} is no address; give a complete http or https URL.`);
      if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused(url.hostname, `the protocol ${url.protocol} (http and https only)`);
      if (url.username !== '' || url.password !== '') throw refused(url.hostname, 'a user name or password in the address');
      return url;
    },
  };
}

const refused = (host: string, rule: string): RondoError =>
  new RondoError('address.refused', `Rondo does not connect to ${JSON.stringify(host.slice(0, 255))}: refused is ${rule}.`);

const unresolved = (host: string, cause?: unknown): RondoError =>
  new RondoError('address.unreachable', `The host ${JSON.stringify(host.slice(0, 255))} could not be resolved.`, { cause });

async function within(pending: ReturnType<Resolver>, host: string): Promise<readonly { readonly address: string }[]> {
  const timer = new AbortController();
  const late = delay(RESOLVE_TIMEOUT_MS, undefined, { signal: timer.signal }).then(() => {
    throw unresolved(host);
  });
  try {
    return await Promise.race([pending, late]);
  } catch (error) {
    throw error instanceof RondoError ? error : unresolved(host, error);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

const interfaceAddresses = (): string[] => Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));

const systemResolver: Resolver = (host) => lookup(host, { all: true, order: 'verbatim' });
