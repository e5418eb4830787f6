import { z } from 'zod';
import type { ServerTraffic } from '../egress/traffic.port.js';
import type { ModelTool } from '../model/model.port.js';
import type { RemoteTool } from '../tools/run-remote.js';
import { type WebAnswer, type WebFetch, WebFetchInput } from './web-fetch.js';
import { type WebSearch, WebSearchInput } from './web-search.js';
import { settingsOf } from './web-settings.js';

const schemaOf = (input: z.ZodType): ModelTool['input_schema'] => {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input' });
  return schema;
};

/** The two tools of the toolset that Rondo runs itself, as the model is told about them. */
export const WEB_TOOLS = [
  {
    name: 'web_fetch',
    description:
      'Reads a page or file from the web: HTML as text with its links, text and JSON as they are, images and PDFs to look at. It sends no cookies and runs no scripts.',
    input_schema: schemaOf(WebFetchInput),
  },
  {
    name: 'web_search',
    description: 'Searches the web. Answers with addresses, titles and excerpts; read a page with web_fetch.',
    input_schema: schemaOf(WebSearchInput),
  },
] as const satisfies readonly ModelTool[];

const NO_SEARCH = 'web_search is not set up here: the operator has to name a search endpoint (RONDO_SEARCH_URL). Nothing was searched.';

/** Calls of kind `server`. */
export const createWebTools =
  (tools: { readonly webFetch: WebFetch; readonly webSearch: WebSearch | undefined; readonly traffic: ServerTraffic }): RemoteTool =>
  async ({ call, input, session, events }, signal) => {
    const traffic = tools.traffic.of({ sessionId: session.id, workspaceId: session.workspaceId }, [call.id]);
    try {
      if (call.name === 'web_fetch') {
        const answer = await tools.webFetch(input, { settings: settingsOf(session.agent, 'web_fetch'), events, traffic }, signal);
        return done(answer, { webFetches: answer.requests });
      }
      if (!tools.webSearch) return done({ content: [{ type: 'text', text: NO_SEARCH }], isError: true, requests: 0 }, {});
      const answer = await tools.webSearch(input, { settings: settingsOf(session.agent, 'web_search'), traffic }, signal);
      return done(answer, { webSearches: answer.requests });
    } finally {
      traffic.end();
    }
  };

const done = ({ content, isError }: WebAnswer, counts: { webFetches?: number; webSearches?: number }) => ({
  kind: 'done' as const,
  outcome: { status: 'completed' as const, content, is_error: isError },
  counts,
});
