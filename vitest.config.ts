import { defineConfig } from 'vitest/config';

/** Time limits only bound a failure: a busy machine takes its time. */
const shared = { testTimeout: 180_000, hookTimeout: 240_000, expect: { poll: { timeout: 30_000 } } };

/** Rules beside the code and checks of the tree run side by side; whatever needs services runs one file after another. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['{apps,workflows,activities,infra}/**/*.test.ts', 'test/{architecture,setup}/**/*.test.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'services',
          include: ['test/{postgres,gateway,contract,workflow,replay,survival,canary,examples,conformance,egress,python,fuzz,properties}/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          pool: 'forks',
          fileParallelism: false,
        },
      },
    ],
  },
});
