import { type Logger, pino } from 'pino';

/** JSON lines on standard error, with every secret that the redactor knows taken out of them. */
export function createLogger(options: { readonly level: string; readonly name: string; readonly redact: (text: string) => string }): Logger {
  return pino(
    { level: options.level, name: options.name, base: { pid: process.pid } },
    { write: (line: string) => void process.stderr.write(redactLine(line, options.redact)) },
  );
}

/** Cleans the values, not the line: a secret that looks like a part of every line, which a caller may choose, then breaks none. */
export function redactLine(line: string, redact: (text: string) => string): string {
  try {
    return `${JSON.stringify(JSON.parse(line, (_name, value: unknown) => (typeof value === 'string' ? redact(value) : value)))}\n`;
  } catch {
    return `${redact(line.trimEnd())}\n`;
  }
}
