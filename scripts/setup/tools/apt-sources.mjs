import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, onPath } from '../command.mjs';

/** @typedef {{ mirror: string, suite: string, components: string[], keyring: string | undefined }} AptSource */

/**
 * The mirror this machine installs its own release from, as its administrator configured it.
 * @param {string} [folder]
 * @param {string} [suite] the release's code name
 * @returns {AptSource | undefined}
 */
export function systemSource(folder = '/etc/apt', suite = systemSuite()) {
  if (!suite) return undefined;
  const parts = join(folder, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [];
  const sources = [join(folder, 'sources.list'), ...names].flatMap(sourcesOf);
  return sources.find((source) => source.suite === suite && source.components.includes('main'));
}

const systemSuite = () => /^VERSION_CODENAME=(\w+)/m.exec(readIfThere('/etc/os-release'))?.[1] ?? '';

/** @param {string} file */
function sourcesOf(file) {
  const text = readIfThere(file).replace(/^\s*#.*\n?/gm, '');
  return file.endsWith('.sources') ? text.split(/\n\s*\n/).flatMap(stanza) : text.split('\n').flatMap(line);
}

/** One paragraph of the deb822 form. @param {string} text @returns {AptSource[]} */
function stanza(text) {
  const field = (/** @type {string} */ name) => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(text)?.[1]?.trim() ?? '';
  const words = (/** @type {string} */ name) => field(name).split(/\s+/).filter(Boolean);
  if (!words('Types').includes('deb') || field('Enabled').toLowerCase() === 'no') return [];
  const keyring = field('Signed-By');
  return words('URIs').flatMap((mirror) =>
    words('Suites').map((suite) => ({
      mirror,
      suite,
      components: words('Components'),
      keyring: keyring.startsWith('/') ? keyring : undefined,
    })),
  );
}

/** One line of the old form: `deb [options] mirror suite components…`. @param {string} text @returns {AptSource[]} */
function line(text) {
  const parts = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(text.trim());
  if (!parts) return [];
  const [, options = '', mirror = '', suite = '', components = ''] = parts;
  const keyring = /signed-by=(\/\S+)/i.exec(options)?.[1];
  return [{ mirror, suite, components: components.trim().split(/\s+/), keyring }];
}

/**
 * apt's proxy and certificate settings, in the form that debootstrap's wget understands.
 * @returns {{ variables: Record<string, string>, wgetrc: string }}
 */
export function downloadSettings() {
  const aptConfig = onPath('apt-config');
  const values = (/** @type {string} */ key) => (aptConfig ? /='(.*)'/.exec(ask(aptConfig, ['shell', 'VALUE', key]) ?? '')?.[1] : undefined);
  /** @type {Record<string, string>} */
  const variables = {};
  for (const scheme of ['http', 'https']) {
    const proxy = values(`Acquire::${scheme}::Proxy`);
    if (proxy && proxy !== 'DIRECT') variables[`${scheme}_proxy`] = proxy;
  }
  const authority = values('Acquire::https::CAInfo') ?? process.env.SSL_CERT_FILE;
  return { variables, wgetrc: authority ? `ca_certificate = ${authority}\n` : '' };
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
