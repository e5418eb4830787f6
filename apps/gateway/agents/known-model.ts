import type { Config } from '../../../infra/config/config.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { type ProviderName, parseModelId } from '../../../workflows/contract/model-id.js';

/** Throws `model.unknown` for a model that this installation cannot ask. */
export type CheckModel = (id: string) => void;

/** Refuses at the door what would fail at the first step: unknown ids, and providers that are not configured. */
export function createModelCheck(models: Config['models']): CheckModel {
  const variables: Readonly<Record<ProviderName, { readonly configured: boolean; readonly set: string }>> = {
    anthropic: { configured: models.anthropicApiKey !== undefined, set: 'ANTHROPIC_API_KEY' },
    openai: {
      configured: models.openaiApiKey !== undefined || models.openaiBaseUrl !== undefined,
      set: 'OPENAI_API_KEY, or OPENAI_BASE_URL for a compatible server',
    },
    rehearsal: { configured: models.rehearsalUrl !== undefined, set: 'RONDO_REHEARSAL_URL' },
  };
  return (id) => {
    const { configured, set } = variables[parseModelId(id).provider];
    if (!configured) throw new RondoError('model.unknown', `model: the provider of ${id} is not configured on this server; set ${set}.`);
  };
}
