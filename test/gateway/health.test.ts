import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeWorker, reportWorker } from '../../infra/postgres/worker-status.repo.js';
import { startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

describe('/readyz', () => {
  it('names every part, is 503 while one is missing, and tells the sandbox engine with its isolation', async () => {
    await reportWorker(gateway.pool, { id: 'w1', engine: 'docker', runtime: 'runsc', isolation: 'gvisor' });
    await reportWorker(gateway.pool, { id: 'w2', engine: null, runtime: null, isolation: null });
    const { status, body } = await gateway.request('GET', '/readyz', undefined, { authorization: '' });
    expect(status).toBe(503);
    expect(body).toEqual({
      status: 'not_ready',
      checks: {
        postgres: { state: 'ok', detail: expect.any(String) },
        temporal: { state: 'missing', detail: expect.stringContaining('Temporal') },
        worker: { state: 'missing', detail: expect.any(String) },
        sandbox: {
          state: 'ok',
          detail: 'docker with runsc, isolation: gvisor',
          engines: [{ engine: 'docker', runtime: 'runsc', isolation: 'gvisor', missing: {} }],
        },
        egress: { state: 'missing', detail: expect.stringContaining('nothing is open to sandboxes') },
      },
    });
  });

  it('tells of each host whether its egress gateway answers, which no turn needs', async () => {
    const report = (id: string, host: string, sandboxes: number | null) =>
      reportWorker(gateway.pool, { id, engine: 'docker', runtime: 'runsc', isolation: 'gvisor', detail: { egress: { host, sandboxes } } });
    const look = async () => (await gateway.request('GET', '/readyz')).body.checks.egress;
    for (const id of ['w1', 'w4']) await report(id, 'one', 3);
    await expect.poll(look, { timeout: 10_000 }).toEqual({ state: 'ok', detail: expect.any(String), hosts: [{ host: 'one', sandboxes: 3 }] });
    await report('w5', 'two', null);
    await expect
      .poll(look, { timeout: 10_000 })
      .toMatchObject({ state: 'missing', detail: expect.stringContaining('on two'), hosts: [{}, { host: 'two', sandboxes: null }] });
    for (const id of ['w4', 'w5']) await removeWorker(gateway.pool, id);
  });

  it('counts a worker only while it reports', async () => {
    await removeWorker(gateway.pool, 'w1');
    await reportWorker(gateway.pool, { id: 'w3', engine: 'bubblewrap', runtime: null, isolation: 'namespaces' });
    await gateway.pool.query(`update worker_status set seen_at = now() - interval '16 seconds' where id = 'w3'`);
    await expect
      .poll(async () => (await gateway.request('GET', '/readyz')).body.checks.sandbox, { timeout: 10_000 })
      .toEqual({ state: 'missing', detail: expect.stringContaining('npm run doctor') });
  });
});
