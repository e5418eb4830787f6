import { defineConfig } from 'vitest/config';

/** The recording of kept histories, which is no test: `npm test` never comes here. */
export default defineConfig({
  test: { include: ['test/replay/record.ts'], globalSetup: ['test/support/global-setup.ts'], pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000 },
});
