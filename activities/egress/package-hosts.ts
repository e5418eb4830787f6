/** Where package managers load from: `allow_package_managers` allows these hosts. */
export const PACKAGE_HOSTS: readonly string[] = [
  // apt
  'archive.ubuntu.com',
  'security.ubuntu.com',
  'ports.ubuntu.com',
  'deb.debian.org',
  'security.debian.org',
  // pip
  'pypi.org',
  'files.pythonhosted.org',
  // npm
  'registry.npmjs.org',
  'registry.yarnpkg.com',
  // cargo
  'index.crates.io',
  'static.crates.io',
  'crates.io',
  // gem
  'rubygems.org',
  'index.rubygems.org',
  // go
  'proxy.golang.org',
  'sum.golang.org',
];
