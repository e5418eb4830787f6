import type Anthropic from '@anthropic-ai/sdk';
import type { Checks, Entries } from '../entry.js';
import { type MethodPath, methodAt, methodsOfFamily } from '../methods.js';

/** Families of which nothing is built: whatever their methods are, each is called and must say so. */
const FAMILIES_NOT_BUILT = ['memoryStores', 'deployments', 'deploymentRuns', 'dreams', 'userProfiles', 'tunnels'] as const;

/** Words for a method nobody typed them for: every field of the parameters is an id. */
const ANY_ID = 'x_01JD0000000000000000000000';
const anyParams = (): object => new Proxy({}, { get: (_, field) => (typeof field === 'string' && field.endsWith('_id') ? ANY_ID : undefined) });

/** Calls a method as it can be called without knowing it: ids first, then parameters. */
export async function callAnyhow(client: Anthropic, path: MethodPath): Promise<unknown> {
  return await methodAt(client, path)(ANY_ID, anyParams());
}

const callable = (path: MethodPath): Checks => ({ 'can be called': async ({ client }) => void (await callAnyhow(client, path)) });

/** Entries for everything of the families that are not built. */
export const notBuilt = (client: Anthropic): Entries =>
  Object.fromEntries(FAMILIES_NOT_BUILT.flatMap((family) => methodsOfFamily(client, family).map((path) => [path, callable(path)])));
