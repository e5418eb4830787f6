import type { ModelCall } from './conversation.js';
import type { ScriptedReply } from './script.js';
import type { Usage } from './usage.js';

/** A piece of a streamed answer. Only chunks carry content; timing, stalls and drops count those. */
export interface Frame {
  readonly bytes: string;
  readonly isChunk: boolean;
}

export interface ProtocolError {
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

/** One provider's protocol: how a call is read from its requests, and how a reply is written in its answers. */
export interface Protocol {
  /** Throws a `ZodError` for a body that does not follow the protocol. */
  readCall(body: unknown): ModelCall;
  /** The whole answer to a request that does not stream. */
  document(reply: ScriptedReply, context: ReplyContext): unknown;
  frames(reply: ScriptedReply, context: ReplyContext): Iterable<Frame>;
  /** A sign of life without meaning. */
  readonly ping: string;
  errorDocument(error: ProtocolError): unknown;
  errorFrame(error: ProtocolError): string;
}

export interface ReplyContext {
  readonly model: string;
  readonly usage: Usage;
  readonly body: unknown;
}

/** Words with the spaces behind them: joined they are the text again. */
export const words = (text: string): string[] => text.match(/\S*\s+|\S+$/g) ?? [];

/** A tool input as the JSON text that is sent; a string is sent as it stands. */
export const inputText = (input: unknown): string => (typeof input === 'string' ? input : JSON.stringify(input));

/** Cuts text into pieces as a model would stream a tool input. */
export const pieces = (text: string): string[] => text.match(/.{1,24}/gsu) ?? [''];

/** Characters of everything a reply says. */
export function replySize({ text = '', thinking = '', tool_calls = [] }: ScriptedReply): number {
  return tool_calls.reduce((sum, { name, input }) => sum + name.length + inputText(input).length, text.length + thinking.length);
}
