import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Inside, type InsideSession, startInside } from '../egress/inside/inside.fixture.js';
import { bringNpm } from '../egress/inside/npm.js';
import { API, GIT, OTHER } from '../egress/inside/remote.js';
import { readLog, resultTexts, sql } from '../support/sessions.js';
import { connectTemporal, type TemporalView } from '../support/temporal.js';
import { waitFor } from '../support/wait-for.js';
import { fileDocuments } from './file-documents.js';
import { logDocuments, sessionWorkflows, tableDocuments, temporalDocuments } from './places.js';
import { DUMP, DUMP_COMMAND } from './sandbox-dump.js';
import { aSecret, type Document, findSecrets, placesOf } from './secret-forms.js';

/** By the variable that a session knows each by. */
const SECRETS = { API_TOKEN: aSecret('api'), CODE_TOKEN: aSecret('git'), INDEX_TOKEN: aSecret('pip'), REGISTRY_TOKEN: aSecret('npm') };
const HOSTS = { API_TOKEN: API, CODE_TOKEN: GIT, INDEX_TOKEN: API, REGISTRY_TOKEN: API };
type Name = keyof typeof SECRETS;
const NAMES = Object.keys(SECRETS) as Name[];

let inside: Inside;
let temporal: TemporalView;
let session: InsideSession;
const seen: Document[] = [];

beforeAll(async () => {
  inside = await startInside('docker-runc', { RONDO_LOG_LEVEL: 'trace', RONDO_IDLE_CLOSE_SECONDS: '3' });
  temporal = await connectTemporal(inside.platform);
  inside.remote.git.make('private', 'echo "for few" > README.md; git add .; git commit -qm first');
  inside.remote.git.protect('private', SECRETS.CODE_TOKEN);
});
afterAll(async () => {
  await temporal?.close();
  await inside?.stop();
});

async function request(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const response = await inside.platform.request(method, path, body);
  const text = await response.text();
  seen.push({ place: `http ${method} ${path}`, text: `${JSON.stringify([...response.headers])} ${text}` });
  expect(response.status, text).toBe(200);
  return JSON.parse(text) as Record<string, unknown>;
}

/** What a program in the sandbox was shown. */
async function run(script: string): Promise<string> {
  const text = await session.run(script);
  seen.push({ place: 'tool result', text });
  return text;
}

/** What reached the other side last, and where of it. */
const last = (path: string) => inside.remote.received.filter(({ url }) => url.startsWith(path)).at(-1);
const basicOf = (authorization = '') => Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString('utf8');
const utf8 = (text = '') => Buffer.from(text, 'latin1').toString('utf8');

const everywhere = async (): Promise<Document[]> => [
  ...(await tableDocuments(inside.platform)),
  ...(await temporalDocuments(temporal, sessionWorkflows([session.id]))),
  ...logDocuments(inside.platform),
  { place: 'log egress', text: inside.egress().output() },
  ...fileDocuments('host', inside.platform.home),
  ...fileDocuments('blobs', join(inside.platform.home, 'blobs')),
  ...seen,
];

/** Lets the sandbox be given back and its workspace be kept. */
const kept = () =>
  waitFor(
    'a checkpoint',
    async () => {
      const rows = await sql(
        inside.platform,
        `select 1 from checkpoints c join sandboxes s on s.session_id = c.session_id and s.generation = c.generation where c.session_id = $1 and s.state = 'released'`,
        [session.id],
      );
      return rows.length > 0 ? true : undefined;
    },
    90_000,
  );

describe('secrets of environment_variable credentials', () => {
  it('are placeholders inside, and nothing else', async () => {
    const vault = String((await request('POST', '/v1/vaults', { display_name: 'Canary' }))['id']);
    for (const name of NAMES) {
      const networking = { type: 'limited', allowed_hosts: [HOSTS[name]] };
      await request('POST', `/v1/vaults/${vault}/credentials`, {
        auth: { type: 'environment_variable', secret_name: name, secret_value: SECRETS[name], networking },
      });
    }
    session = await inside.session({
      vaultIds: [vault],
      networking: { type: 'limited', allowed_hosts: [API, GIT, OTHER] },
    });
    await request('GET', `/v1/vaults/${vault}/credentials`);
    const environment = await run(`env | grep _TOKEN= | sort`);
    for (const name of NAMES) expect(environment).toMatch(new RegExp(`^${name}=\\S{20,}$`, 'm'));
  }, 60_000);

  it('reach the other side by curl: in headers, in basic authentication, in bodies, also in pieces; elsewhere the placeholder does', async () => {
    const { remote } = inside;
    const url = remote.at('/curl');
    const answer = await run(`curl -sSi -H "Authorization: Bearer $API_TOKEN" ${url}`);
    expect(utf8(last('/curl')?.headers['authorization'])).toBe(`Bearer ${SECRETS.API_TOKEN}`);
    expect(answer).toMatch(/"authorization":"Bearer \S+"/);
    await run(`curl -sS -u "me:$API_TOKEN" ${url} | tee basic.json`);
    expect(basicOf(last('/curl')?.headers['authorization'])).toBe(`me:${SECRETS.API_TOKEN}`);
    await run(`curl -sS --http2 --json "{\\"key\\":\\"$API_TOKEN\\"}" ${url}`);
    expect(JSON.parse(last('/curl')?.body ?? '')).toEqual({ key: SECRETS.API_TOKEN });
    await run(`curl -sS --data "a=1&key=$API_TOKEN" ${url}`);
    expect(new URLSearchParams(last('/curl')?.body).get('key')).toBe(SECRETS.API_TOKEN);
    const pieces = `(printf '<%s' "\${API_TOKEN:0:9}"; sleep 0.3; printf '%s' "\${API_TOKEN:9:11}"; sleep 0.3; printf '%s>' "\${API_TOKEN:20}")`;
    await run(`${pieces} | curl -sS -N -X POST -T - -H 'content-type: text/plain' ${url}`);
    expect(last('/curl')?.body).toBe(`<${SECRETS.API_TOKEN}>`);
    await run(`curl -sS -H "Authorization: Bearer $API_TOKEN" ${remote.at('/elsewhere', OTHER)}`);
    expect(last('/elsewhere')?.headers['authorization']).toMatch(/^Bearer \S{20,}$/);
    expect(findSecrets([{ place: 'other', text: JSON.stringify(last('/elsewhere')) }], SECRETS)).toEqual([]);
  }, 120_000);

  it('reach the other side by git, which clones and pushes', async () => {
    const { git } = inside.remote;
    const url = git.url('private', GIT).replace('https://', 'https://x-access-token:$CODE_TOKEN@');
    const seenByGit = await run(
      `git clone -q "${url}" project 2>&1; cd project && cat README.md && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m second && GIT_CURL_VERBOSE=1 git push origin HEAD:pushed 2>&1 | tail -40; cd /workspace`,
    );
    expect(seenByGit).toContain('for few');
    expect(seenByGit).toMatch(/new branch/);
    expect(basicOf(git.requests.at(-1)?.authorization)).toBe(`x-access-token:${SECRETS.CODE_TOKEN}`);
    expect(git.requests.map(({ line }) => line)).toContain('POST /private.git/git-receive-pack');
  }, 60_000);

  it('reach the other side by pip, npm, Python and Node', async () => {
    const { remote } = inside;
    const index = remote.at('/simple').replace('https://', 'https://me:$INDEX_TOKEN@');
    expect(
      await run(`pip install -v --no-cache-dir --target /workspace/pip --index-url "${index}" rondo-probe 2>&1 | tail -20; cat pip/rondo_probe.py`),
    ).toContain('the index');
    expect(basicOf(last('/simple')?.headers['authorization'])).toBe(`me:${SECRETS.INDEX_TOKEN}`);
    const registry = remote.at('/npm/');
    const npm = `mkdir -p js && cd js && echo '${registry.replace('https:', '')}:_authToken=\${REGISTRY_TOKEN}' > .npmrc && ${await bringNpm(session)} install --loglevel verbose --no-audit --no-fund --registry ${registry} rondo-probe 2>&1 | tail -30; node -e 'console.log(require("rondo-probe"))'; cd /workspace`;
    expect(await run(npm)).toContain('the registry');
    expect(utf8(last('/npm/rondo-probe')?.headers['authorization'])).toBe(`Bearer ${SECRETS.REGISTRY_TOKEN}`);
    const python = `import os, urllib.request as r; print(r.urlopen(r.Request("${remote.at('/python')}", headers={"X-Api-Key": os.environ["API_TOKEN"]})).read().decode())`;
    await run(`python3 -c '${python}'`);
    expect(utf8(last('/python')?.headers['x-api-key'])).toBe(SECRETS.API_TOKEN);
    await run(`node -e 'fetch("${remote.at('/node')}", { headers: { "x-api-key": process.env.API_TOKEN } }).then((r) => r.text()).then(console.log)'`);
    expect(utf8(last('/node')?.headers['x-api-key'])).toBe(SECRETS.API_TOKEN);
  }, 180_000);

  it('are found nowhere else: not in the sandbox, a row, a log, a history, an answer, a blob or a file of the host, in any form', async () => {
    const { platform, remote } = inside;
    // A long output is kept in a file, and an output becomes a file of the session.
    await run(`for i in $(seq 300); do curl -sS -H "X-Api-Key: $API_TOKEN" ${remote.at('/long')}; done | tee /mnt/session/outputs/answers.json; history; set`);
    await run(`${DUMP_COMMAND}; cp ~/.*history /workspace/ 2>/dev/null; true`);
    const dump = readFileSync(join(platform.home, 'workspaces', session.id, DUMP), 'latin1');
    expect(dump).toMatch(/API_TOKEN=\S{20,}/);
    expect(dump).toMatch(/memory of \/proc\/\d+\/maps: [1-9]/);
    for (const path of ['', '/events?limit=1000', '/trace?limit=1000', '/resources']) await request('GET', `/v1/sessions/${session.id}${path}`);
    await kept();
    const documents = await everywhere();
    const places = placesOf(documents.map(({ place }) => `${place}:`));
    expect(places).toEqual(
      expect.arrayContaining(['http GET', 'log egress', 'log gateway', 'log worker', 'table events', 'table egress_requests', 'tool result', `host ${DUMP}`]),
    );
    expect(documents.some(({ place }) => place.startsWith('blobs ') && place.endsWith('unpacked'))).toBe(true);
    expect(findSecrets(documents, SECRETS)).toEqual([]);
    // They were sent, and are kept: as ciphertext.
    expect(findSecrets([{ place: 'remote', text: JSON.stringify(remote.received.map(({ body }) => body)) }], SECRETS)).not.toEqual([]);
    expect(documents.filter(({ place }) => place === 'table vault_credentials secret')).toHaveLength(NAMES.length);
  }, 240_000);

  it('would be found: one that is planted in the sandbox is in every kind of place', async () => {
    const planted = aSecret('planted');
    const before = seen.length;
    const quoted = `'${planted}'`;
    await run(
      `export PLANTED=${quoted}; echo ${quoted} > planted.txt; echo ${quoted} > /mnt/session/outputs/planted.txt; for i in $(seq 3000); do echo ${quoted}; done; curl -sS '${inside.remote.at('/planted')}?a='${quoted}`,
    );
    await request('GET', `/v1/sessions/${session.id}/events?limit=1000`);
    await kept();
    const documents = (await everywhere()).filter(
      ({ place }) => place.startsWith('host') || place.startsWith('blobs') || place.startsWith('table') || place.startsWith('temporal'),
    );
    const found = findSecrets([...documents, ...seen.slice(before)], { planted });
    expect(placesOf(found)).toEqual(expect.arrayContaining(['http GET', 'table events', 'table egress_requests', 'tool result', 'host planted.txt']));
    expect(found.some((finding) => finding.startsWith('blobs ') && finding.includes('unpacked'))).toBe(true);
    expect(resultTexts(await readLog(inside.platform, session.id)).at(-1)).toContain('planted-canary');
  }, 120_000);
});
