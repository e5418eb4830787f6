import { expect, onTestFinished, test } from 'vitest';
import { type SandboxSettings, selectProvider } from '../../activities/sandbox/select-provider.js';
import { sandboxSettings } from '../support/sandbox-engines.js';

const select = async (overrides: Partial<SandboxSettings>) => {
  const settings = sandboxSettings();
  onTestFinished(() => settings[Symbol.dispose]());
  const provider = await selectProvider({ ...settings.value, ...overrides });
  return { engine: provider.engine, runtime: provider.runtime, isolation: provider.isolation };
};
const nowhere = 'unix:///nowhere/docker.sock';

test('by itself it takes gVisor where that is registered', async () => {
  expect(await select({ engine: 'auto', runtime: 'auto' })).toEqual({ engine: 'docker', runtime: 'runsc', isolation: 'gvisor' });
});

test('it takes the runtime that is asked for', async () => {
  expect(await select({ engine: 'docker', runtime: 'runc' })).toEqual({ engine: 'docker', runtime: 'runc', isolation: 'container' });
});

test('without an engine it takes bubblewrap', async () => {
  expect(await select({ engine: 'auto', runtime: 'auto', dockerHost: nowhere })).toMatchObject({ engine: 'bubblewrap', isolation: 'process' });
});

test('bubblewrap also works on the own root file system of the host', async () => {
  expect(await select({ engine: 'bubblewrap', runtime: 'auto', rootfs: undefined })).toMatchObject({ engine: 'bubblewrap' });
});

test('what was asked for by name is never replaced by something weaker', async () => {
  await expect(select({ engine: 'docker', runtime: 'auto', dockerHost: nowhere })).rejects.toMatchObject({ code: 'sandbox.unavailable' });
  await expect(select({ engine: 'auto', runtime: 'runsc', dockerHost: nowhere })).rejects.toMatchObject({ code: 'sandbox.unavailable' });
  await expect(select({ engine: 'auto', runtime: 'kata-runtime' })).rejects.toThrow(/no runtime kata-runtime/);
});

test('nothing weaker than demanded is taken, and the error says what there is and what to install', async () => {
  expect(await select({ engine: 'auto', runtime: 'auto', minimumIsolation: 'gvisor' })).toMatchObject({ isolation: 'gvisor' });
  const weaker = select({ engine: 'bubblewrap', runtime: 'auto', minimumIsolation: 'container' });
  await expect(weaker).rejects.toMatchObject({ code: 'sandbox.unavailable' });
  await expect(weaker).rejects.toThrow(/RONDO_MIN_ISOLATION=container.*bubblewrap with bwrap works, but isolates by process only.*Install Docker/s);
});

test('when nothing works the error names every reason and what to do', async () => {
  const failure = select({ engine: 'auto', runtime: 'auto', dockerHost: nowhere, bwrap: '/nowhere/bwrap' });
  await expect(failure).rejects.toMatchObject({ code: 'sandbox.unavailable' });
  await expect(failure).rejects.toThrow(/docker with runsc: No Docker engine answers.*docker with runc.*bubblewrap with bwrap.*install bubblewrap/s);
});

test('a missing image is named', async () => {
  await expect(select({ engine: 'docker', image: 'rondo-no-such-image:1' })).rejects.toThrow(/has no image rondo-no-such-image:1/);
});
