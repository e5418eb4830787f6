/**
 * Decoder of a server-sent event stream: give it the bytes as they come, get the `data` of every event they complete.
 * Event names, ids and comments are dropped: both providers' data says by itself what it is.
 */
export function createEventDecoder(): { push(bytes: Uint8Array): string[]; end(): string[] } {
  const decoder = new TextDecoder();
  let pending = '';
  let data: string[] = [];

  const takeLine = (line: string, complete: string[]): void => {
    if (line === '') {
      if (data.length > 0) complete.push(data.join('\n'));
      data = [];
    } else if (line === 'data') data.push('');
    else if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
  };

  const take = (text: string, isEnd: boolean): string[] => {
    pending += text;
    // A carriage return at the very end may be the first half of a CRLF whose line feed is still on its way.
    const usable = !isEnd && pending.endsWith('\r') ? pending.slice(0, -1) : pending;
    const lines = usable.split(/\r\n|\n|\r/);
    pending = (lines.pop() ?? '') + pending.slice(usable.length);
    const complete: string[] = [];
    for (const line of lines) takeLine(line, complete);
    return complete;
  };

  return {
    push: (bytes) => take(decoder.decode(bytes, { stream: true }), false),
    end: () => take(`${decoder.decode()}\n\n`, true),
  };
}
