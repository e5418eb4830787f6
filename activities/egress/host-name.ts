import { isIP } from 'node:net';

/** A host in its one spelling: lower case, without the dot at its end; an IPv6 address without brackets. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const ENDS_IN_NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)$/;

/**
 * The one spelling of a host, or undefined for what is none. Numbers that a resolver would read as an address (`127.1`,
 * `0x7f000001`) are no names. Pure.
 */
export function canonicalHost(text: string): string | undefined {
  const bracketed = /^\[([0-9a-fA-F:.]+)\]$/.exec(text)?.[1];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? URL.parse(`http://[${bracketed}]`)?.hostname.slice(1, -1) : undefined;
  if (isIP(text) === 4) return text;
  const name = text.toLowerCase().replace(/\.$/, '');
  return name.length <= 253 && NAME.test(name) && !ENDS_IN_NUMBER.test(name) ? name : undefined;
}

/** Reads `host:port`, or a host alone where there is a default port. Undefined for anything else. Pure. */
export function parseAuthority(text: string, defaultPort?: number): Target | undefined {
  const { host: name = '', port: digits } = /^(?<host>\[[^\]]*\]|[^:]*)(?::(?<port>\d{1,5}))?$/.exec(text)?.groups ?? {};
  const host = canonicalHost(name);
  const port = digits === undefined ? defaultPort : Number(digits);
  return host === undefined || port === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

export const isAddress = (host: string): boolean => isIP(host) !== 0;

/** Whether a host falls under a pattern: the host itself, or `*.` and a name for everything below that name. No pattern but itself means an address. */
export function hostMatches(pattern: string, host: string): boolean {
  const wanted = pattern.toLowerCase();
  if (!wanted.startsWith('*.')) return host === wanted;
  return !isAddress(host) && host.endsWith(wanted.slice(1)) && host.length > wanted.length - 1;
}

/** `host:port` as it is written in a request; a port that its protocol implies is left out. */
export function writeAuthority({ host, port }: Target, defaultPort?: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === defaultPort ? name : `${name}:${port}`;
}
