import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Program, startProgram } from '../../programs.js';

const Said = z.object({ port: z.number(), ca: z.string() });

/** The other side of the way out. */
export interface Upstream {
  readonly port: number;
  /** Its authority's certificate, PEM. */
  readonly ca: string;
  /** The same as a file. */
  readonly caFile: string;
  readonly program: Program;
}

export async function startUpstream(home: string, environment: Readonly<Record<string, string | undefined>>): Promise<Upstream> {
  const program = await startProgram({ home, name: 'upstream', main: 'bench/sandbox/upstream/main.js', environment, ready: /upstream started (\{.*\})/ });
  const { port, ca } = Said.parse(JSON.parse(program.said));
  const caFile = join(home, 'upstream-ca.pem');
  writeFileSync(caFile, ca);
  return { port, ca, caFile, program };
}
