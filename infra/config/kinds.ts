import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { Secret } from './secret.js';

/** The kinds of value an environment variable can hold. Each is a schema over the raw text; its error message names what is accepted. */

export const text = () => z.string();

export const secret = () => z.string().transform((value) => new Secret(value));

/** A whole number of at least `minimum` (and at most `maximum`). */
export const integer = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) => {
  const accepted = maximum === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${minimum}` : `a whole number from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, accepted)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, accepted);
};

/** A decimal number above zero. */
export const positive = () => {
  const accepted = 'a number above 0, for example 1 or 0.5';
  return z
    .string()
    .regex(/^\d{1,9}(\.\d{1,6})?$/, accepted)
    .transform(Number)
    .refine((value) => value > 0, accepted);
};

/** The name of a host, also a part of a task queue's. */
export const hostId = () => z.string().regex(/^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$/, "up to 63 letters, digits, '.', '_' and '-', the first a letter or digit");

export const oneOf = <const Choice extends readonly [string, ...string[]]>(...choices: Choice) => z.enum(choices, { error: `one of ${choices.join(', ')}` });

export const onOff = () => oneOf('on', 'off').transform((value) => value === 'on');

/** A file or folder; `~/` is the user's home, a relative path starts at the working directory. The result is absolute. */
export const path = () => z.string().transform((value) => (/^~(\/|$)/.test(value) ? join(homedir(), value.slice(1)) : resolve(value)));

/** An http or https address; a slash at its end is dropped, so that paths can be appended. */
export const httpUrl = () => {
  const accepted = 'an address such as https://example.org or http://127.0.0.1:8080';
  return z.url({ protocol: /^https?$/, error: accepted }).transform((value) => value.replace(/\/+$/, ''));
};

/** A Postgres connection string; it holds a password, so it is a secret. */
export const postgresUrl = () =>
  z
    .url({ protocol: /^postgres(ql)?$/, error: 'a connection string such as postgres://user:password@host:5432/database' })
    .transform((value) => new Secret(value));

/** List prices by model id, as JSON: `{"claude-…": {"input": 3, "output": 15}}` in US dollars for a million tokens. */
export const modelPrices = () => {
  const accepted = 'JSON such as {"claude-sonnet-5": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}}';
  const price = z.number().min(0).max(1_000_000);
  const table = z.record(z.string(), z.strictObject({ input: price, output: price, cache_read: price.optional(), cache_write: price.optional() }));
  return z.string().transform((text, context) => {
    const parsed = table.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    context.addIssue({ code: 'custom', message: accepted });
    return z.NEVER;
  });
};

/** Variables of the environment, as JSON: `{"NAME": "value"}`. They may hold tokens, so they are a secret. */
export const variables = () => {
  const table = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string());
  return z.string().transform((text, context) => {
    const parsed = table.safeParse(parseJson(text));
    if (parsed.success) return new Secret(text);
    context.addIssue({ code: 'custom', message: 'JSON such as {"GOPROXY": "https://mirror.example.org", "HTTPS_PROXY": "http://proxy.example.org:3128"}' });
    return z.NEVER;
  });
};

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const hostAndPort = () => z.string().regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, 'host:port, for example 127.0.0.1:7233');

export const dockerAddress = () => z.string().regex(/^(unix|tcp|ssh|https?):\/\/\S+$/, 'a Docker address such as unix:///var/run/docker.sock');

/** Hosts separated by commas or spaces, each with a port if wanted. */
export const hostList = () =>
  z.string().transform((value, context) => {
    const entries = value.split(/[\s,]+/).filter(Boolean);
    if (!entries.every((entry) => /^[^\s:/[\]]+(:\d{1,5})?$/.test(entry))) context.addIssue('a list of hosts, for example mirror.example.org,localhost:8080');
    return entries;
  });

/** Addresses separated by commas or spaces: `host:port`, or a network in CIDR form. */
export const addressList = () =>
  z.string().transform((value, context) => {
    const entries = value.split(/[\s,]+/).filter(Boolean);
    if (!entries.every(isAddressEntry)) context.addIssue('a list of host:port and networks, for example localhost:8080,10.1.0.0/16');
    return entries;
  });

function isAddressEntry(entry: string): boolean {
  const [network = '', bits = ''] = entry.split('/');
  if (entry.includes('/')) return isIP(network) > 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (isIP(network) === 4 ? 32 : 128);
  return hostAndPort().safeParse(entry).success;
}
