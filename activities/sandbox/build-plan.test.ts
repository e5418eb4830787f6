import { expect, it } from 'vitest';
import { planBuild } from './build-plan.js';

it('puts no program of a package on the path while there is a network: a later step would run it', () => {
  const { fetch, install } = planBuild({ npm: ['evil'], go: ['example.com/env@v1.0.0', 'example.com/apt-get'], cargo: ['hexyl'], gem: ['rake'] });
  const words = fetch.map((step) => step.words.join(' '));
  expect(words.find((text) => text.startsWith('npm install'))).toMatch(/--ignore-scripts .*--no-bin-links/);
  expect(words.filter((text) => text.includes('GOBIN='))).toHaveLength(2);
  expect(words.filter((text) => /\/usr\/local|\/bin\//.test(text.replace('/bin/sh', '')))).toEqual([]);
  const order = install.map(({ name }) => name);
  expect(order.indexOf('npm rebuild')).toBeLessThan(order.indexOf('mv'));
});
