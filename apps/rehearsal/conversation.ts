/** What a tool answered, as far as scripts react to it. */
export interface Result {
  readonly callId: string;
  readonly text: string;
  readonly isError: boolean;
}

/** A message of a request, whatever protocol it came over. */
export interface Message {
  readonly role: 'user' | 'assistant';
  /** Text of a user; absent for a message that only brings tool results. */
  readonly text?: string | undefined;
  readonly results: readonly Result[];
  /** Ids of the tool calls of an assistant. */
  readonly callIds: readonly string[];
  /** Characters of its content. */
  readonly size: number;
  /** Whether the request asks for the prompt to be cached up to here. */
  readonly isCached: boolean;
}

/** A request, whatever protocol it came over. */
export interface ModelCall {
  readonly model: string;
  readonly isStream: boolean;
  readonly messages: readonly Message[];
  /** Characters of system prompt and tools, and whether they are to be cached. */
  readonly preamble: { readonly size: number; readonly isCached: boolean };
}

/** Where a conversation stands, read from the request alone, so that a repeated request gets the same answer. */
export interface Position {
  /** The last text of the user. */
  readonly input: string;
  /** Which assistant message is due since that text; the first is 1. */
  readonly step: number;
  readonly lastResult: Result | undefined;
}

export function positionOf(messages: readonly Message[]): Position {
  const start = messages.findLastIndex((message) => message.role === 'user' && message.text !== undefined);
  const since = messages.slice(Math.max(start, 0));
  return {
    input: messages[start]?.text ?? '',
    step: since.filter((message) => message.role === 'assistant').length + 1,
    lastResult: since.flatMap((message) => message.results).at(-1),
  };
}

/**
 * What both providers refuse with a 400: a tool call without a result right behind it, or a result without its call.
 * `undefined` if all is well.
 */
export function pairingProblem(messages: readonly Message[]): string | undefined {
  let open: readonly string[] = [];
  for (const [index, { role, callIds, results }] of messages.entries()) {
    const answered = results.map(({ callId }) => callId);
    const stray = answered.find((id) => !open.includes(id));
    if (stray !== undefined) return `messages.${index}: the tool result for ${stray} has no tool call in the message before it`;
    const rest = open.filter((id) => !answered.includes(id));
    const mayContinue = role === 'user' && answered.length > 0 && messages[index + 1]?.results.length;
    if (rest.length > 0 && !mayContinue) return `messages.${index}: the tool calls ${rest.join(', ')} have no result right behind them`;
    open = role === 'assistant' ? callIds : rest;
    if (new Set(callIds).size < callIds.length) return `messages.${index}: tool call ids must be unique`;
  }
  return open.length > 0 ? `the tool calls ${open.join(', ')} of the last message have no results` : undefined;
}
