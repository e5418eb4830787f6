import { isIPv6 } from 'node:net';
import { join } from 'node:path';

export interface GitTarget {
  readonly directory: string;
  readonly url: URL;
  readonly token: string | undefined;
  /** Checked addresses of the host: git connects to these and asks no name server. */
  readonly addresses: readonly string[];
}

/**
 * The whole environment of git. Every setting is here and nowhere else: no file of the system, of a user or of the
 * repository has a say, and the token is on no command line and in no file. It goes to this one origin only.
 */
export function gitSettings({ directory, url, token, addresses }: GitTarget): Record<string, string> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const pinned = addresses.map((address) => (isIPv6(address) ? `[${address}]` : address)).join(',');
  const settings: readonly (readonly [string, string])[] = [
    ['protocol.allow', 'never'],
    ['protocol.https.allow', 'always'],
    ['http.followRedirects', 'false'],
    ['http.proxy', ''],
    ['http.sslVerify', 'true'],
    ['http.sslCAInfo', join(directory, 'certificates.pem')],
    ['http.lowSpeedLimit', '1000'],
    ['http.lowSpeedTime', '30'],
    ...(isIPv6(host) ? [] : ([['http.curloptResolve', `${host}:${url.port || '443'}:${pinned}`]] as const)),
    ...(token === undefined ? [] : ([[`http.${url.origin}/.extraHeader`, `Authorization: Basic ${basic(token)}`]] as const)),
    ['credential.helper', ''],
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.logAllRefUpdates', 'false'],
    ['submodule.recurse', 'false'],
    ['fetch.recurseSubmodules', 'false'],
    // Kept as it comes: one file, which the limit of a file's size bounds.
    ['fetch.unpackLimit', '1'],
    ['core.bigFileThreshold', '50m'],
    ['pack.threads', '1'],
    ['core.packedGitWindowSize', '32m'],
    ['core.packedGitLimit', '256m'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['init.defaultBranch', 'main'],
    ['safe.directory', '*'],
  ];
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: directory,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_ALLOW_PROTOCOL: 'https',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}

/** The form that code hosts take a token in. */
const basic = (token: string): string => Buffer.from(`x-access-token:${token}`).toString('base64');
