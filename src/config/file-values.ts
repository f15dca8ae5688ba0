/** Values that may stand in a file of their own, as secrets of containers do, instead of in the environment. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Values } from './environment.ts';
import type { Fault } from './fault.ts';

/** Reads STORE_URL_FILE into STORE_URL. @param cwd where relative paths start */
export function withFileValues(values: Values, cwd: string): { values: Values; faults: readonly Fault[] } {
  const path = values.STORE_URL_FILE;
  if (path === undefined) return { values, faults: [] };
  const fault = (message: string) => ({ values, faults: [{ path: 'STORE_URL_FILE', message }] });
  if (values.STORE_URL !== undefined) return fault('give either STORE_URL or STORE_URL_FILE, not both');
  try {
    const text = readFileSync(resolve(cwd, path), 'utf8').trim();
    return text === '' ? fault('is empty') : { values: { ...values, STORE_URL: text }, faults: [] };
  } catch (error) {
    return fault(
      `cannot be read: ${error instanceof Error && 'code' in error ? String(error.code) : 'fault'}`,
    );
  }
}
