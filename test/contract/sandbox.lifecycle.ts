import * as fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, aSpec, connected, freshId, textOf } from './sandbox.fixture.js';

export function describeLifecycle(engine: () => TestEngine): void {
  test('a probe runs a whole sandbox and leaves nothing', async () => {
    const before = await engine().provider.list();
    await engine().provider.probe();
    expect(await engine().provider.list()).toEqual(before);
  });

  test('two creations of one name at the same time make one sandbox', async () => {
    const { provider, again } = engine();
    const spec = aSpec(engine());
    await Promise.all([provider.create(spec), again().create(spec)]);
    await again().create(spec);

    expect((await provider.list()).filter((name) => name === spec.name)).toHaveLength(1);
    const first = await connected(engine(), spec);
    const second = await connected(engine(), spec);
    expect(second.client.bootId).toBe(first.client.bootId);
  });

  test('a sandbox is seen and used by another process that did not make it', async () => {
    const sandbox = await aSandbox(engine());
    sandbox.client.close();
    const other = { ...engine(), provider: engine().again() };

    expect(await other.provider.list()).toContain(sandbox.spec.name);
    expect(await other.provider.isRunning(sandbox.spec.name)).toBe(true);
    const { bash } = await connected(other, sandbox.spec);
    expect(textOf(await bash('echo here'))).toBe('here');
  });

  test('a destroyed sandbox is gone, and destroying it again succeeds', async () => {
    const { provider } = engine();
    const { spec } = await aSandbox(engine());
    await provider.destroy(spec.name);
    await provider.destroy(spec.name);
    await provider.destroy(freshId('never'));

    expect(await provider.isRunning(spec.name)).toBe(false);
    expect(await provider.list()).not.toContain(spec.name);
    await expect(provider.attach(spec.name)).rejects.toMatchObject({ code: 'sandbox.gone' });
  });

  test('two destructions at the same time both succeed', async () => {
    const { provider, again } = engine();
    const { spec } = await aSandbox(engine());
    await Promise.all([provider.destroy(spec.name), again().destroy(spec.name)]);
    expect(await provider.isRunning(spec.name)).toBe(false);
  });

  test('the workspace outlives its sandbox and belongs to the sandbox user alone', async () => {
    const first = await aSandbox(engine());
    await first.call('write', { file_path: 'kept.txt', content: 'kept' });
    await engine().provider.destroy(first.spec.name);

    const { workspaceDirectory } = first.spec;
    const second = await aSandbox(engine(), { workspaceDirectory });
    expect(textOf(await second.bash('cat kept.txt'))).toBe('kept');
    const stat = await fs.stat(workspaceDirectory);
    expect([stat.uid, stat.mode & 0o777]).toEqual([process.getuid?.() === 0 ? 10001 : process.getuid?.(), 0o700]);
    expect((await fs.stat(path.join(workspaceDirectory, 'kept.txt'))).uid).toBe(stat.uid);
  });
}
