import type Anthropic from '@anthropic-ai/sdk';
import type { Checks, Entries } from '../entry.js';
import { ADMINISTRATION } from '../families.js';
import { type MethodPath, methodAt, methodsOfFamily } from '../methods.js';

/** Families of which nothing is built: whatever their methods are, each is called and must say so. */
const FAMILIES_NOT_BUILT = ['memoryStores', 'deployments', 'deploymentRuns', 'dreams', 'userProfiles', 'tunnels'] as const;

/** Words for a method nobody typed them for: every id there is, and nothing else. */
const ANY_ID = 'x_01JD0000000000000000000000';

/** `workspace_id` stands in the paths of what administers workspaces; elsewhere it becomes a header that names the caller's own. */
const anyParams = (path: MethodPath): object =>
  new Proxy(
    {},
    {
      get: (_, field) => {
        const isId = typeof field === 'string' && field.endsWith('_id');
        return isId && (field !== 'workspace_id' || path.startsWith(ADMINISTRATION)) ? ANY_ID : undefined;
      },
    },
  );

/** Calls a method as it can be called without knowing it: ids first, then parameters. */
export async function callAnyhow(client: Anthropic, path: MethodPath): Promise<unknown> {
  return await methodAt(client, path)(ANY_ID, anyParams(path));
}

const callable = (path: MethodPath): Checks => ({ 'can be called': async ({ client }) => void (await callAnyhow(client, path)) });

/** Entries for everything of the families that are not built. */
export const notBuilt = (client: Anthropic): Entries =>
  Object.fromEntries(FAMILIES_NOT_BUILT.flatMap((family) => methodsOfFamily(client, family).map((path) => [path, callable(path)])));
