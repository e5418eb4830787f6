// Bundles the program that runs inside every sandbox into the one file that is mounted there.
// usage: bundle-supervisor.mjs [output file]
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

await build({
  absWorkingDir: root,
  entryPoints: ['apps/supervisor/main.ts'],
  outfile: process.argv[2] ?? 'dist/supervisor.mjs',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minify: true,
  legalComments: 'none',
  // CommonJS packages ask for Node's own modules this way.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
  plugins: [{ name: 'without-translations', setup: leaveOutTranslations }],
});

/** zod's messages in fifty languages are half of the bundle and never shown; the English ones are imported apart. */
function leaveOutTranslations(bundler) {
  bundler.onLoad({ filter: /node_modules\/zod\/v4\/locales\/index\.js$/ }, () => ({ contents: 'export {};' }));
}
