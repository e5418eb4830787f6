/** The families of `client.beta` that make up the Managed Agents wire, in the order of the report. */
export const FAMILIES = [
  'agents',
  'environments',
  'sessions',
  'vaults',
  'files',
  'skills',
  'memoryStores',
  'deployments',
  'deploymentRuns',
  'webhooks',
  'dreams',
  'userProfiles',
  'tunnels',
] as const;

/** Administration of an account of the hosted product. Every method is called too, and reported in one line. */
export const ADMINISTRATION = 'organization';

/** The model API: what Rondo calls, not what it offers. */
export const MODEL_API: readonly string[] = ['messages', 'models'];
