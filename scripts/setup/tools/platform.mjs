/** This machine's name for its processor, in the spelling of Go and Debian (`amd64`) and in the kernel's (`x86_64`). */
const NAMES = /** @type {Record<string, { go: string, kernel: string }>} */ ({
  x64: { go: 'amd64', kernel: 'x86_64' },
  arm64: { go: 'arm64', kernel: 'aarch64' },
});

export function architecture() {
  const names = NAMES[process.arch];
  if (!names) throw new Error(`No ready-made tools exist for the processor ${process.arch}; x64 and arm64 are known.`);
  return names;
}

/** Compares dotted numbers: is `version` at least `least`? @param {string} version @param {string} least */
export function atLeast(version, least) {
  const have = version.split('.').map(Number);
  const want = least.split('.').map(Number);
  for (let index = 0; index < want.length; index++) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
