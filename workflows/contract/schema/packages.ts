import { z } from 'zod';

const MOST = 100;

/** Names begin with a letter or digit, so none is taken for a flag or a path; no character means anything to a shell. */
const names = (what: string, pattern: RegExp, example: string) =>
  z
    .array(z.string().max(256).regex(pattern, `must be the name of a package, optionally with its version, such as ${example}`))
    .max(MOST)
    .nullish()
    .describe(`${what}, such as ${example}.`);

/** Packages to install, per package manager, in the manager's own notation of versions (wire section 2). Absent or null keeps what is stored. */
export const PackageLists = z.strictObject({
  type: z.literal('packages').optional(),
  apt: names('Packages of the distribution', /^[a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?(=[A-Za-z0-9][A-Za-z0-9.+:~-]*)?$/, 'ffmpeg or jq=1.7.1-3build1'),
  cargo: names('Rust programs', /^[A-Za-z0-9][A-Za-z0-9_-]*(@[0-9][A-Za-z0-9.+-]*)?$/, 'ripgrep or ripgrep@14.1.0'),
  gem: names('Ruby gems', /^[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9][A-Za-z0-9.-]*)?$/, 'rake or rake:13.2.1'),
  go: names(
    'Go programs',
    /^[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)+(\/[A-Za-z0-9_][A-Za-z0-9._~-]*)+(@[A-Za-z0-9][A-Za-z0-9.+-]*)?$/,
    'golang.org/x/tools/cmd/goimports@latest',
  ),
  npm: names(
    'npm packages, installed globally',
    /^(@[a-z0-9][a-z0-9._~-]*\/)?[A-Za-z0-9][A-Za-z0-9._~-]*(@[A-Za-z0-9^~][A-Za-z0-9.+-]*)?$/,
    'typescript or @types/node@24.1.0',
  ),
  pip: names(
    'Python packages that have wheels',
    /^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*\])?((==|~=)[A-Za-z0-9][A-Za-z0-9.+_-]*)?$/,
    'numpy or requests[socks]==2.32.3',
  ),
});

export const PACKAGE_MANAGERS = ['apt', 'cargo', 'gem', 'go', 'npm', 'pip'] as const;

export type PackageLists = z.output<typeof PackageLists>;
