import type { SessionAgent } from '../../workflows/contract/records.js';
import type { ResolvedToolConfig } from '../../workflows/contract/schema/agent.js';

/** What an agent says of one tool of the web; undefined where it follows the defaults. */
export function settingsOf<Name extends 'web_fetch' | 'web_search'>(agent: SessionAgent, name: Name): Extract<ResolvedToolConfig, { name: Name }> | undefined {
  for (const tool of agent.tools) {
    if (tool.type !== 'agent_toolset_20260401') continue;
    const config = tool.configs.find((one): one is Extract<ResolvedToolConfig, { name: Name }> => one.name === name);
    if (config) return config;
  }
  return undefined;
}

/** Whether an agent's `web_fetch` depends on which addresses the conversation has named. */
export const limitsSources = (agent: SessionAgent): boolean => Boolean(settingsOf(agent, 'web_fetch')?.url_sources);
