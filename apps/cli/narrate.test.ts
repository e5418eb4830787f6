import { describe, expect, it } from 'vitest';
import { narrate } from './narrate.js';

describe('narrate', () => {
  it('shows what the agent says, line under line', () => {
    expect(narrate({ type: 'agent.message', content: [{ type: 'text', text: 'One.\nTwo.' }] })).toEqual(['  agent   One.', '          Two.']);
  });

  it('shows a command as it will run', () => {
    expect(narrate({ type: 'agent.tool_use', name: 'bash', input: { command: 'python3 a.py' } })).toEqual(['  bash    python3 a.py']);
  });

  it('shows an edit as what goes and what comes', () => {
    const lines = narrate({ type: 'agent.tool_use', name: 'edit', input: { file_path: '/workspace/a', old_string: 'x', new_string: 'y' } });
    expect(lines).toEqual(['  edit    /workspace/a', '          - x', '          + y']);
  });

  it('tells a failed result from a good one', () => {
    expect(narrate({ type: 'agent.tool_result', content: [{ type: 'text', text: 'no' }], is_error: true })).toEqual(['  failed  no']);
    expect(narrate({ type: 'agent.tool_result', content: [] })).toEqual(['  result  (no output)']);
  });

  it('shows text only: a terminal is told nothing by it', () => {
    const text = '\u001b]0;owned\u0007\u001b[2J\u001b[31mred\u001b[0m \u001b]52;c;ZXZpbA==\u0007\u009b31mplain\rback\u202eevil\u0000\u001b]8;;http://x';
    const [line = ''] = narrate({ type: 'agent.tool_result', content: [{ type: 'text', text }] });
    expect(line).toContain('red');
    expect(line).toContain('plain');
    expect(line).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  });

  it('cuts long texts and says how much is missing', () => {
    const lines = narrate({ type: 'agent.tool_result', content: [{ type: 'text', text: 'line\n'.repeat(20) }] });
    expect(lines).toHaveLength(9);
    expect(lines.at(-1)).toContain('12 more lines');
  });

  it('says nothing about events that only programs need', () => {
    expect(narrate({ type: 'session.thread_status_running' })).toEqual([]);
    expect(narrate({ type: 'an.event.of.the.future' })).toEqual([]);
  });
});
