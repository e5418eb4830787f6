import { describe, expect, it } from 'vitest';
import { pageText } from './page-text.js';

const url = new URL('https://example.org/a/b');

describe('pageText', () => {
  it('gives title and text, links with their absolute addresses', async () => {
    const page = await pageText(
      `<html><head><title> A &amp;
        B </title><style>p{}</style></head><body><h1>Hi</h1><p>see <a href="../c?x=1#y">this</a>, <a href="#top">up</a>, <a href="mailto:a@b.org">mail</a>
        or <a href="javascript:alert(1)">run</a></p><table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table><script>alert(1)</script></body></html>`,
      url,
    );
    expect(page?.title).toBe('A & B');
    expect(page?.text).toContain('Hi\n');
    expect(page?.text).toContain('see this [https://example.org/c?x=1#y], up, mail or run');
    expect(page?.text).toMatch(/1 \| 2 \|\s*\n3 \|/);
    expect(page?.text).not.toContain('alert');
  });

  it('gives a page up that holds up its reader, and leaves this thread free meanwhile', async () => {
    let beats = 0;
    const beat = setInterval(() => {
      beats += 1;
    }, 20);
    const page = await pageText('<div>'.repeat(300_000), url, 600);
    clearInterval(beat);
    expect(page).toBeUndefined();
    expect(beats).toBeGreaterThan(5);
  });
});
