import { z } from 'zod';
import type { McpToolList } from '../../workflows/contract/records.js';
import { isUsableSchema } from './tool-schema.js';

/** The wire's limit of tools over all toolsets of an agent. */
const MOST_TOOLS = 256;
/** Characters. All of it is sent to the model with every request. */
const LONGEST_DESCRIPTION = 8_192;
const LONGEST_SCHEMA = 32_768;
const LONGEST_LIST = 1_000_000;

type ListedTool = McpToolList['tools'][number];

const Tool = z.looseObject({
  name: z.string().min(1).max(128),
  description: z.string().default(''),
  inputSchema: z.unknown(),
  annotations: z.looseObject({ readOnlyHint: z.boolean().optional(), idempotentHint: z.boolean().optional() }).optional().catch(undefined),
});

/** What a server listed, checked: tools that no model could be given are left out, the first of a name counts. Pure. */
export function toToolList(listed: readonly unknown[]): ListedTool[] {
  const tools = new Map<string, ListedTool>();
  for (const one of listed) {
    const parsed = Tool.safeParse(one);
    if (!parsed.success) continue;
    const { name, description, inputSchema, annotations } = parsed.data;
    if (tools.has(name) || !isUsableSchema(inputSchema) || JSON.stringify(inputSchema).length > LONGEST_SCHEMA) continue;
    tools.set(name, {
      name,
      description: description.slice(0, LONGEST_DESCRIPTION).toWellFormed(),
      inputSchema,
      repeatable: annotations?.readOnlyHint === true || annotations?.idempotentHint === true,
    });
  }
  return [...tools.values()];
}

/** Keeps the lists of all servers together within the limits, in their order; what is over them is left out. Pure. */
export function withinLimits<List extends { readonly tools: readonly ListedTool[] }>(lists: readonly List[]): List[] {
  let tools = 0;
  let characters = 0;
  return lists.map((list) => ({
    ...list,
    tools: list.tools.filter((tool) => {
      const size = JSON.stringify(tool).length;
      if (tools >= MOST_TOOLS || characters + size > LONGEST_LIST) return false;
      tools += 1;
      characters += size;
      return true;
    }),
  }));
}
