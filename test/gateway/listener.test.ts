import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createListener } from '../../infra/postgres/listener.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { waitFor } from '../support/wait-for.js';

let database: TestDatabase;
let owner: pg.Client;

beforeAll(async () => {
  database = await createDatabase();
  owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await database?.drop();
});

const notify = (channel: string, payload: string) => owner.query('select pg_notify($1, $2)', [channel, payload]);
const cut = () =>
  owner.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rondo-listener' and datname = current_database()`);
const open = () => createListener({ url: database.appUrl, channels: ['left', 'right'], log: pino({ level: 'silent' }) });

describe('a listener', () => {
  it('gives each channel its payloads, until it is told to stop', async () => {
    const listener = open();
    const left: string[] = [];
    const right: string[] = [];
    const stop = listener.on('left', (payload) => left.push(payload));
    listener.on('right', (payload) => right.push(payload));
    await listener.start();
    await notify('left', 'one');
    await notify('right', 'two');
    await waitFor('both', () => left.length === 1 && right.length === 1);
    stop();
    await notify('left', 'three');
    await notify('right', 'four');
    await waitFor('the last', () => right.length === 2);
    expect({ left, right }).toEqual({ left: ['one'], right: ['two', 'four'] });
    await listener.close();
  });

  it('listens again after its connection was cut, and says that something may have been missed', async () => {
    const listener = open();
    const heard: string[] = [];
    let resyncs = 0;
    listener.on('left', (payload) => heard.push(payload));
    listener.onResync(() => {
      resyncs += 1;
    });
    await listener.start();
    for (const round of [2, 3]) {
      await cut();
      await waitFor('a resync', () => resyncs === round);
      await notify('left', String(round));
      await waitFor('the notification', () => heard.includes(String(round)));
    }
    await listener.close();
  });

  it('refuses a channel it was not created for', () => {
    expect(() => open().on('elsewhere', () => undefined)).toThrow('elsewhere');
  });

  it('can be closed while its database is away', async () => {
    const listener = createListener({ url: 'postgres://nobody:nothing@127.0.0.1:9/none', channels: ['left'], log: pino({ level: 'silent' }) });
    const starting = listener.start();
    await listener.close();
    await starting;
  });

  it('leaves no connection behind', async () => {
    const { rows } = await owner.query(`select 1 from pg_stat_activity where application_name = 'rondo-listener' and datname = current_database()`);
    expect(rows).toEqual([]);
  });
});
