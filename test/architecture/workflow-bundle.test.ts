import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { root } from './source-tree.js';

/** Temporal's own part is most of it; ours is small. A jump means that something large came in by an import. */
const BUDGET_BYTES = 2_000_000;

/** Texts that are in the code of things that have no place in a workflow, and survive bundling. */
const MARKERS = {
  zod: 'ZodType',
  'Postgres client': 'application_name',
  'model vendors': 'api.anthropic.com',
  'OpenAI client': 'api.openai.com',
  Docker: 'dockerode',
  Nest: '@nestjs',
};

const bundle = (workflowsPath: string): Promise<{ code: string }> =>
  bundleWorkflowCode({ workflowsPath: join(root, workflowsPath), logger: new DefaultLogger('ERROR') });

let code: string;
beforeAll(async () => {
  ({ code } = await bundle('workflows/index.ts'));
});

test('the workflow code bundles and is whole', () => {
  expect(code).toContain('sessionWorkflow');
  expect(code).toContain('continueAsNew');
});

test.each(Object.entries(MARKERS))('the bundle holds no %s', (_name, marker) => {
  expect(code).not.toContain(marker);
});

test('the bundle stays within its budget', () => {
  expect(code.length).toBeGreaterThan(100_000);
  expect(code.length).toBeLessThan(BUDGET_BYTES);
});

test('a workflow that validates with zod would be noticed', async () => {
  expect((await bundle('workflows/contract/schema/limits.ts')).code).toContain(MARKERS.zod);
});
