import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Listeners, startListeners } from '../support/network-listeners.js';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, type SandboxUnderTest, SUPERVISOR, textOf } from './sandbox.fixture.js';

const CANARY = 'canary-of-the-host-8d21';

/** A probe of the network, in a language that every image has; prints `reached` and what came back, or why not. */
const probe = (kind: 'tcp' | 'udp', address: string, port: number): string => {
  const family = address.includes(':') ? 'AF_INET6' : 'AF_INET';
  const pack = family === 'AF_INET6' ? 'pack_sockaddr_in6' : 'pack_sockaddr_in';
  const type = kind === 'tcp' ? 'SOCK_STREAM' : 'SOCK_DGRAM';
  return `perl -e 'use Socket qw(:all); $SIG{ALRM} = sub { print "silent\\n"; exit 3 }; alarm 4;
socket(my $s, ${family}, ${type}, 0) or do { print "no socket: $!\\n"; exit 2 };
connect($s, ${pack}(${port}, inet_pton(${family}, "${address}"))) or do { print "no way: $!\\n"; exit 2 };
syswrite($s, "leak") or do { print "not sent: $!\\n"; exit 2 };
sysread($s, my $answer, 100) or do { print "no answer: $!\\n"; exit 2 };
print "reached $answer\\n"'`;
};

/** Runs the same probe on this host, to show that it would succeed. */
const onHost = (command: string): Promise<string> => new Promise((resolve) => execFile('bash', ['-c', command], (_error, stdout) => resolve(stdout.trim())));

export function describeBypass(engine: () => TestEngine): void {
  let sandbox: SandboxUnderTest;
  let listeners: Listeners;
  beforeAll(async () => {
    sandbox = await aSandbox(engine());
    listeners = await startListeners();
  });
  afterAll(() => listeners?.close());

  /** The probe reaches the listener from the host and nothing from inside. */
  const expectNoWay = async (kind: 'tcp' | 'udp', address: string, port: number) => {
    expect(await onHost(probe(kind, address, port)), `the probe itself, to ${address}`).toContain('reached');
    const before = listeners.heard();
    const inside = textOf(await sandbox.bash(probe(kind, address, port)));
    expect(inside, address).toMatch(/no socket|no way|not sent|no answer|silent/);
    expect(inside, address).not.toContain('reached');
    expect(listeners.heard()).toBe(before);
  };
  const hostAddresses = () =>
    Object.values(os.networkInterfaces()).flatMap((entries) => (entries ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => address));

  test('metadata addresses are not reached', async () => {
    // One in the same place as a cloud's metadata service, on this host for the time of the test.
    await listeners.withAddress('169.254.169.254', () => expectNoWay('tcp', '169.254.169.254', listeners.tcpPort));
  });

  test('private ranges are not reached', async () => {
    await listeners.withAddress('10.99.99.1', () => expectNoWay('tcp', '10.99.99.1', listeners.tcpPort));
    await listeners.withAddress('192.168.199.1', () => expectNoWay('tcp', '192.168.199.1', listeners.tcpPort));
  });

  test('ports of the host are not reached, on none of its addresses', async () => {
    for (const address of hostAddresses()) await expectNoWay('tcp', address, listeners.tcpPort);
  });

  test('a public address is not reached by its number', async () => {
    await listeners.withAddress('198.51.100.7', () => expectNoWay('tcp', '198.51.100.7', listeners.tcpPort));
  });

  test('UDP goes nowhere', async () => {
    for (const address of hostAddresses()) await expectNoWay('udp', address, listeners.udpPort);
  });

  test('names are not resolved, and a query carries nothing out', async () => {
    const before = listeners.heard();
    for (const address of hostAddresses()) await sandbox.bash(probe('udp', address, listeners.udpPort));
    const outcome = await sandbox.bash('getent hosts leak-4f1b.example.com; getent ahosts localhost >/dev/null && echo local');
    expect(textOf(outcome)).not.toMatch(/leak-4f1b/);
    expect(listeners.heard()).toBe(before);
  });

  test('ICMP and raw sockets are refused', async () => {
    const raw = (type: string) =>
      `perl -e 'use Socket; socket(my $s, AF_INET, ${type}, getprotobyname("icmp") || 1) or die "refused: $!"; my $to = pack_sockaddr_in(0, inet_aton("198.51.100.8")); send($s, pack("CCnnn", 8, 0, 0xf7ff, 0, 0), 0, $to) or die "refused: $!"; $SIG{ALRM} = sub { die "refused: silent" }; alarm 3; recv($s, my $b, 100, 0) or die "refused: $!"; print "reached"'`;
    await listeners.withAddress('198.51.100.8', async () => {
      expect(await onHost(raw('SOCK_RAW'))).toContain('reached');
      for (const type of ['SOCK_RAW', 'SOCK_DGRAM']) expect(textOf(await sandbox.bash(raw(type))), type).toMatch(/refused/);
    });
  });

  test('IPv6 goes nowhere', async () => {
    await expectNoWay('tcp', '::1', listeners.tcp6Port);
  });

  test('another sandbox is not reached: no network, no process, no abstract socket, no file', async () => {
    const other = await aSandbox(engine());
    await other.bash(`echo ${CANARY} > /workspace/mine /tmp/mine; echo ${CANARY} > /tmp/mine`);
    await other.bash(
      `(perl -e 'use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un("\\0${CANARY}")); listen($s, 5); accept(my $c, $s); print "somebody came"; sleep 30' > came 2>&1 &) ; sleep 30 ${CANARY.length} &`,
    );
    const seen = textOf(
      await sandbox.bash("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; cat /proc/net/unix 2>/dev/null; cat /tmp/mine /workspace/mine 2>&1"),
    );
    expect(seen).not.toContain(CANARY);
    expect(
      await sandbox.bash(
        `perl -e 'use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, pack_sockaddr_un("\\0${CANARY}")) or die "refused: $!"; print "in"'`,
      ),
    ).toMatchObject({ is_error: true });
    expect(textOf(await other.bash('cat came'))).not.toContain('somebody');
  });

  test('no process of the host can be seen, signalled or traced', async () => {
    const pids = textOf(await sandbox.bash('ls /proc | grep -E "^[0-9]+$" | sort -n'))
      .split('\n')
      .map(Number);
    expect(pids.length).toBeLessThan(40);
    const attack = `perl -e 'for my $pid (${process.pid}, ${process.ppid}) { print "hit $pid\\n" if kill 0, $pid; }'`;
    expect(textOf(await sandbox.bash(attack))).not.toContain('hit');
    const trace = { x64: 101, arm64: 117 }[process.arch as 'x64'];
    expect(textOf(await sandbox.bash(`perl -e 'print "traced" if syscall(${trace}, 16, ${process.pid}, 0, 0) != -1; print "done"'`))).toBe('done');
  });

  test('/proc and /sys of the host give nothing away and take nothing', async () => {
    const secret = path.join(engine().directory, 'proc-secret');
    await fs.writeFile(secret, CANARY, { mode: 0o644 });
    const reads = [
      '/proc/kcore',
      '/proc/kmsg',
      '/dev/kmsg',
      '/dev/mem',
      `/proc/1/root${secret}`,
      `/proc/self/root${secret}`,
      '/sys/kernel/security/lsm',
      '/proc/sched_debug',
    ];
    for (const file of reads) expect(textOf(await sandbox.bash(`head -c 100 ${file} 2>&1`)), file).not.toMatch(new RegExp(`${CANARY}|ELF`));
    const writes = [
      '/proc/sys/kernel/core_pattern',
      '/proc/sysrq-trigger',
      '/proc/sys/vm/drop_caches',
      '/sys/kernel/uevent_helper',
      '/sys/fs/cgroup/release_agent',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes',
      '/sys/fs/cgroup/memory.max',
    ];
    const pattern = await fs.readFile('/proc/sys/kernel/core_pattern', 'utf8');
    for (const file of writes) expect(await sandbox.bash(`echo '|/tmp/x' > ${file}`), file).toMatchObject({ is_error: true });
    expect(await fs.readFile('/proc/sys/kernel/core_pattern', 'utf8')).toBe(pattern);
  });

  test('no socket of an engine is there, also not by its usual names', async () => {
    for (const name of ['/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock', '/run/podman/podman.sock', '/run/crio/crio.sock']) {
      expect(await sandbox.bash(`test -e ${name}`), name).toMatchObject({ is_error: true });
    }
  });

  test('nothing can be mounted, by any of the ways', async () => {
    const ways = [
      'mount -t tmpfs none /tmp',
      'mount --bind /etc /tmp',
      'mount -t proc none /tmp',
      'mount -o remount,rw /',
      'umount /proc',
      'unshare -Urm mount -t tmpfs none /etc && touch /etc/x',
      'chroot /tmp true',
    ];
    for (const way of ways) expect(await sandbox.bash(`${way} && touch /etc/planted`), way).toMatchObject({ is_error: true });
    for (const device of ['sda', 'vda', 'loop0', 'loop-control', 'fuse', 'kvm', 'net/tun'])
      expect(await sandbox.bash(`head -c 1 /dev/${device}`), device).toMatchObject({ is_error: true });
    expect(await sandbox.bash('mknod /tmp/disk b 8 0')).toMatchObject({ is_error: true });
  });

  test('a fork bomb stays inside, and the sandbox or its replacement works on', async () => {
    const { provider } = engine();
    const bombed = await aSandbox(engine(), { processes: 64 });
    const neighbour = await aSandbox(engine());
    await bombed.bash('bomb() { bomb | bomb & }; bomb', { timeoutMs: 3_000 }).catch(() => undefined);
    const begin = performance.now();
    expect(textOf(await neighbour.bash('echo fine'))).toBe('fine');
    expect(performance.now() - begin).toBeLessThan(10_000);
    await provider.destroy(bombed.spec.name);
    const next = await aSandbox(engine(), { workspaceDirectory: bombed.spec.workspaceDirectory });
    expect(textOf(await next.bash('echo again'))).toBe('again');
  }, 90_000);

  test('terminal sequences in output do not reach whoever reads it', async () => {
    const outcome = await sandbox.bash(`printf '\\033]0;owned\\007\\033[2J\\033[31mred\\033[0m \\033]52;c;ZXZpbA==\\007done\\n'`);
    expect(textOf(outcome)).toMatch(/red.*done/);
    expect(textOf(outcome)).not.toContain('\u001b');
  });

  test('a killed supervisor comes back with no more rights than before', async () => {
    const own = await aSandbox(engine());
    await own.bash(`kill -9 ${SUPERVISOR}`).catch(() => undefined);
    const again = await own.reconnect();
    expect(textOf(await again.bash("id -u; grep -h '^CapEff\\|^NoNewPrivs' /proc/[0-9]*/status | sort -u"))).toMatch(
      /10001\nCapEff:\s+0000000000000000\nNoNewPrivs:\s+1$/,
    );
  });
}
