import { findSealedSecret } from '../../../infra/postgres/credentials.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import type { SecretBox } from '../../../infra/vault/secret-box.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { CredentialValidation } from './credential-validation.wire.js';
import { requireCredential } from './credentials.service.js';
import { type ProbeParts, type ProbeResult, probeMcpServer } from './probe-mcp-server.js';

const VERDICT = { accepted: 'valid', rejected: 'invalid', unclear: 'unknown' } as const;

/** Tries stored OAuth credentials on their servers. */
export class ValidationService {
  readonly #pool: Pool;
  readonly #secretBox: SecretBox;
  readonly #probe: ProbeParts;

  constructor(pool: Pool, secretBox: SecretBox, probe: ProbeParts) {
    this.#pool = pool;
    this.#secretBox = secretBox;
    this.#probe = probe;
  }

  /** Errors: `credential.not_found`, `request.invalid` for another type than `mcp_oauth`. What the server does is the answer. */
  async validate(workspaceId: string, vaultId: string, id: string): Promise<CredentialValidation> {
    const { credential, sealed } = await transaction(this.#pool, workspaceId, async (tx) => ({
      credential: await requireCredential(tx, vaultId, id),
      sealed: await findSealedSecret(tx, id),
    }));
    const { auth, hasRefreshToken } = credential;
    if (auth.type !== 'mcp_oauth') {
      throw new RondoError('request.invalid', `Credential ${id} is of type ${auth.type}; only mcp_oauth credentials can be validated.`);
    }
    const token = sealed && this.#secretBox.open(sealed, { workspaceId, purpose: 'credential.secret', id });
    const result = token && (await probeMcpServer(this.#probe, auth.mcp_server_url, token));
    return {
      type: 'vault_credential_validation',
      credential_id: id,
      vault_id: vaultId,
      status: result ? VERDICT[result.kind] : 'invalid',
      has_refresh_token: hasRefreshToken,
      mcp_probe: result && result.kind !== 'accepted' ? { method: result.method, http_response: result.response } : null,
      refresh: refreshOf(result, hasRefreshToken),
      validated_at: new Date().toISOString(),
    };
  }
}

/** No token is exchanged here: that there is none to exchange is all that can be said of a rejected credential. */
const refreshOf = (result: ProbeResult | undefined, hasRefreshToken: boolean): CredentialValidation['refresh'] =>
  result?.kind === 'rejected' && !hasRefreshToken ? { status: 'no_refresh_token', http_response: null } : null;
