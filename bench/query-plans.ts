import { pino } from 'pino';
import { z } from 'zod';
import { createPool } from '../infra/postgres/pool.js';
import { type Transaction, transaction } from '../infra/postgres/transaction.js';

const Plans = z.array(z.object({ 'QUERY PLAN': z.tuple([z.object({ Plan: z.unknown() })]) }));
const Node = z.looseObject({ 'Node Type': z.string(), 'Relation Name': z.string().optional(), 'Index Name': z.string().optional() });

/** How a table is read: by an index, or from one end to the other. */
export interface Scan {
  readonly table: string;
  readonly how: string;
  readonly index: string | undefined;
}

/**
 * The scans in the plans of what a repository asks, as the application's role with its row policies. The statements are the
 * repository's own: they are run as they are, and explained with the same values.
 */
export async function scansOf(appUrl: string, workspaceId: string, ask: (tx: Transaction) => Promise<unknown>): Promise<Scan[]> {
  const pool = createPool({ url: appUrl, size: 1, name: 'rondo-bench-plans', log: pino({ level: 'silent' }) });
  try {
    return await transaction(pool, workspaceId, async (tx) => {
      const asked: { readonly text: string; readonly values: unknown[] }[] = [];
      const query = tx.query.bind(tx);
      const listening = new Proxy(tx, {
        get: (target, name) => {
          if (name !== 'query') return Reflect.get(target, name) as unknown;
          return (text: string, values: unknown[] = []) => {
            asked.push({ text, values });
            return query(text, values);
          };
        },
      });
      await ask(listening);
      const scans: Scan[] = [];
      for (const { text, values } of asked) {
        const { rows } = await query(`explain (format json) ${text}`, values);
        for (const { 'QUERY PLAN': plans } of Plans.parse(rows)) scans.push(...scansBelow(plans[0].Plan));
      }
      return scans;
    });
  } finally {
    await pool.end();
  }
}

function scansBelow(plan: unknown): Scan[] {
  const node = Node.parse(plan);
  const table = node['Relation Name'];
  const own = table === undefined ? [] : [{ table, how: node['Node Type'], index: node['Index Name'] }];
  return [
    ...own,
    ...z
      .array(z.unknown())
      .parse(node['Plans'] ?? [])
      .flatMap(scansBelow),
  ];
}

/** Throws when a table is read from one end to the other, or not at all; answers the indexes in use. */
export function expectIndexed(scans: readonly Scan[], table: string): string {
  const ofTable = scans.filter((scan) => scan.table === table);
  if (ofTable.length === 0) throw new Error(`No plan reads the table ${table}; the check looks at the wrong statement.`);
  const slow = ofTable.find(({ how }) => !how.startsWith('Index'));
  if (slow) throw new Error(`The table ${table} is read by a ${slow.how}, not by an index.`);
  return [...new Set(ofTable.map(({ how, index }) => `${how} on ${index}`))].join(', ');
}
