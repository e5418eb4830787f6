import { RondoError } from '../../../workflows/contract/errors.js';
import type { SessionRecord } from '../../../workflows/contract/records.js';
import type { NetworkingInput } from '../../../workflows/contract/schema/environment.js';
import { resolveNetworking } from '../environments/change-config.js';

/**
 * The policy that a session has instead of its environment's, given as a whole; null where that one holds. It may also be
 * wider: only keys of the workspace come here, and they may change the environment as well. Pure. Errors: `request.invalid`.
 */
export function ownNetworking(environmentType: SessionRecord['environmentType'], given: NetworkingInput | null | undefined): SessionRecord['networking'] {
  if (!given) return null;
  if (environmentType === 'cloud') return resolveNetworking(given);
  throw new RondoError('request.invalid', 'networking: cannot be given for a session in a self_hosted environment, whose network is that of its workers.');
}
