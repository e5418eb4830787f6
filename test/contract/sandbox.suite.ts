import { afterAll, beforeAll, describe } from 'vitest';
import { aSandboxEngine, type EngineName, type TestEngine } from '../support/sandbox-engines.js';
import { describeBackground } from './sandbox.background.js';
import { describeBinding } from './sandbox.binding.js';
import { describeBypass } from './sandbox.bypass.js';
import { describeCalls } from './sandbox.calls.js';
import { describeCheckpoints } from './sandbox.checkpoints.js';
import { describeFailures } from './sandbox.failures.js';
import { describeFileTricks } from './sandbox.file-tricks.js';
import { describeFiles } from './sandbox.files.js';
import { describeIsolation } from './sandbox.isolation.js';
import { describeLifecycle } from './sandbox.lifecycle.js';
import { describeLimits } from './sandbox.limits.js';
import { describeNeighbours } from './sandbox.neighbours.js';
import { describeOutput } from './sandbox.output.js';
import { describePromises } from './sandbox.promises.js';
import { describeTools } from './sandbox.tools.js';

/** What every sandbox provider must hold to. */
export function describeSandboxProvider(name: EngineName): void {
  describe(`sandboxes of ${name}`, () => {
    let engine: TestEngine | undefined;
    const get = (): TestEngine => {
      if (engine === undefined) throw new Error('the engine is not set up');
      return engine;
    };
    beforeAll(() => {
      engine = aSandboxEngine(name);
    });
    afterAll(() => engine?.dispose());

    describeLifecycle(get);
    describeTools(get);
    describeCalls(get);
    describeBackground(get);
    describeOutput(get);
    describeFiles(get);
    describeBinding(get);
    describeFailures(get);
    describeIsolation(get);
    describePromises(get);
    describeLimits(get);
    describeBypass(get);
    describeFileTricks(get);
    describeNeighbours(get);
    describeCheckpoints(get);
  });
}
