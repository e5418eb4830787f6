import type { ModelBlock, ModelPart, ModelReply, ModelStop, ModelUsage } from './model.port.js';

type Draft =
  | { type: 'text'; text: string }
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'redacted_thinking'; data: string }
  | { type: 'tool_use'; id: string; name: string; json: string; input: unknown };

/** Name of a block in the provider's stream, usually its index. */
type BlockKey = string | number;

const ACTIVITY: ModelPart = { type: 'activity' };

/**
 * A reply while it is being streamed. Each method takes what arrived and returns the parts to pass on. A block gets its
 * place at its first content, so blocks that stay empty neither appear in the parts nor in the reply.
 */
export function createReplyDraft() {
  const blocks: Draft[] = [];
  const places = new Map<BlockKey, number>();

  const open = <Type extends Draft['type']>(key: BlockKey, empty: Extract<Draft, { type: Type }>): [Extract<Draft, { type: Type }>, number, boolean] => {
    const place = places.get(key);
    const known = place === undefined ? undefined : blocks[place];
    if (place !== undefined && known?.type === empty.type) return [known as Extract<Draft, { type: Type }>, place, false];
    blocks.push(empty);
    places.set(key, blocks.length - 1);
    return [empty, blocks.length - 1, true];
  };

  return {
    text(key: BlockKey, text: string): ModelPart[] {
      if (text === '') return [ACTIVITY];
      const [draft, block, isNew] = open(key, { type: 'text', text: '' });
      draft.text += text;
      const delta: ModelPart = { type: 'text_delta', block, text };
      return isNew ? [{ type: 'text_start', block }, delta] : [delta];
    },

    thinking(key: BlockKey, delta: { readonly thinking?: string | undefined; readonly signature?: string | undefined }): ModelPart[] {
      const [draft, block, isNew] = open(key, { type: 'thinking', thinking: '', signature: '' });
      draft.thinking += delta.thinking ?? '';
      draft.signature += delta.signature ?? '';
      return [isNew ? { type: 'thinking_start', block } : ACTIVITY];
    },

    redactedThinking(key: BlockKey, data: string): ModelPart[] {
      const [draft, block, isNew] = open(key, { type: 'redacted_thinking', data: '' });
      draft.data = data;
      return [isNew ? { type: 'thinking_start', block } : ACTIVITY];
    },

    /** Opens a tool call, or adds the name to one that came without; `input` is what the call holds if no JSON text follows. */
    toolUse(key: BlockKey, call: { readonly id: string; readonly name: string; readonly input: unknown }): ModelPart[] {
      const [draft] = open(key, { type: 'tool_use', json: '', ...call });
      draft.name ||= call.name;
      return [ACTIVITY];
    },

    /** Adds to the JSON text of an open call's input. */
    toolInput(key: BlockKey, json: string): ModelPart[] {
      const draft = blocks[places.get(key) ?? -1];
      if (draft?.type === 'tool_use') draft.json += json;
      return [ACTIVITY];
    },

    hasToolUse: (): boolean => blocks.some((block) => block.type === 'tool_use'),

    finish: (stop: ModelStop, usage: ModelUsage): ModelReply => ({ content: blocks.map(toBlock), stop, usage }),
  };
}

function toBlock(draft: Draft): ModelBlock {
  if (draft.type !== 'tool_use') return draft;
  const { type, id, name, json, input } = draft;
  return { type, id, name, input: json.trim() === '' ? input : parsedOrText(json) };
}

/** A model's broken JSON is passed on as text, for the caller to tell the model (see `ModelBlock`). */
function parsedOrText(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
