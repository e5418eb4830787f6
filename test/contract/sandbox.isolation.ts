import * as fs from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, type SandboxUnderTest, textOf } from './sandbox.fixture.js';

const CANARY = 'canary-5b1f7c9e';

export function describeIsolation(engine: () => TestEngine): void {
  let sandbox: SandboxUnderTest;
  const listener = net.createServer((socket) => socket.end('reached'));
  beforeAll(async () => {
    process.env['RONDO_CANARY'] = CANARY;
    sandbox = await aSandbox(engine());
    await new Promise<void>((resolve) => listener.listen(0, '0.0.0.0', resolve));
  });
  afterAll(() => {
    delete process.env['RONDO_CANARY'];
    listener.close();
  });

  test('everything inside runs without root, capabilities or a way to gain them', async () => {
    expect(textOf(await sandbox.bash('id -u; id -g'))).toBe('10001\n10001');
    const status = textOf(await sandbox.bash("grep -hE '^(Uid|Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/[0-9]*/status"));
    const capabilities = [...status.matchAll(/^Cap\w+:\s*(\w+)$/gm)].map((match) => match[1]);
    expect(capabilities.length).toBeGreaterThan(10);
    expect(new Set(capabilities)).toEqual(new Set(['0000000000000000']));
    const users = [...status.matchAll(/^Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$/gm)].flatMap((match) => match.slice(1));
    expect(new Set(users)).toEqual(new Set(['10001']));
    const privileges = [...status.matchAll(/^NoNewPrivs:\s*(\d)$/gm)].map((match) => match[1]);
    expect(new Set(privileges)).toEqual(new Set(['1']));
    // Inside gVisor every system call is filtered by gVisor itself, and nothing of it is seen.
    if (engine().provider.isolation === 'gvisor') return;
    expect(textOf(await sandbox.bash("grep -h '^Seccomp:' /proc/[0-9]*/status | sort -u"))).toMatch(/^Seccomp:\s+2$/);
  });

  test('there is no network, not even to the host', async () => {
    const { port } = listener.address() as net.AddressInfo;
    const hosts = Object.values(os.networkInterfaces()).flatMap((list) =>
      (list ?? []).filter((entry) => entry.family === 'IPv4').map((entry) => entry.address),
    );
    expect(await reach('127.0.0.1', port)).toBe('reached');
    for (const target of [`1.1.1.1/80`, ...[...hosts, '127.0.0.1'].map((host) => `${host}/${port}`)]) {
      const outcome = await sandbox.bash(`timeout 3 bash -c 'cat < /dev/tcp/${target}'`);
      expect(outcome, target).toMatchObject({ is_error: true });
      expect(textOf(outcome), target).not.toContain('reached');
    }
  });

  test('files of the host cannot be read', async () => {
    const secret = path.join(engine().directory, 'host-secret.txt');
    await fs.writeFile(secret, CANARY, { mode: 0o644 });
    expect(await fs.readFile(secret, 'utf8')).toBe(CANARY);
    expect(textOf(await sandbox.bash(`cat ${secret} /proc/1/root${secret} /proc/1/cwd/../..${secret}`))).not.toContain(CANARY);
    expect(textOf(await sandbox.call('read', { file_path: secret }))).not.toContain(CANARY);
    const seen = textOf(await sandbox.bash('ls -A /; ls /var/run/docker.sock /root /work 2>&1; ls -l /proc/self/fd'));
    expect(seen).not.toContain(path.basename(engine().directory));
    expect(seen).not.toMatch(/info\.json|launched|seccomp\.bpf|supervisor\.sock/);
  });

  test('the environment of no process carries anything of the worker', async () => {
    const environments = textOf(await sandbox.bash("cat /proc/[0-9]*/environ | tr '\\0' '\\n' | sort -u; env"));
    expect(environments).toContain('HOME=/home/agent');
    expect(environments).not.toContain(CANARY);
    const names = new Set([...environments.matchAll(/^([A-Za-z_]\w*)=/gm)].map((match) => match[1]));
    const allowed = [
      'HOME',
      'USER',
      'PATH',
      'LANG',
      'HOSTNAME',
      'PWD',
      'OLDPWD',
      'SHLVL',
      '_',
      'TERM',
      'RONDO_SHELL',
      'container',
      'BOUND_LATE',
      'RONDO_SESSION_ID',
    ];
    expect([...names].filter((name) => !allowed.includes(name ?? ''))).toEqual([]);
  });

  test('only the workspace and scratch directories can be written', async () => {
    for (const place of ['/', '/etc', '/usr/bin', '/opt/rondo', '/opt/rondo/node', '/run', '/run/rondo/host', '/dev/planted']) {
      expect(await sandbox.bash(`touch ${place}/x 2>&1 || { [ -f ${place} ] && echo >> ${place}; }`), place).toMatchObject({ is_error: true });
    }
    expect(await sandbox.bash('touch /workspace/x /mnt/x /tmp/x ~/x')).toMatchObject({ is_error: false });
  });

  test("mounts are refused, and new namespaces where they would be the host kernel's", async () => {
    const unshare = await sandbox.bash('unshare -U true');
    if (engine().provider.isolation !== 'gvisor') expect(unshare).toMatchObject({ is_error: true });
    expect(await sandbox.bash('mount -t tmpfs none /tmp')).toMatchObject({ is_error: true });
  });

  test('sockets of kinds that know no network namespace are refused', async () => {
    const { provider } = engine();
    // Docker engines before 23 allow AF_VSOCK in their default filter.
    if (provider.isolation === 'container') return;
    const make = (family: number) => sandbox.bash(`python3 -c "import socket; socket.socket(1, 1); print('started'); socket.socket(${family}, 1)"`);
    expect(await make(1)).toMatchObject({ is_error: false });
    const vsock = await make(40);
    expect(vsock).toMatchObject({ is_error: true });
    expect(textOf(vsock)).toContain('started');
    // The kernel's own refusal of AF_PACKET is EPERM: this one is the filter's.
    if (provider.isolation !== 'gvisor') expect(textOf(await make(17))).toContain('[Errno 97]');
  });

  test('links planted in the workspace lead the file tools nowhere', async () => {
    await sandbox.bash('ln -s /etc/passwd link; ln -s /opt/rondo out; ln -s /home/agent/planted dangling; mkfifo pipe');
    for (const file of ['link', 'out/supervisor.mjs', '../etc/passwd', '/proc/self/environ', 'pipe']) {
      expect(await sandbox.call('read', { file_path: file }, { timeoutMs: 5000 }), file).toMatchObject({ status: 'completed', is_error: true });
    }
    for (const file of ['out/x', 'dangling']) {
      expect(await sandbox.call('write', { file_path: file, content: 'x' }), file).toMatchObject({ is_error: true });
    }
    expect(await sandbox.bash('ls /home/agent/planted')).toMatchObject({ is_error: true });
  });

  test('links planted in the workspace lead the host nowhere', async () => {
    const { provider } = engine();
    const bait = path.join(engine().directory, 'bait');
    await fs.mkdir(bait, { mode: 0o700 });
    const first = await aSandbox(engine());
    await first.bash(`ln -s ${bait} .rondo; ln -s ${bait} /run/rondo/journal/more; ls -la . /run/rondo/journal`);
    await first.bash('head -c 300000 /dev/zero | tr "\\0" y');
    await provider.destroy(first.spec.name);
    const next = await aSandbox(engine(), { workspaceDirectory: first.spec.workspaceDirectory });
    await next.bash('head -c 300000 /dev/zero | tr "\\0" y');
    expect(await fs.readdir(bait)).toEqual([]);
    expect((await fs.stat(bait)).uid).toBe(process.getuid?.());
  });
}

const reach = (host: string, port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = net.connect(port, host).setEncoding('utf8');
    socket.once('data', resolve).once('error', reject);
  });
