import type { ModelBlock } from './model.port.js';

/** Providers refuse texts of nothing but white space, so those blocks are left out. */
export function hasContent(block: { readonly type: string; readonly text?: unknown }): boolean {
  return block.type !== 'text' || (typeof block.text === 'string' && block.text.trim() !== '');
}

/** Stands for a message of a user that has no content left. */
export const EMPTY_MESSAGE: ModelBlock = { type: 'text', text: '(empty message)' };
