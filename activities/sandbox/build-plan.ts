import type { PackageLists } from '../../workflows/contract/schema/packages.js';

/** One program, by its words: no name of a package passes through a shell. */
export interface BuildStep {
  /** As it is called when it fails. */
  readonly name: string;
  readonly words: readonly string[];
}

export interface BuildPlan {
  /**
   * With a network, and only programs of the distribution: nothing of what is fetched is run, nor put where a later step would
   * find it instead of the program that it calls.
   */
  readonly fetch: readonly BuildStep[];
  /** Without a network: here the packages' own programs may run. */
  readonly install: readonly BuildStep[];
}

const WHEELS = '/opt/rondo/wheels';
const CRATES = '/opt/rondo/crates';
const GEMS = '/opt/rondo/gems';
const PROGRAMS = '/opt/rondo/programs';
const BINARIES = '/usr/local/bin';

/** Without questions, and without waiting for the disk after every file: a build that ends half-way is thrown away. */
const APT_OPTIONS = ['--yes', '--no-install-recommends', '-o', 'DPkg::Options::=--force-unsafe-io'];

/** $1 a program, $2 the distribution's packages that have it, for an image that has it not. */
const PROVIDE = `command -v "$1" > /dev/null || { apt-get update && exec apt-get satisfy ${APT_OPTIONS.join(' ')} "$2"; }`;

/**
 * A gem's dependencies are not fetched without being installed by the command, so the library behind it is asked: it resolves
 * them, and writes down in which order they depend on each other.
 */
const FETCH_GEMS = `
require 'rubygems/dependency_installer'
require 'rubygems/spec_fetcher'
require 'rubygems/remote_fetcher'
directory = ARGV.shift
wanted = ARGV.map { |text| name, version = text.split(':', 2); Gem::Dependency.new(name, version || '>= 0') }
set = Gem::RequestSet.new(*wanted)
begin
  set.resolve
rescue StandardError => error
  abort "#{error.class}: #{error.message}"
end
files = set.sorted_requests.map { |request| request.download(directory); File.join(directory, 'cache', request.full_name + '.gem') }
File.write(File.join(directory, 'order'), files.join("\\n"))
`;
const INSTALL_GEMS = `
exec('gem', 'install', '--local', '--ignore-dependencies', '--no-document', '--bindir', '${BINARIES}', *File.readlines(ARGV[0], chomp: true))
`;

const step = (name: string, ...words: string[]): BuildStep => ({ name, words });
const provide = (program: string, packages: string): BuildStep => step(`apt-get satisfy ${program}`, '/bin/sh', '-c', PROVIDE, 'provide', program, packages);

interface ManagerPlan {
  readonly fetch: (names: readonly string[]) => readonly BuildStep[];
  readonly install: (names: readonly string[]) => readonly BuildStep[];
}

const MANAGERS: Readonly<Record<'apt' | 'pip' | 'npm' | 'go' | 'cargo' | 'gem', ManagerPlan>> = {
  apt: {
    fetch: (names) => [step('apt-get update', 'apt-get', 'update'), step('apt-get install', 'apt-get', 'install', ...APT_OPTIONS, '--', ...names)],
    install: () => [],
  },
  pip: {
    // Wheels only: a source package runs its own program as soon as it is looked at.
    fetch: (names) => [step('pip download', 'pip', 'download', '--no-cache-dir', '--only-binary', ':all:', '--dest', WHEELS, '--', ...names)],
    install: (names) => [
      step('pip install', 'pip', 'install', '--no-index', '--no-cache-dir', '--root-user-action', 'ignore', '--find-links', WHEELS, '--', ...names),
    ],
  },
  npm: {
    fetch: (names) => [
      provide('npm', 'npm'),
      step('npm install', 'npm', 'install', '--global', '--ignore-scripts', '--no-bin-links', '--no-audit', '--no-fund', '--', ...names),
    ],
    // Makes the links to programs, too.
    install: () => [step('npm rebuild', 'npm', 'rebuild', '--global')],
  },
  go: {
    // Without cgo building runs nothing of a module, and a module does not get to choose the toolchain.
    fetch: (names) => [
      provide('go', 'golang-go'),
      ...names.map((name) =>
        step('go install', 'env', `GOBIN=${PROGRAMS}`, 'CGO_ENABLED=0', 'GOTOOLCHAIN=local', 'go', 'install', name.includes('@') ? name : `${name}@latest`),
      ),
    ],
    install: () => [step('mv', 'find', PROGRAMS, '-type', 'f', '-exec', 'mv', '-t', BINARIES, '--', '{}', '+')],
  },
  cargo: {
    fetch: (names) => [provide('cargo', 'cargo-web | cargo, gcc, libc6-dev'), ...names.flatMap(fetchCrate)],
    install: (names) => names.map(installCrate),
  },
  gem: {
    fetch: (names) => [
      provide('gem', 'ruby, ruby-dev, gcc, g++, make, libc6-dev'),
      step('mkdir', 'mkdir', '-p', GEMS),
      step('gem fetch', 'ruby', '-e', FETCH_GEMS, GEMS, ...names),
    ],
    install: () => [step('gem install', 'ruby', '-e', INSTALL_GEMS, `${GEMS}/order`)],
  },
};

/** A project that depends on the crate brings its source, and that brings what it is built with, as its own lock file says. */
function fetchCrate(wanted: string): BuildStep[] {
  const { folder, name, version } = crate(wanted);
  const manifest = ['--manifest-path', `${folder}/Cargo.toml`];
  return [
    step('cargo init', 'cargo', 'init', '--quiet', '--lib', '--vcs', 'none', '--name', 'fetched', folder),
    step('cargo add', 'cargo', 'add', '--quiet', ...manifest, version === undefined ? name : `${name}@=${version}`),
    step('cargo vendor', 'cargo', 'vendor', '--quiet', ...manifest, `${folder}/source`),
    step('cargo vendor', 'cargo', 'vendor', '--quiet', '--manifest-path', `${folder}/source/${name}/Cargo.toml`, `${folder}/dependencies`),
  ];
}

function installCrate(wanted: string): BuildStep {
  const { folder, name } = crate(wanted);
  const sources = ['source.crates-io.replace-with="fetched"', `source.fetched.directory="${folder}/dependencies"`];
  return step(
    'cargo install',
    ...['cargo', 'install', '--quiet', '--offline', '--locked', '--root', '/usr/local', '--path', `${folder}/source/${name}`],
    ...sources.flatMap((source) => ['--config', source]),
  );
}

function crate(wanted: string) {
  const [name = '', version] = wanted.split('@');
  return { name, version, folder: `${CRATES}/${name}` };
}

const LEFT_OVER = [
  ...[WHEELS, CRATES, GEMS, PROGRAMS, '/var/cache/apt', '/var/lib/apt/lists'],
  ...['.cache', '.npm', '.cargo', '.gem', '.local', '.config', 'go'].map((name) => `/root/${name}`),
];

/** Takes from every program of a root file system what would give a right to whoever starts it. */
export const dropSetuid = (root: string): BuildStep => step('find', 'find', root, '-xdev', '-type', 'f', '-perm', '/6000', '-exec', 'chmod', 'a-s', '{}', '+');

/** What must be done to have the packages: fetched first, then installed where nothing can be reached. */
export function planBuild(packages: PackageLists): BuildPlan {
  const wanted = (['apt', 'pip', 'npm', 'go', 'cargo', 'gem'] as const).flatMap((manager) => {
    const names = packages[manager] ?? [];
    return names.length > 0 ? [{ plan: MANAGERS[manager], names }] : [];
  });
  return {
    fetch: wanted.flatMap(({ plan, names }) => plan.fetch(names)),
    install: [...wanted.flatMap(({ plan, names }) => plan.install(names)), step('rm', 'rm', '-rf', ...LEFT_OVER)],
  };
}
