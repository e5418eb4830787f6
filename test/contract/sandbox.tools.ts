import { beforeAll, expect, test } from 'vitest';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, freshId, MEBIBYTE, type SandboxUnderTest, textOf } from './sandbox.fixture.js';

/** One red pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

export function describeTools(engine: () => TestEngine): void {
  let sandbox: SandboxUnderTest;
  beforeAll(async () => {
    sandbox = await aSandbox(engine());
  });

  test('the shell keeps its working directory, variables and functions', async () => {
    await sandbox.bash('mkdir -p kept && cd kept && export COLOUR=red && greet() { echo "hello $1"; }');
    expect(textOf(await sandbox.bash('pwd; echo $COLOUR; greet you; cd ..'))).toBe('/workspace/kept\nred\nhello you');
  });

  test('bash merges both outputs and tells a failing exit code', async () => {
    const outcome = await sandbox.bash('echo out; echo err >&2; (exit 7)');
    expect(outcome).toEqual({ status: 'completed', content: [{ type: 'text', text: 'out\nerr\n[exit code 7]' }], is_error: true });
  });

  test('bash gives commands an empty input', async () => {
    expect(textOf(await sandbox.bash('cat; echo done'))).toBe('done');
  });

  test('an unclosed quote is an error at once, and the shell lives on', async () => {
    await sandbox.bash('ALIVE=yes');
    const outcome = await sandbox.bash('echo "never closed', { timeoutMs: 20_000 });
    expect(outcome).toMatchObject({ status: 'completed', is_error: true });
    expect(textOf(outcome)).toContain('unexpected EOF');
    expect(textOf(await sandbox.bash('echo $ALIVE'))).toBe('yes');
  });

  test('a shell that ends keeps its output and exit code, and the model is told', async () => {
    const outcome = await sandbox.bash('LOST=1; echo before; exit 3');
    expect(outcome).toMatchObject({ status: 'completed', is_error: true });
    expect(textOf(outcome)).toMatch(/^before\n\[The shell itself ended with exit code 3/);
    expect(textOf(await sandbox.bash('echo "[$LOST]"; pwd'))).toBe('[]\n/workspace');
  });

  test('restart gives a fresh shell', async () => {
    await sandbox.bash('cd /tmp; OLD=1');
    expect(textOf(await sandbox.call('bash', { restart: true }))).toBe('The shell was restarted.');
    expect(textOf(await sandbox.bash('pwd; echo "[$OLD]"'))).toBe('/workspace\n[]');
  });

  test('large output is cut to its end and the rest is in a file of the workspace', async () => {
    const id = freshId('sevt');
    const size = 10 * MEBIBYTE;
    const outcome = await sandbox.bash(`head -c ${size - 5} /dev/zero | tr '\\0' x; echo; echo end`, { id });
    const text = textOf(outcome);
    expect(text.length).toBeLessThan(101 * 1024);
    expect(text).toContain(`/workspace/.rondo/outputs/${id}.txt`);
    expect(text.endsWith('x\nend')).toBe(true);
    expect(textOf(await sandbox.bash(`wc -c < .rondo/outputs/${id}.txt`))).toBe(String(size));
    expect(textOf(await sandbox.bash('git init -q . 2>/dev/null; git status --porcelain | grep -c rondo'))).toContain('0');
  });

  test('write, read and edit work on a file', async () => {
    await sandbox.call('write', { file_path: 'notes/list.txt', content: 'one\ntwo\nthree\n' });
    expect(textOf(await sandbox.call('read', { file_path: '/workspace/notes/list.txt', view_range: [2, 3] }))).toBe('two\nthree');
    const edit = await sandbox.call('edit', { file_path: 'notes/list.txt', old_string: 'two', new_string: '2' });
    expect(edit.is_error).toBe(false);
    expect(textOf(await sandbox.bash('cat notes/list.txt'))).toBe('one\n2\nthree');
  });

  test('edit refuses text that is missing or not unique', async () => {
    await sandbox.call('write', { file_path: 'twice.txt', content: 'a a' });
    expect(await sandbox.call('edit', { file_path: 'twice.txt', old_string: 'a', new_string: 'b' })).toMatchObject({ is_error: true });
    expect(await sandbox.call('edit', { file_path: 'twice.txt', old_string: 'c', new_string: 'b' })).toMatchObject({ is_error: true });
    await sandbox.call('edit', { file_path: 'twice.txt', old_string: 'a', new_string: 'b', replace_all: true });
    expect(textOf(await sandbox.call('read', { file_path: 'twice.txt' }))).toBe('b b');
  });

  test('glob and grep find files and lines', async () => {
    await sandbox.call('write', { file_path: 'src/deep/needle.py', content: 'x = 1\nneedle = 2\n' });
    expect(textOf(await sandbox.call('glob', { pattern: '**/*.py' }))).toContain('/workspace/src/deep/needle.py');
    expect(textOf(await sandbox.call('grep', { pattern: 'need+le', path: 'src' }))).toContain('needle.py:2:needle = 2');
    expect(textOf(await sandbox.call('grep', { pattern: 'nowhere-to-be-found', path: 'src' }))).toBe('no matches');
  });

  test('read shows an image as an image', async () => {
    await sandbox.bash(`echo ${PNG} | base64 -d > dot.png`);
    const { content } = await sandbox.call('read', { file_path: 'dot.png' });
    expect(content).toEqual([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }]);
  });

  test('an invalid input is an error result that names the field', async () => {
    const outcome = await sandbox.call('read', { path: 'wrong key' });
    expect(outcome).toMatchObject({ status: 'completed', is_error: true });
    expect(textOf(outcome)).toContain('file_path');
  });

  test('an unknown tool is refused', async () => {
    await expect(sandbox.call('teleport', {})).rejects.toMatchObject({ code: 'request.invalid' });
  });
}
