import { z } from 'zod';
import type { Config } from '../../infra/config/config.js';

const ANTHROPIC_MODEL = 'claude-sonnet-5-5';
const OPENAI_MODEL = 'openai/gpt-5.5';
const REHEARSAL_MODEL = 'rehearsal/demo';
const LIST_MS = 5_000;

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })).min(1) });

/**
 * The model of the demo: the one that was chosen, else a current one of a provider that has a key, else the first that a
 * self-hosted server offers, else the rehearsal.
 */
export async function demoModel({ models }: Config): Promise<string> {
  if (models.defaultModel) return models.defaultModel;
  if (models.anthropicApiKey) return ANTHROPIC_MODEL;
  if (models.openaiBaseUrl) return `openai/${await firstModel(models.openaiBaseUrl, models.openaiApiKey?.reveal())}`;
  return models.openaiApiKey ? OPENAI_MODEL : REHEARSAL_MODEL;
}

async function firstModel(baseUrl: string, key: string | undefined): Promise<string> {
  try {
    const response = await fetch(`${baseUrl}/models`, {
      headers: key ? { authorization: `Bearer ${key}` } : {},
      signal: AbortSignal.timeout(LIST_MS),
    });
    const [first] = ModelList.parse(await response.json()).data;
    if (first) return first.id;
  } catch (error) {
    throw new Error(`${baseUrl}/models does not name a model: start that server or correct OPENAI_BASE_URL, or set RONDO_DEFAULT_MODEL to openai/<model>.`, {
      cause: error,
    });
  }
  throw new Error(`${baseUrl}/models is empty: set RONDO_DEFAULT_MODEL to openai/<model>.`);
}
