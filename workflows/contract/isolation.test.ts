import { expect, it } from 'vitest';
import { isolationOf, isolationReaches } from './isolation.js';

it('orders levels from namespaces of a process to a machine of its own', () => {
  expect(isolationReaches('microvm', 'gvisor')).toBe(true);
  expect(isolationReaches('gvisor', 'gvisor')).toBe(true);
  expect(isolationReaches('container', 'gvisor')).toBe(false);
  expect(isolationReaches('process', 'container')).toBe(false);
});

it('takes what it does not know for weaker than everything', () => {
  expect(isolationReaches('namespaces', 'process')).toBe(false);
  expect(isolationReaches(null, 'process')).toBe(false);
});

it('takes a runtime of an unknown name for a plain container', () => {
  expect(['runsc', 'runsc-kvm', 'kata-fc', 'runc', 'crun', 'mykata'].map(isolationOf)).toEqual([
    'gvisor',
    'gvisor',
    'microvm',
    'container',
    'container',
    'container',
  ]);
});
