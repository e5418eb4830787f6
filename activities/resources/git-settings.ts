export interface GitTarget {
  readonly directory: string;
  /** Scheme, host and port of the repository. */
  readonly origin: string;
  /** What is asked instead, and the header that it wants. */
  readonly base: string;
  readonly key: string;
}

/**
 * The whole environment of git. Every setting is here and nowhere else: no file of the system, of a user or of the
 * repository has a say. It reaches nothing but the forwarder, whose key is on no command line.
 */
export function gitSettings({ directory, origin, base, key }: GitTarget): Record<string, string> {
  const settings: readonly (readonly [string, string])[] = [
    ['protocol.allow', 'never'],
    ['protocol.http.allow', 'always'],
    [`url.${base}/.insteadOf`, `${origin}/`],
    [`http.${base}/.extraHeader`, key],
    ['http.followRedirects', 'false'],
    ['http.proxy', ''],
    ['http.lowSpeedLimit', '1000'],
    ['http.lowSpeedTime', '30'],
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
    GIT_ALLOW_PROTOCOL: 'http',
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
