import { RondoError } from './errors.js';

export type ProviderName = 'anthropic' | 'openai' | 'rehearsal';

/** A model id taken apart: who serves it, and the id as that provider knows it. */
export interface ModelId {
  readonly provider: ProviderName;
  readonly model: string;
}

const ACCEPTED_FORMS = 'claude-…, anthropic/<id>, openai/<id> or rehearsal/<script>';

/**
 * Takes a model id as callers write it apart. Only the first slash counts, so `openai/meta/llama-4` is the model
 * `meta/llama-4`. Throws `RondoError('model.unknown')` listing the accepted forms.
 */
export function parseModelId(id: string): ModelId {
  const slash = id.indexOf('/');
  if (slash < 0 && /^claude-\S+$/.test(id)) return { provider: 'anthropic', model: id };
  const prefix = id.slice(0, Math.max(slash, 0));
  const model = id.slice(slash + 1);
  if (isProvider(prefix) && /^\S+$/.test(model)) return { provider: prefix, model };
  throw new RondoError('model.unknown', `The model ${JSON.stringify(id.slice(0, 200))} is not known; accepted are ${ACCEPTED_FORMS}.`);
}

const isProvider = (prefix: string): prefix is ProviderName => prefix === 'anthropic' || prefix === 'openai' || prefix === 'rehearsal';
