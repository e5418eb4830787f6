import * as fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { memberDirectories, memberFolder, placeMember } from '../../activities/sandbox/pool-directories.js';
import { sandboxUser } from '../../activities/sandbox/sandbox-user.js';
import { directoriesOf } from '../../activities/sandbox/session-directories.js';
import { connectSupervisor } from '../../activities/sandbox/supervisor.client.js';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, aSpec, freshId, MEBIBYTE, textOf } from './sandbox.fixture.js';

const A_MEMBER = '01JD0000000000000000000000';

/** A sandbox that runs, and belongs to nobody yet. */
async function aMember(engine: TestEngine) {
  const home = path.join(engine.directory, freshId('home'));
  const spec = { ...aSpec(engine), ...memberDirectories(home, A_MEMBER), diskBytes: 64 * MEBIBYTE };
  await engine.provider.create(spec);
  const client = await connectSupervisor(await engine.provider.attach(spec.name), { sandbox: spec.name });
  const bash = async (command: string) => textOf(await client.call({ callId: freshId('sevt'), name: 'bash', input: { command }, timeoutMs: 60_000 }));
  const sessionId = freshId('sesn');
  const places = directoriesOf(home, sessionId, 1);
  return { home, client, bash, sessionId, places };
}

/** Everything particular comes after the start: the pool depends on it. */
export function describeBinding(engine: () => TestEngine): void {
  it('a sandbox that runs takes over what its session has on the host, byte for byte, and the host sees what is done in it', async () => {
    const { home, client, bash, sessionId, places } = await aMember(engine());
    const user = sandboxUser();
    const { workspaceDirectory: workspace, mountsDirectory: mounts } = places;
    for (const directory of [workspace, mounts]) fs.mkdirSync(path.join(directory, 'deep', 'er'), { recursive: true });
    fs.mkdirSync(path.join(mounts, 'session', 'uploads'), { recursive: true });
    fs.writeFileSync(path.join(mounts, 'session', 'uploads', 'note'), 'from before');
    fs.chownSync(path.join(mounts, 'session'), user.uid, user.gid);
    fs.writeFileSync(path.join(workspace, 'deep', 'er', 'program'), '#!/bin/sh\n', { mode: 0o755 });
    fs.writeFileSync(Buffer.concat([Buffer.from(`${workspace}/`), Buffer.from([0x66, 0xff])]), 'a name that is not UTF-8');
    fs.symlinkSync('/etc/passwd', path.join(workspace, 'link'));
    fs.linkSync(path.join(workspace, 'deep', 'er', 'program'), path.join(workspace, 'same'));
    fs.lutimesSync(path.join(workspace, 'deep'), 1_000_000_000, 1_000_000_000);
    fs.chmodSync(workspace, 0o755);
    fs.utimesSync(workspace, 1_100_000_000, 1_100_000_000);
    await placeMember(home, A_MEMBER, places);
    await placeMember(home, A_MEMBER, places);
    await client.bind({ sessionId, environment: {} });
    const seen = await bash('stat -c "%n %a %Y" /workspace deep; cat /mnt/session/uploads/note; stat -c %a same; readlink link; ls -1b; ls /mnt /mnt/session');
    expect(seen).toContain('/workspace 755 1100000000\ndeep 755 1000000000\nfrom before755\n/etc/passwd\n');
    expect(seen).toContain('f\\377');
    expect(seen).toContain('/mnt:\ndeep\nsession\nskills\n\n/mnt/session:\noutputs\nuploads');
    await bash('echo from inside > answer');
    expect(fs.readFileSync(path.join(workspace, 'answer'), 'utf8')).toBe('from inside\n');
    expect(fs.statSync(path.join(workspace, 'deep', 'er', 'program')).nlink).toBe(2);
    expect(fs.existsSync(memberFolder(home, A_MEMBER))).toBe(false);
    client.close();
  });

  it('a claim that ended half-way is finished by the next: what has gone over stays, what has not follows', async () => {
    const { home, client, bash, sessionId, places } = await aMember(engine());
    const own = memberDirectories(home, A_MEMBER);
    fs.mkdirSync(places.workspaceDirectory, { recursive: true });
    fs.writeFileSync(path.join(places.workspaceDirectory, 'left'), 'not moved yet');
    fs.writeFileSync(path.join(own.workspaceDirectory, 'gone'), 'moved before the crash');
    await placeMember(home, A_MEMBER, places);
    await client.bind({ sessionId, environment: {} });
    expect(await bash('cat left gone')).toBe('not moved yetmoved before the crash');
    client.close();
  });

  it('what a session is bound to is in the environment of its shells, as it is, and of later shells when it changes', async () => {
    const { client, bash, spec } = await aSandbox(engine());
    expect(textOf(await bash('printf "%s|%s" "$BOUND_LATE" "$RONDO_SESSION_ID"'))).toBe(`as it is: $HOME \`x\` "y"|${spec.name}`);
    await client.bind({ sessionId: spec.name, environment: { OTHER: 'one\ntwo', RONDO_SHELL: 'no', PATH: '/usr/bin:/bin' } });
    expect(textOf(await bash('printf %s "$OTHER"'))).toBe('(no output)');
    await bash('exit');
    const seen = textOf(await bash('printf "%s|%s|%s" "$OTHER" "$BOUND_LATE" "$PATH"; test "$RONDO_SHELL" = no || echo marked'));
    expect(seen).toMatch(/one\ntwo\|\|\/usr\/bin:\/bin.*marked$/s);
  });

  it('nothing is bound by a name that is no variable', async () => {
    const { client, spec } = await aSandbox(engine());
    await expect(client.bind({ sessionId: spec.name, environment: { 'A=B; C': 'x' } })).rejects.toMatchObject({ code: 'sandbox.failed' });
  });
}
