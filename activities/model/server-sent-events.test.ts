import { describe, expect, it } from 'vitest';
import { createEventDecoder } from './server-sent-events.js';

const decode = (chunks: readonly (string | Uint8Array)[]): string[] => {
  const decoder = createEventDecoder();
  const encoder = new TextEncoder();
  return [...chunks.flatMap((chunk) => decoder.push(typeof chunk === 'string' ? encoder.encode(chunk) : chunk)), ...decoder.end()];
};

describe('createEventDecoder', () => {
  it('gives the data of each event and drops names, ids and comments', () => {
    expect(decode(['event: a\ndata: {"x":1}\nid: 7\n\n: keep-alive\n\ndata:two\n\n'])).toEqual(['{"x":1}', 'two']);
  });

  it('joins the data lines of one event', () => {
    expect(decode(['data: one\ndata\ndata: two\n\n'])).toEqual(['one\n\ntwo']);
  });

  it('gives an event as soon as its last byte is there', () => {
    const decoder = createEventDecoder();
    expect(decoder.push(new TextEncoder().encode('data: a\n'))).toEqual([]);
    expect(decoder.push(new TextEncoder().encode('\n'))).toEqual(['a']);
  });

  it('reads the same from any cut of the bytes, whatever ends the lines', () => {
    for (const ending of ['\n', '\r\n', '\r']) {
      const bytes = new TextEncoder().encode(`data: grüße 🎵${ending}data: b${ending}${ending}data: c${ending}${ending}`);
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        expect(decode([bytes.slice(0, cut), bytes.slice(cut)])).toEqual(['grüße 🎵\nb', 'c']);
      }
    }
  });

  it('gives the last event also where the empty line behind it is missing', () => {
    expect(decode(['data: [DONE]'])).toEqual(['[DONE]']);
  });
});
