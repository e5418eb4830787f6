import type { SessionAgent, ToolCallRecord } from '../../workflows/contract/records.js';
import type { PermissionPolicy, ResolvedToolset } from '../../workflows/contract/schema/agent.js';
import type { ModelTool } from '../model/model.port.js';
import { SANDBOX_TOOLS } from '../sandbox/toolset.js';

const sandboxTools = new Map(SANDBOX_TOOLS.map((tool) => [tool.name as string, tool]));

/** Whether a call of this tool may change the workspace. Such calls of one step run one after another. */
export const changesWorkspace = (name: string): boolean => sandboxTools.get(name)?.changesWorkspace ?? false;

/** What the model is offered: the enabled tools of the toolset that exist here, and the custom ones. */
export function modelTools(agent: SessionAgent): ModelTool[] {
  return agent.tools.flatMap((tool): ModelTool[] => {
    if (tool.type === 'custom') return [{ name: tool.name, description: tool.description, input_schema: tool.input_schema }];
    return SANDBOX_TOOLS.filter(({ name }) => settingOf(tool, name).enabled).map(({ name, description, input_schema }) => ({
      name,
      description,
      input_schema,
    }));
  });
}

export const hasSandboxTools = (agent: SessionAgent): boolean =>
  agent.tools.some((tool) => tool.type !== 'custom' && SANDBOX_TOOLS.some(({ name }) => settingOf(tool, name).enabled));

/** A tool's own setting, or the toolset's default. */
const settingOf = (toolset: ResolvedToolset, name: string) => toolset.configs.find((config) => config.name === name) ?? toolset.default_config;

export interface Evaluation {
  readonly kind: ToolCallRecord['kind'];
  readonly permission: ToolCallRecord['permission'];
  readonly policy?: PermissionPolicy['type'];
  /** Why the model gets an error instead of a run. */
  readonly refusal?: string;
}

/** The policy decision about one call, before anything runs. */
export function evaluateCall(agent: SessionAgent, name: string, input: unknown): Evaluation {
  if (agent.tools.some((tool) => tool.type === 'custom' && tool.name === name)) {
    return isObject(input) ? { kind: 'custom', permission: 'allow' } : rejected(malformed(name));
  }
  const toolset = agent.tools.find((tool) => tool.type !== 'custom');
  const setting = toolset && sandboxTools.has(name) ? settingOf(toolset, name) : undefined;
  if (!setting?.enabled) return rejected(`There is no tool named ${JSON.stringify(name.slice(0, 128))}. Use one of the tools you were given.`);
  if (!isObject(input)) return rejected(malformed(name));
  const policy = setting.permission_policy.type;
  return { kind: 'sandbox', permission: policy === 'always_allow' ? 'allow' : 'ask', policy };
}

const rejected = (refusal: string): Evaluation => ({ kind: 'rejected', permission: 'deny', refusal });
const malformed = (name: string): string =>
  `The input of this ${name} call was not a JSON object, perhaps cut off. Nothing was run; send the call again with a complete input.`;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
