import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectWholeLog, invoke, resultTexts, waitForInvocation } from '../../support/sessions.js';
import { type Inside, startInside } from './inside.fixture.js';
import { API, GIT, OTHER } from './remote.js';

let inside: Inside;
beforeAll(async () => {
  inside = await startInside('docker-runc');
  inside.remote.git.make('project', 'echo "from the repository" > README.md; git add .; git commit -qm first');
});
afterAll(() => inside?.stop());

it('files, a repository, packages, a policy for the network and a secret, in one request', { timeout: 600_000 }, async () => {
  const { platform, remote } = inside;
  const { sdk } = platform;
  const file = await sdk.beta.files.upload({ file: new File(['month,sales\n10,7\n'], 'sales.csv') });
  const vault = await sdk.beta.vaults.create({ display_name: 'Sales' });
  await sdk.beta.vaults.credentials.create(vault.id, {
    auth: {
      type: 'environment_variable',
      secret_name: 'API_TOKEN',
      secret_value: 'secret-of-the-sales',
      networking: { type: 'limited', allowed_hosts: [API] },
    },
  });
  const script = [
    'cat sales.csv project/README.md',
    `python3 -c "import cowsay; print('cowsay', cowsay.__version__)"`,
    `curl -sS -o /dev/null -w 'api %{http_code}\\n' -H "Authorization: Bearer $API_TOKEN" ${remote.at('/sales')}`,
    `curl -sSi ${remote.at('/sales', OTHER)} 2>/dev/null | head -1`,
  ].join('; ');
  const { id, session_id } = await invoke(platform, {
    model: 'rehearsal/shell',
    input: `run: ${script}`,
    resources: [
      { type: 'file', file_id: file.id, mount_path: '/workspace/sales.csv' },
      { type: 'github_repository', url: remote.git.url('project', '127.0.0.1'), mount_path: '/workspace/project' },
    ],
    vault_ids: [vault.id],
    environment: {
      networking: { type: 'limited', allowed_hosts: [API, GIT], allow_package_managers: true },
      packages: { pip: ['cowsay==6.1'] },
    },
  });
  expect(await waitForInvocation(platform, id, undefined, 500_000)).toMatchObject({ status: 'completed' });
  const seen = resultTexts(await expectWholeLog(platform, session_id)).at(-1);
  expect(seen).toMatch(/month,sales\n10,7\nfrom the repository\ncowsay 6\.1\napi 200\nHTTP\/1\.1 403 Forbidden: .*other\.test/);
  expect(remote.received.find(({ url }) => url === '/sales')?.headers['authorization']).toBe('Bearer secret-of-the-sales');
});

it('git inside fetches and pushes with the token of an attached repository, which is nowhere inside', async () => {
  const token = 'token-of-the-private-repository';
  inside.remote.git.make('private', 'echo "private" > README.md; git add .; git commit -qm first');
  inside.remote.git.protect('private', token);
  const url = inside.remote.git.url('private', '127.0.0.1');
  const session = await inside.session({
    networking: { type: 'limited' },
    resources: [{ type: 'github_repository', url, authorization_token: token, mount_path: '/workspace/private' }],
  });
  // Programs go to this machine by themselves, unless they are told not to.
  const seen = await session.run(
    [
      'export no_proxy= NO_PROXY=; cd private && echo two > two.txt && git add .',
      'git -c user.name=a -c user.email=a@example.com commit -qm second && git push -q origin HEAD:main 2>&1 && git fetch -q && git log -1 --format=%s origin/main',
      `{ env; cat .git/config; } | grep -c ${token}`,
      `git ls-remote ${inside.remote.git.url('project', '127.0.0.1')} 2>&1 | tail -1`,
    ].join('; '),
  );
  expect(seen).toMatch(/^second\n0\nfatal: .*403/m);
  const pushes = inside.remote.git.requests.filter(({ line }) => line.startsWith('POST /private.git/git-receive-pack'));
  expect(pushes.map(({ authorization }) => authorization)).toContain(`Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`);
});
