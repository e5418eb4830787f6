import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { VARIABLES } from '../../infra/config/variables.js';
import { root } from './source-tree.js';

const Service = z.looseObject({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string().default('Dockerfile'), args: z.record(z.string(), z.string()) }).optional(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  restart: z.string().default('no'),
  healthcheck: z.unknown().optional(),
  user: z.string().optional(),
});

const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
const { services } = z.object({ services: z.record(z.string(), Service) }).parse(parse(text, { merge: true }));
const all = Object.entries(services).map(([name, service]) => ({ name, ...service }));
const service = (name: string) => {
  const found = services[name];
  if (!found) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
};
const waitsFor = (name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(service(name).depends_on).map(([other, { condition }]) => [other, condition]));

test('the stack has its parts', () => {
  expect(all.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'postgres',
      'migrate',
      'temporal-postgres',
      'temporal-schema',
      'temporal',
      'temporal-namespace',
      'temporal-ui',
      'gateway',
      'worker',
    ]),
  );
});

test('every published port is bound to 127.0.0.1', () => {
  const ports = all.flatMap((each) => each.ports);
  expect(ports.length).toBeGreaterThanOrEqual(3);
  expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
  expect(service('temporal').ports).not.toEqual([]);
  expect(service('postgres').ports).toEqual([]);
});

test('every image has an exact version, and those made here can be made', () => {
  for (const { name, image, build } of all) {
    expect(image, name).toMatch(/:\d+\.\d+(\.\d+)?$/);
    if (!build) expect(image, name).not.toMatch(/^rondo/);
    else expect(existsSync(join(root, build.context, build.dockerfile)), name).toBe(true);
  }
  expect(service('temporal-schema').image.split(':')[1]).toBe(service('temporal').image.split(':')[1]);
  expect(service('postgres').image).toMatch(/^postgres:18\./);
});

test('base images are arguments of the Dockerfiles', () => {
  const files = all.flatMap(({ build }) => (build ? [join(root, build.context, build.dockerfile)] : []));
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    expect(readFileSync(file, 'utf8'), file).toMatch(/^ARG BASE=\S+:(?!latest)\S+$/m);
    expect(readFileSync(file, 'utf8').match(/^FROM (?!\$\{BASE\})/gm), file).toBeNull();
  }
});

test('what is mounted from the repository exists', () => {
  const sources = all.flatMap(({ volumes }) => volumes.map((volume) => volume.split(':')[0] ?? '')).filter((source) => source.startsWith('./'));
  expect(sources.length).toBeGreaterThan(0);
  expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([]);
});

test('programs that are started exist as sources', () => {
  const programs = all.flatMap(({ command }) => command.filter((word) => word.startsWith('dist/')));
  expect(programs.length).toBeGreaterThan(0);
  expect(programs.filter((program) => !existsSync(join(root, program.replace(/^dist\/(.*)\.js$/, '$1.ts'))))).toEqual([]);
});

test('nothing starts before what it needs', () => {
  const done = 'service_completed_successfully';
  expect(waitsFor('temporal')).toEqual({ 'temporal-schema': done });
  expect(waitsFor('gateway')).toEqual({ migrate: done, 'temporal-namespace': done });
  expect(waitsFor('worker')).toEqual({ migrate: done, 'temporal-namespace': done, 'sandbox-image': done });
  for (const { name } of all) {
    for (const [other, condition] of Object.entries(waitsFor(name))) {
      if (condition === 'service_healthy') expect(service(other).healthcheck, other).toBeDefined();
      else
        expect({ other, condition, restart: service(other).restart }).toMatchObject({
          condition: done,
          restart: expect.stringMatching(/^(no|on-failure:\d+)$/),
        });
    }
  }
});

test('the engine and the owner of the schema are known to one service each', () => {
  expect(all.filter(({ volumes }) => volumes.some((volume) => volume.includes('docker.sock'))).map(({ name }) => name)).toEqual(['worker']);
  expect(all.filter(({ environment }) => 'DATABASE_URL' in environment).map(({ name }) => name)).toEqual(['migrate']);
  expect(all.filter(({ user }) => user !== undefined).map(({ name }) => name)).toEqual(['worker', 'egress']);
  expect(readFileSync(join(root, 'infra/deploy/Dockerfile'), 'utf8')).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
});

test('secrets come from the environment, and the guide names each that must be set', () => {
  const values = all.flatMap(({ environment }) => Object.entries(environment)).filter(([name]) => /PASSWORD|_PWD$|KEY/.test(name));
  expect(values.length).toBeGreaterThan(5);
  expect(values.filter(([, value]) => !/^\$\{\w+(:\?[^}]+|:-)\}$/.test(value))).toEqual([]);
  const guide = readFileSync(join(root, 'docs/deployment.md'), 'utf8');
  const required = new Set([...text.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name ?? ''));
  expect(required.size).toBeGreaterThan(2);
  expect([...required].filter((name) => !guide.includes(name))).toEqual([]);
});

test('our programs get only settings that exist', () => {
  const known = new Set<string>(VARIABLES.map(({ name }) => name));
  const given = all.filter(({ image }) => image.startsWith('rondo:')).flatMap(({ environment }) => Object.keys(environment));
  expect(given.length).toBeGreaterThan(10);
  expect(given.filter((name) => !known.has(name))).toEqual([]);
});
