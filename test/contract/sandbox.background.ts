import { beforeAll, expect, test } from 'vitest';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, freshId, MEBIBYTE, type SandboxUnderTest, textOf } from './sandbox.fixture.js';

/** Shell words that wait, for ten seconds at most, until a condition holds. */
const waitUntil = (condition: string): string => `for try in $(seq 100); do ${condition} && break; sleep 0.1; done`;

const countOf = (pattern: string): string => `cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -oE '${pattern}' | wc -l`;

/** Programs that outlive the call which started them. */
export function describeBackground(engine: () => TestEngine): void {
  let sandbox: SandboxUnderTest;
  beforeAll(async () => {
    sandbox = await aSandbox(engine());
  });

  /** How many command lines match, as soon as so many do; programs take their time to begin and to be gone. */
  const settled = async (pattern: string, expected: number): Promise<string> => {
    const { content } = await sandbox.bash(`${waitUntil(`[ "$(${countOf(pattern)})" ${expected === 0 ? '=' : '-ge'} ${expected} ]`)}; ${countOf(pattern)}`);
    return (
      content
        .map((block) => (block.type === 'text' ? block.text : ''))
        .join('')
        .split('\n')
        .at(-1) ?? ''
    );
  };

  test('what a job in the background prints is read later from a file that the result names, and mixes with no other result', async () => {
    const id = freshId('sevt');
    const file = `/workspace/.rondo/outputs/${id}.txt`;
    const started = textOf(await sandbox.bash('echo front; (until [ -e print ]; do sleep 0.05; done; echo later; echo wrong >&2) &', { id }));
    expect(started).toMatch(/^front\n\[Still running in the background: \d+ \(bash\)/);
    expect(started).toContain(file);
    expect(textOf(await sandbox.bash(`touch print; ${waitUntil(`grep -q wrong ${file}`)}; echo mine`))).toBe('mine');
    expect(textOf(await sandbox.bash(`cat ${file}`))).toBe('front\nlater\nwrong');
    expect(textOf(await sandbox.call('read', { file_path: file }))).toContain('later');
  });

  test('nohup and a job that closes its output are not waited for', async () => {
    const outcome = await sandbox.bash('nohup sleep 1030 >/dev/null 2>&1 & (sleep 1031 >server.log 2>&1 &) ; echo up');
    expect(textOf(outcome)).toBe('up');
    expect(await settled('sleep 103[01]', 2)).toBe('2');
  });

  test('a restart ends jobs in the background, also those of shells that ended before, and those that left their session', async () => {
    await sandbox.bash('sleep 1032 & (setsid sleep 1033 &) ; exit 0');
    await sandbox.bash('(setsid sh -c "sleep 1034 & sleep 1035" &)');
    for (const job of ['1032', '1033', '1034', '1035']) expect(await settled(`sleep ${job}`, 1), job).toMatch(/^[1-9]/);
    await sandbox.call('bash', { restart: true });
    expect(await settled('sleep 103[0-5]', 0)).toBe('0');
  });

  test('a time limit ends what the command has started, also what has left its session and its parent', async () => {
    const command = 'sleep 1040 & (setsid sleep 1041 &) ; (setsid sh -c "(sleep 1042 &)" &) ; nohup sleep 1043 >/dev/null 2>&1 & sleep 1044';
    expect((await sandbox.call('bash', { command, timeout_ms: 2_000 })).status).toBe('timed_out');
    expect(await settled('sleep 104[0-4]', 0)).toBe('0');
  });

  test('a job that prints without end holds up nothing; its file is cut and says so', async () => {
    const id = freshId('sevt');
    const file = `/workspace/.rondo/outputs/${id}.txt`;
    expect(textOf(await sandbox.bash('yes &', { id }))).toMatch(/Still running in the background/);
    expect(textOf(await sandbox.bash(`${waitUntil(`tail -c 100 ${file} | grep -q 'is not kept'`)}; echo done`, { timeoutMs: 60_000 }))).toBe('done');
    expect(Number(textOf(await sandbox.bash(`wc -c < ${file}`)))).toBeLessThan(65 * MEBIBYTE);
    expect(textOf(await sandbox.call('bash', { restart: true, command: 'echo fresh' }))).toBe('fresh');
  });

  test('programs can open their standard output by its name', async () => {
    expect(textOf(await sandbox.bash("echo one | tee /dev/stderr; echo two > /dev/stdout; python3 -c \"open('/dev/stdout', 'w').write('three')\""))).toBe(
      'one\none\ntwo\nthree',
    );
  });

  test('pipes that a program takes away cost nothing but their own output', async () => {
    await sandbox.bash('rm -f /run/rondo/socket/output-*');
    expect(textOf(await sandbox.bash('for i in 1 2 3; do echo $i; done'))).toBe('1\n2\n3');
    await sandbox.bash('for pipe in /run/rondo/socket/output-*; do rm -f $pipe; echo forged > $pipe; done');
    expect(textOf(await sandbox.bash('echo mine'))).toBe('mine');
  });
}
