import { expect, test } from 'vitest';
import { SANDBOX_TOOLS } from './toolset.js';

test('the tools have the names and keys of the wire', () => {
  const keys = Object.fromEntries(
    SANDBOX_TOOLS.map((tool) => [tool.name, [Object.keys(tool.input_schema['properties'] as object), tool.input_schema['required'] ?? []]]),
  );
  expect(keys).toEqual({
    bash: [['command', 'restart', 'timeout_ms'], []],
    read: [['file_path', 'view_range'], ['file_path']],
    write: [
      ['file_path', 'content'],
      ['file_path', 'content'],
    ],
    edit: [
      ['file_path', 'old_string', 'new_string', 'replace_all'],
      ['file_path', 'old_string', 'new_string'],
    ],
    glob: [['pattern', 'path'], ['pattern']],
    grep: [['pattern', 'path'], ['pattern']],
  });
});

test('bash, write and edit change the workspace, the others do not', () => {
  expect(SANDBOX_TOOLS.filter((tool) => tool.changesWorkspace).map((tool) => tool.name)).toEqual(['bash', 'write', 'edit']);
});

test('schemas are plain JSON Schema of objects', () => {
  for (const { input_schema: schema } of SANDBOX_TOOLS) {
    expect(schema['type']).toBe('object');
    expect(JSON.stringify(schema)).not.toMatch(/\$schema|9007199254740991/);
  }
});
