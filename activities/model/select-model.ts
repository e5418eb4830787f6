import { RondoError } from '../../workflows/contract/errors.js';
import { type ProviderName, parseModelId } from '../../workflows/contract/model-id.js';
import type { ModelPort } from './model.port.js';

/** The providers of one installation; a missing one is not configured. */
export type ModelProviders = { readonly [Name in ProviderName]?: ModelPort | undefined };

/** A port, and the id to ask it for. */
export interface SelectedModel {
  readonly port: ModelPort;
  readonly model: string;
}

const HOW_TO_CONFIGURE: Readonly<Record<ProviderName, string>> = {
  anthropic: 'set ANTHROPIC_API_KEY',
  openai: 'set OPENAI_API_KEY, or OPENAI_BASE_URL for a compatible server',
  rehearsal: 'set RONDO_REHEARSAL_URL',
};

/** Finds the port for a model id. Throws `model.unknown` for a malformed id, and for a provider that is not configured, naming the variable to set. */
export function createModels(providers: ModelProviders): (modelId: string) => SelectedModel {
  return (modelId) => {
    const { provider, model } = parseModelId(modelId);
    const port = providers[provider];
    if (port !== undefined) return { port, model };
    throw new RondoError('model.unknown', `The model ${modelId} needs the provider ${provider}, which is not configured; ${HOW_TO_CONFIGURE[provider]}.`);
  };
}
