import { type Logger, pino } from 'pino';

/** JSON lines on standard error, with every configured secret taken out of them. */
export function createLogger(options: { readonly level: string; readonly name: string; readonly redact: (text: string) => string }): Logger {
  return pino(
    { level: options.level, name: options.name, base: { pid: process.pid } },
    { write: (line: string) => void process.stderr.write(options.redact(line)) },
  );
}
