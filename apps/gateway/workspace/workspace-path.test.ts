import { expect, it } from 'vitest';
import { workspacePath } from './workspace-path.js';

it.each([[['a']], [['src', 'main.py']], [['.hidden', '..data', 'ü ber', '-x']]])('takes %j', (parts) => {
  expect(workspacePath(parts)).toBe(parts.join('/'));
});

it.each([
  [[]],
  [['']],
  [['..']],
  [['a', '..', 'b']],
  [['.']],
  [['a', '']],
  [['a/b']],
  [['..\0']],
  [['a\0b']],
  [['\ud800']],
  [['x'.repeat(256)]],
  [Array.from({ length: 300 }, () => 'abcd')],
])('refuses %j', (parts) => {
  expect(() => workspacePath(parts)).toThrow(/^path: /);
});
