/** The log of the process: JSON lines on standard output. */
import pino from 'pino';
import type { Config } from './config/schema.ts';
import type { Log } from './lib/log.ts';

/** Belt and braces: nothing logs these, and if something ever does, they are cut out (ML-02). */
const REDACTED = [
  'address',
  'email',
  'code',
  'secret',
  'token',
  'cookie',
  'authorization',
  'password',
  'link',
  'url',
];

/** @param base fields of every line, such as the worker */
export function createLog(
  level: Config['logLevel'],
  base: Readonly<Record<string, string | number>> = {},
): Log {
  const paths = REDACTED.flatMap((name) => [name, `*.${name}`]);
  return pino({
    level,
    base,
    redact: { paths, censor: '[redacted]' },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
