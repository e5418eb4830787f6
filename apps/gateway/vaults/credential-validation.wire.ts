import { z } from 'zod';

const HttpResponse = z.strictObject({ status_code: z.int(), content_type: z.string(), body: z.string(), body_truncated: z.boolean() });

/** What a probe of an OAuth credential found (wire section 4). */
export const CredentialValidationWire = z
  .strictObject({
    type: z.literal('vault_credential_validation'),
    credential_id: z.string(),
    vault_id: z.string(),
    status: z.enum(['valid', 'invalid', 'unknown']),
    has_refresh_token: z.boolean(),
    mcp_probe: z.strictObject({ method: z.string(), http_response: HttpResponse.nullable() }).nullable(),
    refresh: z
      .strictObject({ status: z.enum(['succeeded', 'failed', 'connect_error', 'no_refresh_token']), http_response: HttpResponse.nullable() })
      .nullable(),
    validated_at: z.iso.datetime(),
  })
  .meta({ id: 'VaultCredentialValidation' });

export type CredentialValidation = z.infer<typeof CredentialValidationWire>;
