import { createAnthropicModel } from './anthropic.adapter.js';
import type { ModelPort } from './model.port.js';

/** The rehearsal server at `url` as a model: each script is one, by its name. It is sent no key. See docs/rehearsal.md. */
export function createRehearsalModel({ url, stallMs }: { readonly url: string; readonly stallMs: number }): ModelPort {
  return createAnthropicModel({ baseURL: url, stallMs, label: { name: 'The rehearsal model', keyVariable: 'RONDO_REHEARSAL_URL' } });
}
