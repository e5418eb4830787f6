import { parseAuthority, type Target } from '../../activities/egress/host-name.js';
import { type Exchange, hasControls } from './exchange.js';
import { malformed } from './refusal.js';

type RequestHead = Pick<Exchange, 'version' | 'method' | 'path' | 'authorities' | 'headers'>;

const LONGEST_METHOD = 40;
const REFUSED_METHODS = new Set(['TRACE', 'TRACK', 'CONNECT']);

/**
 * Refuses requests that two servers could read in two ways, before anything is decided about them. The parsers refuse most
 * of it already (both lengths, bad chunks, folded lines, bare line ends); this is what they let pass.
 */
export function checkHead({ version, method, path, authorities, headers }: RequestHead, target: Target, defaultPort: number): void {
  if (REFUSED_METHODS.has(method)) throw malformed(`the method ${method}`);
  if (method.length > LONGEST_METHOD) throw malformed('a method that is too long');
  if (!path.startsWith('/')) throw malformed('a request target that is no path');
  if (/[\s#]/.test(path) || hasControls(path)) throw malformed('spaces, control characters or a fragment in the request target');
  if (authorities.length === 0) throw malformed('no host');
  if (version === 1 && authorities.length > 1) throw malformed('more than one host header');
  for (const authority of authorities) checkHost(authority, target, defaultPort);
  for (const name of ['content-length', 'transfer-encoding', 'content-type', 'expect']) {
    if (headers.filter(([given]) => given === name).length > 1) throw malformed(`more than one ${name} header`);
  }
  for (const [name, value] of headers) {
    if (name === 'content-length' && !/^\d{1,15}$/.test(value)) throw malformed('a content-length that is no number');
    if (name === 'transfer-encoding' && value.toLowerCase() !== 'chunked') throw malformed('a transfer-encoding other than chunked');
    if (name === 'expect' && value.toLowerCase() !== '100-continue') throw malformed('an expectation other than 100-continue');
    if (hasControls(value)) throw malformed('control characters in a header');
  }
}

/** The host a request names must be the one its connection was opened for: that one was decided about. */
export function checkHost(value: string, target: Target, defaultPort: number): void {
  const named = parseAuthority(value, defaultPort);
  if (named?.host !== target.host || named.port !== target.port) throw malformed('a host other than the one the connection was opened for');
}
