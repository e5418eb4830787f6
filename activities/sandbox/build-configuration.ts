import * as fs from 'node:fs/promises';

/** How package managers reach their registries from this host. Seen only while packages are fetched, and never kept. */
export interface BuildConfiguration {
  /** Files of this host, shown to the package managers at the same place: their settings and certificates. */
  readonly files: readonly string[];
  /** Variables for the package managers: proxies, `GOPROXY` and the like. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Of a failed build's last words, what is told. */
const TOLD_CHARACTERS = 2_000;
/** A file larger than this holds certificates, not settings. */
const SETTINGS_BYTES = 64 * 1024;

export interface ShownFile {
  /** Its real place on this host. */
  readonly source: string;
  readonly target: string;
}

/** Those of the files that are there. */
export async function filesToShow({ files }: BuildConfiguration): Promise<ShownFile[]> {
  const found = await Promise.all(files.map(async (target) => ({ target, source: await fs.realpath(target).catch(() => undefined) })));
  return found.flatMap(({ source, target }) => (source === undefined ? [] : [{ source, target }]));
}

/** The end of what a package manager said, without the secrets of the configuration, which it may repeat. */
export async function lastWords(said: string, configuration: BuildConfiguration): Promise<string> {
  const settings = await Promise.all(
    (await filesToShow(configuration)).map(async ({ source }) =>
      (await fs.stat(source)).size > SETTINGS_BYTES ? '' : await fs.readFile(source, 'utf8').catch(() => ''),
    ),
  );
  const variables = Object.entries(configuration.environment).map(([name, value]) => `${name}=${value}`);
  const secrets = [...settings, ...variables].flatMap(secretsIn).toSorted((a, b) => b.length - a.length);
  const masked = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), said);
  return masked
    .replaceAll(/:\/\/[^\s/@]+@/g, '://***@')
    .replaceAll('\r', '')
    .trim()
    .slice(-TOLD_CHARACTERS);
}

const IN_ADDRESS = /:\/\/(?:[^\s/:@]*:)?([^\s/@]+)@/g;
const IN_SETTING = /(?:token|password|passwd|secret|credential|_auth)[^\s=:]*\s*[=:]\s*["']?([^\s"']{6,})/gi;

const secretsIn = (text: string): string[] =>
  [IN_ADDRESS, IN_SETTING].flatMap((pattern) => [...text.matchAll(pattern)].flatMap(([, secret]) => (secret === undefined ? [] : [secret])));
