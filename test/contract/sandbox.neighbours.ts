import * as fs from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, freshId, type SandboxUnderTest, textOf } from './sandbox.fixture.js';

const PTRACE = { x64: 101, arm64: 117 }[process.arch as 'x64'];
const READ_MEMORY = { x64: 310, arm64: 270 }[process.arch as 'x64'];

/** What one session could try on another one's sandbox on the same host. */
export function describeNeighbours(engine: () => TestEngine): void {
  let attacker: SandboxUnderTest;
  let victim: SandboxUnderTest;
  const marker = freshId('neighbour');
  beforeAll(async () => {
    attacker = await aSandbox(engine());
    victim = await aSandbox(engine());
    await victim.bash(`(exec -a ${marker} sleep 1200) >/dev/null 2>&1 & echo started`);
  });

  test("a neighbour's processes cannot be traced, read or signalled, by their numbers here or there", async () => {
    const inside = textOf(await victim.bash(`grep -la ${marker} /proc/[0-9]*/cmdline | grep -o '[0-9]*'`)).split('\n');
    // Of gVisor the host sees one process for each whole sandbox.
    const outside = await hostProcesses(engine().provider.isolation === 'gvisor' ? ['runsc-sandbox'] : [marker]);
    expect(outside.length).toBeGreaterThan(0);
    for (const pid of outside) expect(() => process.kill(pid, 0), 'from the host it can be signalled').not.toThrow();
    const attack = `perl -e 'for my $pid (${[...new Set([...inside, ...outside])].join(', ')}) {
  open(my $own, "<", "/proc/$pid/cmdline") and next;
  print "signalled $pid\\n" if kill 0, $pid;
  print "traced $pid\\n" if syscall(${PTRACE}, 16, $pid, 0, 0) != -1;
  my $buffer = "x" x 16;
  my $vector = pack("QQ", unpack("Q", pack("P", $buffer)), 16);
  print "read $pid\\n" if syscall(${READ_MEMORY}, $pid, $vector, 1, $vector, 1, 0) != -1;
} print "tried"'`;
    expect(textOf(await attacker.bash(attack))).toBe('tried');
    expect(textOf(await victim.bash("grep -h '^TracerPid' /proc/[0-9]*/status | sort -u"))).toMatch(/^TracerPid:\s+0$/);
    expect(textOf(await victim.bash(`grep -la ${marker} /proc/[0-9]*/cmdline | wc -l`))).not.toBe('0');
  });

  test('nothing is shared in memory, in queues or in scratch directories', async () => {
    const plant = [
      `for place in /dev/shm /tmp /home/agent /run/rondo/socket /workspace /mnt; do echo ${marker} > $place/${marker} 2>/dev/null; done`,
      `perl -MIPC::SysV -e 'my $id = shmget(4242, 100, 0666 | 01000); defined $id and shmwrite($id, "${marker}", 0, 40); defined $id and print "segment"'`,
    ].join('; ');
    await victim.bash(plant);
    expect(textOf(await victim.bash(`cat /tmp/${marker}`))).toBe(marker);
    const seen = textOf(
      await attacker.bash(
        `find / -xdev -name '${marker}*' 2>/dev/null; find /dev /tmp /home /run /workspace /mnt -name '${marker}*' 2>/dev/null; cat /proc/sysvipc/shm 2>/dev/null | grep -c 4242; perl -e 'my $id = shmget(4242, 100, 0666); print defined $id ? "shared" : "nothing"'`,
      ),
    );
    expect(seen).not.toContain(marker);
    expect(seen).toMatch(/nothing$/);
  });

  test("a neighbour's directories are nowhere, by any path of the host", async () => {
    const { workspaceDirectory, mountsDirectory, journalDirectory } = victim.spec;
    for (const directory of [workspaceDirectory, mountsDirectory, journalDirectory, engine().directory]) {
      expect((await fs.stat(directory)).isDirectory()).toBe(true);
      for (const path of [directory, `/proc/1/root${directory}`, `/proc/self/cwd/../..${directory}`, `/workspace/../..${directory}`]) {
        expect(await attacker.bash(`ls -d ${path}`), path).toMatchObject({ is_error: true });
        expect(await attacker.call('read', { file_path: `${path}/${marker}` }), path).toMatchObject({ is_error: true });
      }
    }
  });

  test("what is the host's cannot be linked into the workspace", async () => {
    for (const file of ['/etc/passwd', '/opt/rondo/node', '/opt/rondo/supervisor.mjs', '/usr/bin/env', '/mnt/x', '/run/rondo/journal/x']) {
      await attacker.bash('touch /mnt/x /run/rondo/journal/x');
      expect(await attacker.bash(`ln ${file} hard`), file).toMatchObject({ is_error: true });
    }
    expect(await attacker.bash('echo mine > own && ln own hard && cat hard')).toMatchObject({ is_error: false });
  });
}

/** Processes of this host that have one of the texts in their command line. */
async function hostProcesses(texts: readonly string[]): Promise<number[]> {
  const pids = (await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(pids.map(async (pid) => ({ pid, line: await fs.readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') })));
  return lines.filter(({ pid, line }) => pid !== process.pid && texts.some((text) => line.includes(text))).map(({ pid }) => pid);
}
