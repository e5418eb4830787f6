import { afterAll, beforeAll, describe } from 'vitest';
import { describeBypasses } from './bypasses.js';
import { describeClients } from './clients.js';
import { type Engine, type Inside, startInside } from './inside.fixture.js';

/** The way out of real sandboxes: supervisor, socket, gateway and the other side, each as a process of its own. */
export function describeInside(engine: Engine): void {
  describe(`sandboxes of ${engine}`, () => {
    let inside: Inside | undefined;
    const get = (): Inside => {
      if (inside === undefined) throw new Error('the platform is not set up');
      return inside;
    };
    beforeAll(async () => {
      inside = await startInside(engine);
      inside.remote.git.make('open', 'echo "from the repository" > README.md; git add .; git commit -qm first');
    });
    afterAll(() => inside?.stop());

    describeClients(get);
    describeBypasses(get);
  });
}
