import { expect, it } from 'vitest';
import { milliseconds, plain } from '../../bench/figures.js';
import { figuresSection } from '../../bench/sandbox/figures-page.js';

const machine = { cpus: 2, cpu: 'a processor', memoryGb: 24, system: 'Linux 6', node: '24', commit: 'abc', loadBefore: [0, 0, 0] };
const part = (figures: Parameters<typeof figuresSection>[0]['parts'][number]['figures']) =>
  figuresSection({
    machine,
    startedAt: '2026-11-23T05:00:00.000Z',
    quick: false,
    about: 'All on one.',
    parts: [{ id: 'x', title: 'a part', seconds: 1, figures }],
  });

it('the page of figures has what is alike side by side and says who missed a goal', () => {
  const goal = { atMost: 25, at: 'p95' } as const;
  const page = part([
    milliseconds('start', [10, 20], { of: 'one', goal }),
    milliseconds('start', [10, 30], { of: 'two', goal }),
    plain('stored', 3, 'MB', { of: 'one' }),
  ]);
  expect(page).toContain('|  | one | two | goal |');
  expect(page).toContain('| start | 10 / 20 ms | 10 / 30 ms | p95 ≤ 25 ms: **not reached** by two |');
  expect(page).toContain('| stored | 3 MB |  |  |');
});

it('a goal that all reached is said to be reached, and one that nobody did is not', () => {
  const page = part([milliseconds('call', [1, 2, 9], { of: 'one', goal: { atMost: 3 } }), plain('failures', 2, '', { of: 'one', goal: { atMost: 0 } })]);
  expect(page).toContain('| call | 2 / 9 ms | median ≤ 3 ms: reached |');
  expect(page).toContain('| failures | 2 | ≤ 0: **not reached** |');
});
