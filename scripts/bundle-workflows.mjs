// Bundles the workflow code of a build into the one file that workers load.
// usage: bundle-workflows.mjs <build folder>
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const folder = resolve(process.argv[2] ?? 'dist');
const { code } = await bundleWorkflowCode({ workflowsPath: `${folder}/workflows/index.js`, logger: new DefaultLogger('WARN') });
writeFileSync(`${folder}/workflow-bundle.js`, code);
