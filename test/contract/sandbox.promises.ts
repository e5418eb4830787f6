import * as fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Capabilities, PROMISES, type PromiseName } from '../../activities/sandbox/capabilities.js';
import { EGRESS_SOCKET } from '../../activities/sandbox/egress-environment.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, type SandboxUnderTest, textOf } from './sandbox.fixture.js';

/** How each promise is put to the test. */
type Check = (sandbox: SandboxUnderTest, engine: TestEngine) => Promise<void>;

const NUMBERS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  x64: { keyctl: 250, bpf: 321, userfaultfd: 323, perf_event_open: 298, mount: 165, unshare: 272 },
  arm64: { keyctl: 219, bpf: 280, userfaultfd: 282, perf_event_open: 241, mount: 40, unshare: 97 },
};

/** Makes a system call by its number, with arguments that root of the host could use, and prints whether it worked. */
const callKernel = (name: string): string => {
  const number = NUMBERS[process.arch]?.[name];
  if (number === undefined) throw new Error(`no number for ${name} on ${process.arch}`);
  return `perl -e 'my $r = syscall(${number}, 0, 0, 0, 0, 0); print "${name}: ", $r == -1 ? "error " . ($!+0) : "worked", "\\n"'`;
};

/** EPERM: refused; ENOSYS, or ENODEV of gVisor: there is no such thing here. Any other error is the call's own, so it was let in. */
const REFUSED = /^\w+: error (1|19|38)$/;

const openSocket = (family: number): string =>
  `perl -e 'use Socket; socket(my $s, ${family}, SOCK_DGRAM, 0) or socket($s, ${family}, SOCK_STREAM, 0) or socket($s, ${family}, 5, 0) or die "refused: " . ($!+0); print "made"'`;

/** AF_ALG, AF_VSOCK, AF_PACKET, AF_XDP, AF_TIPC, AF_CAN. */
const FOREIGN_FAMILIES = [38, 40, 17, 44, 30, 29];

const processStatus = async (sandbox: SandboxUnderTest, field: string): Promise<string[]> => {
  const lines = textOf(await sandbox.bash(`grep -hE '^${field}:' /proc/[0-9]*/status`)).split('\n');
  return [...new Set(lines.map((line) => line.replace(/^\w+:\s*/, '')))];
};

const CHECKS: Readonly<Record<PromiseName, Check>> = {
  async own_kernel(sandbox) {
    const [inside, host] = [textOf(await sandbox.bash('cat /proc/version')), (await fs.readFile('/proc/version', 'utf8')).trim()];
    expect(inside).toMatch(/^Linux version/);
    expect(inside).not.toBe(host);
  },
  async non_root_user(sandbox) {
    expect(await processStatus(sandbox, 'Uid')).toEqual(['10001\t10001\t10001\t10001']);
  },
  async own_host_user(sandbox) {
    await sandbox.bash('touch mine');
    const stat = await fs.stat(`${sandbox.spec.workspaceDirectory}/mine`);
    expect(stat.uid).not.toBe(process.getuid?.());
    expect(stat.uid).not.toBe(0);
  },
  async read_only_root(sandbox) {
    for (const place of ['/', '/etc', '/usr/bin', '/opt/rondo', '/run', '/var'])
      expect(await sandbox.bash(`touch ${place}/x`)).toMatchObject({ is_error: true });
  },
  async no_capabilities(sandbox) {
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(await processStatus(sandbox, set), set).toEqual(['0000000000000000']);
  },
  async no_new_privileges(sandbox) {
    expect(await processStatus(sandbox, 'NoNewPrivs')).toEqual(['1']);
  },
  async system_call_filter(sandbox) {
    expect(textOf(await sandbox.bash(`perl -e 'print "perl works"'`))).toBe('perl works');
    for (const name of ['keyctl', 'bpf', 'userfaultfd', 'perf_event_open', 'mount']) {
      expect(textOf(await sandbox.bash(callKernel(name))), name).toMatch(REFUSED);
    }
  },
  async no_new_namespaces(sandbox, { provider }) {
    const flags = ['--user', '--net', '--mount', '--pid', '--ipc', '--uts'];
    for (const flag of flags) {
      const outcome = await sandbox.bash(`unshare ${flag} true`);
      // gVisor's own user namespaces are no part of the host kernel.
      if (provider.isolation !== 'gvisor') expect(outcome, flag).toMatchObject({ is_error: true });
    }
  },
  async socket_families(sandbox) {
    expect(textOf(await sandbox.bash(openSocket(1)))).toBe('made');
    for (const family of FOREIGN_FAMILIES) expect(textOf(await sandbox.bash(openSocket(family))), `family ${family}`).toContain('refused');
  },
  async no_network(sandbox) {
    const interfaces = textOf(await sandbox.bash('cat /proc/net/dev'));
    expect([...interfaces.matchAll(/^\s*(\w+):/gm)].map(([, name]) => name)).toEqual(['lo']);
  },
  async way_out(sandbox) {
    // A socket that is made when the sandbox runs, as the egress gateway does it whenever it is started.
    const server = net.createServer((connection) => void connection.once('data', (data) => connection.end(`heard ${data.toString()}`)));
    const file = path.join(sandbox.spec.egressDirectory, EGRESS_SOCKET);
    await new Promise<void>((resolve) => server.listen(file, resolve));
    try {
      await fs.chmod(file, 0o666);
      expect(textOf(await sandbox.bash('exec 3<>/dev/tcp/127.0.0.1/3128; echo hello >&3; read -r line <&3; echo "$line"'))).toBe('heard hello');
      expect(await sandbox.bash('touch /run/rondo/egress/x || rm /run/rondo/egress/egress.sock')).toMatchObject({ is_error: true });
    } finally {
      server.close();
    }
  },
  async no_host_paths(sandbox) {
    const targets = textOf(await sandbox.bash("awk '$3 !~ /^(proc|sysfs|tmpfs|devpts|mqueue|cgroup|cgroup2|devtmpfs|overlay|none)$/ {print $2}' /proc/mounts"));
    const allowed =
      /^(\/|\/workspace|\/mnt|\/run\/rondo(\/[\w./-]+)?|\/opt\/rondo\/[\w.]+|\/etc\/(hosts|hostname|resolv\.conf|passwd|group)|\/(dev|usr|bin|sbin|lib\w*|etc|var|proc)(\/.*)?)$/;
    expect(targets.split('\n').filter((target) => target !== '' && !allowed.test(target))).toEqual([]);
  },
  async no_engine_socket(sandbox) {
    const sockets = textOf(await sandbox.bash("find / -xdev -type s -not -path '/proc/*' 2>/dev/null; find /run /var /tmp -type s 2>/dev/null")).split('\n');
    expect(sockets.filter((socket) => socket !== '' && socket !== '(no output)' && !socket.startsWith('/run/rondo/'))).not.toContainEqual(
      expect.stringMatching(/docker|containerd|podman|gofer/),
    );
  },
  async memory_limit(_sandbox, engine) {
    const own = await aSandbox(engine);
    // 700 MiB, of 512.
    const outcome = await own.bash(`perl -e 'my $s = "x" x (700 << 20); print "all", " of it"'`).catch((error: unknown) => error);
    if (outcome instanceof RondoError) expect(outcome.code).toBe('sandbox.failed');
    else expect(textOf(outcome as never)).not.toContain('all of it');
  },
  async out_of_memory_contained(_sandbox, engine) {
    const own = await aSandbox(engine);
    expect(await own.bash(`perl -e 'my $s = "x" x (700 << 20)'`)).toMatchObject({ is_error: true });
    expect(textOf(await own.bash('echo alive'))).toContain('alive');
  },
  async cpu_limit(_sandbox, engine) {
    const own = await aSandbox(engine, { cpus: 0.2 });
    const spin = `perl -e 'my $end = time + 5; 1 while time < $end; my ($u, $s) = times; print $u + $s'`;
    const seconds = Number(textOf(await own.bash(spin)));
    expect(seconds).toBeGreaterThan(0);
    // A fifth of at most six seconds, and what gVisor counts of its own; a whole processor would give five.
    expect(seconds).toBeLessThan(2.5);
  },
  async process_limit(_sandbox, engine) {
    const own = await aSandbox(engine, { processes: 64 });
    const flood = `perl -e 'my $n = 0; for (1..200) { my $p = fork; last unless defined $p; if (!$p) { sleep 20; exit } $n++ } print "forked $n\\n"'`;
    const [, forked] = /forked (\d+)/.exec(textOf(await own.bash(`${flood}; kill $(jobs -p) 2>/dev/null`))) ?? [];
    expect(Number(forked)).toBeGreaterThan(5);
    expect(Number(forked)).toBeLessThanOrEqual(64);
  },
  async disk_limit(_sandbox, engine) {
    const own = await aSandbox(engine, { diskBytes: 64 << 20 });
    const outcome = await own.bash('dd if=/dev/zero of=/workspace/big bs=1M count=1024');
    expect(outcome).toMatchObject({ is_error: true });
    expect(await bytesBelow(own.spec.workspaceDirectory)).toBeLessThan(200 << 20);
  },
};

/** What a row says of an engine is so: what is enforced is tested, and what is missing gives its reason. */
export function describePromises(engine: () => TestEngine): void {
  let sandbox: SandboxUnderTest;
  let capabilities: Capabilities;
  beforeAll(async () => {
    sandbox = await aSandbox(engine());
    capabilities = await engine().provider.capabilities();
  });

  test.each(Object.keys(CHECKS) as PromiseName[])('keeps the promise %s, or says why not', async (name) => {
    const capability = capabilities[name];
    if (capability === 'enforced') await CHECKS[name](sandbox, engine());
    else expect(capability.missing).toMatch(/^[a-zA-Z].{20,}/);
  });

  test('there is a promise for every check', () => {
    expect(Object.keys(capabilities).sort()).toEqual(Object.keys(PROMISES).sort());
  });
}

async function bytesBelow(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await fs.readdir(directory, { recursive: true })) bytes += (await fs.lstat(`${directory}/${entry}`)).blocks * 512;
  return bytes;
}
