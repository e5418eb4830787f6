import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { control } from '../egress/egress.fixture.js';
import { processesOf, runRondo, type StackCommand, waitForOutput } from '../support/stack-command.js';

const READY = /Rondo is ready at (http:\S+)/;

const homes: string[] = [];
const commands: StackCommand[] = [];

beforeEach(() => {
  homes.push(mkdtempSync(join(tmpdir(), 'rondo-stack-')));
});
afterEach(async () => {
  for (const command of commands.splice(0)) {
    if (command.process.exitCode === null && command.process.signalCode === null) command.process.kill('SIGTERM');
    await command.ended;
  }
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

const run = (words: readonly string[], home: string, environment: Readonly<Record<string, string>> = {}): StackCommand => {
  const command = runRondo(words, home, environment);
  commands.push(command);
  return command;
};

const [bubblewrap, runc, runsc] = [
  { RONDO_SANDBOX: 'bubblewrap' },
  { RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: 'runc' },
  { RONDO_SANDBOX: 'docker', RONDO_SANDBOX_RUNTIME: 'runsc' },
];

describe('the demo', () => {
  it.each([
    ['bubblewrap', bubblewrap],
    ['Docker with runc', runc],
    ['Docker with gVisor', runsc],
  ])(
    'does its task on %s, ends with 0 and leaves no process',
    async (_engine, environment) => {
      const [home = ''] = homes;
      const command = run(['demo', '--once'], home, environment);
      expect(await command.ended, command.output()).toBe(0);
      expect(command.output()).toContain('✓ The task is done.');
      expect(command.output()).toContain('mean: 12.9');
      expect(command.output()).toMatch(/Cold start +\d+ ms/);
      expect(processesOf(home)).toEqual([]);
    },
    180_000,
  );

  it('ends with another code than 0 when the task is not done', async () => {
    const [home = ''] = homes;
    const command = run(['demo', '--once'], home, { ...bubblewrap, RONDO_DEFAULT_MODEL: 'rehearsal/no-such-script' });
    expect(await command.ended).not.toBe(0);
    expect(processesOf(home)).toEqual([]);
  }, 120_000);
});

describe('a stack', () => {
  it('leaves no process after SIGTERM, and its key lies in a file that only its owner can read', async () => {
    const [home = ''] = homes;
    const command = run(['start'], home, bubblewrap);
    const [, url] = await waitForOutput(command, READY);
    const key = join(home, 'api-key');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    const answer = await fetch(`${url}/v1/sessions`, { headers: { 'x-api-key': readFileSync(key, 'utf8').trim() } });
    expect(answer.status).toBe(200);
    command.process.kill('SIGTERM');
    await command.ended;
    expect(processesOf(home)).toEqual([]);
  }, 120_000);

  it('ends what a killed one left behind, and keeps its data', async () => {
    const [home = ''] = homes;
    const first = run(['start'], home, bubblewrap);
    await waitForOutput(first, READY);
    const key = readFileSync(join(home, 'api-key'), 'utf8').trim();
    first.process.kill('SIGKILL');
    await first.ended;
    const left = processesOf(home).map((line) => line.split(' ')[0]);
    expect(left.length).toBeGreaterThan(3);

    const second = run(['start'], home, bubblewrap);
    const [, url] = await waitForOutput(second, READY);
    const answer = await fetch(`${url}/v1/sessions`, { headers: { 'x-api-key': key } });
    expect(answer.status).toBe(200);
    const now = new Set(processesOf(home).map((line) => line.split(' ')[0]));
    expect(left.filter((pid) => now.has(pid))).toEqual([]);
  }, 180_000);

  it('refuses a data folder that another one uses, and runs beside it in a folder of its own', async () => {
    const [home = ''] = homes;
    const first = run(['start'], home, bubblewrap);
    await waitForOutput(first, READY);
    const intruder = run(['start'], home, bubblewrap);
    expect(await intruder.ended).toBe(1);
    expect(intruder.output()).toContain(`${home} is in use by process ${first.process.pid}`);

    const other = mkdtempSync(join(tmpdir(), 'rondo-stack-'));
    homes.push(other);
    const second = run(['start'], other, bubblewrap);
    await waitForOutput(second, READY);
    expect(first.process.exitCode).toBeNull();
  }, 180_000);

  it('starts a killed gateway again', async () => {
    const [home = ''] = homes;
    const command = run(['start'], home, bubblewrap);
    const [, url] = await waitForOutput(command, READY);
    const { pid } = JSON.parse(readFileSync(join(home, 'run', 'gateway.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    await waitForOutput(command, /gateway ended by SIGKILL; starting it again/);
    await expect
      .poll(
        () =>
          fetch(`${url}/healthz`).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 30_000 },
      )
      .toBe(200);
  }, 120_000);

  it('starts a killed egress gateway again, which serves the sandboxes of before', async () => {
    const [home = ''] = homes;
    const command = run(['start'], home, bubblewrap);
    await waitForOutput(command, READY);
    const controlSocket = join(home, 'egress', 'control.sock');
    const [session, workspace_id] = ['sesn_01JD00000000000000000000AA', 'wrkspc_01JD00000000000000000000AA'];
    const opened = await expect
      .poll(() => control(controlSocket, 'PUT', `/sandboxes/${session}/1`, { workspace_id }).catch(() => undefined), { timeout: 30_000 })
      .toMatchObject({ status: 200 })
      .then(() => control(controlSocket, 'PUT', `/sandboxes/${session}/1`, { workspace_id }));
    const own = join(opened.body.folder, 'egress.sock');
    const before = statSync(own).ino;
    const { pid } = JSON.parse(readFileSync(join(home, 'run', 'egress.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    await waitForOutput(command, /egress ended by SIGKILL; starting it again/);
    await expect.poll(() => statSync(own, { throwIfNoEntry: false })?.ino ?? before, { timeout: 30_000 }).not.toBe(before);
    // Who asks is nobody's session here, so the answer is a refusal; that it answers is what is new.
    expect(await through(own, 'GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 [45]\d\d /);
  }, 120_000);
});

/** What a socket answers to some bytes, until it closes. */
function through(path: string, bytes: string): Promise<string> {
  const socket = connect(path);
  socket.write(bytes);
  return text(socket);
}
