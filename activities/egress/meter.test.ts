import { expect, it } from 'vitest';
import { startLine } from './audit-line.js';
import { createMeter } from './meter.js';

it('bounds the lines of the audit by the limit of requests: the first one over it is the last one written', () => {
  const rules: string[] = [];
  const audit = { add: (_: string, { rule }: { readonly rule: string }) => void rules.push(rule), flush: async () => undefined, close: async () => undefined };
  const meter = createMeter({ requests: 7, bytes: 0 }, { requests: 10, bytes: 0 });
  for (let request = 0; request < 1_000; request += 1) {
    const asker = { sessionId: 's', workspaceId: 'w', generation: 1 };
    const line = startLine(audit, asker, { protocol: 'https', target: { host: 'api.example.com', port: 443 }, method: 'GET', path: '/' });
    try {
      meter.countRequest();
      line.verdict = { decision: 'allow', rule: 'allowed' };
    } catch (error) {
      line.fail(error);
    }
    line.end();
  }
  expect(rules).toEqual(['allowed', 'allowed', 'allowed', 'limit of requests']);
});
