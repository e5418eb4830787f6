import { defineConfig } from 'vitest/config';

const shared = { testTimeout: 60_000, hookTimeout: 120_000 };

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
