// Some registries lack platform packages that are optional here; `npm install` then leaves them out of the lockfile
// and `npm ci` refuses it. This adds each missing optional dependency as an entry without integrity. Idempotent.
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
const packages = lock.packages;

/** The lockfile key under which npm would resolve `name` when required from `from`. */
function resolvedKey(from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const key = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[key]) return key;
    if (at === '' || !at.includes('node_modules')) return packages[`node_modules/${name}`] ? `node_modules/${name}` : undefined;
  }
}

let added = 0;
for (const [from, entry] of Object.entries({ ...packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (resolvedKey(from, name)) continue;
    packages[`node_modules/${name}`] = { version: version.replace(/^[\^~]/, ''), optional: true, ...(entry.dev ? { dev: true } : {}) };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: added ${added} optional platform entries`);
