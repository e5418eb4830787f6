import { z } from 'zod';

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/** A host that a secret may go to: a bare name, an IPv4 address, or `*.` and a name, which is every name below it. Lower case. */
export const HostPattern = z
  .string()
  .max(255)
  .transform((text) => text.toLowerCase())
  .refine(isHostPattern, 'must be a host name, an IPv4 address, or *. and a host name; without scheme, port and path');

function isHostPattern(text: string): boolean {
  if (IPV4.test(text)) return true;
  const name = text.replace(/^\*\./, '');
  // What ends in digits would be read as an address, in one of the many ways to write one.
  return name.length <= 253 && HOST_NAME.test(name) && !/(^|\.)(\d+|0x[0-9a-f]*)$/.test(name);
}
