/** What an error of SQLite means to the caller. Codes: https://sqlite.org/rescode.html, primary code in the low byte. */
import { StoreConflict, StoreUnavailable } from '../port.ts';
import type { Fault } from './protocol.ts';
import { StoreRefused } from './schema.ts';

const BUSY = 5;
/** A race of several processes for the log's locks; SQLite says to try again. */
const PROTOCOL = 15;
const NOT_A_DATABASE = 26;
const UNIQUE = new Set([1555, 2067]);
/** The request itself was wrong: generic, TOOBIG, CONSTRAINT, MISMATCH, MISUSE, RANGE. All others are the world's. */
const OURS = new Set([1, 18, 19, 20, 21, 25]);

const codeOf = (thrown: unknown): number | undefined =>
  thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number'
    ? thrown.errcode
    : undefined;

/** Another process holds the lock: nothing happened, trying again makes sense. */
export function isBusy(thrown: unknown): boolean {
  const code = (codeOf(thrown) ?? 0) & 0xff;
  return code === BUSY || code === PROTOCOL;
}

/** In a form that travels between threads. */
export function faultOf(thrown: unknown): Fault {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof StoreRefused) return { fault: 'refused', message };
  const code = codeOf(thrown);
  // The file system's own errors (no permission, no space for the directory) come without a code of SQLite.
  if (code === undefined) return { fault: isSystemError(thrown) ? 'unavailable' : 'faulty', message };
  if (UNIQUE.has(code)) return { fault: 'conflict', message };
  if (code === NOT_A_DATABASE) return { fault: 'refused', message };
  return { fault: OURS.has(code & 0xff) ? 'faulty' : 'unavailable', message };
}

/** As the port promises it. */
export function errorOf({ fault, message }: Fault): Error {
  switch (fault) {
    case 'conflict':
      // SQLite's message names columns only, but the port's own is the one that callers know.
      return new StoreConflict();
    case 'unavailable':
      return new StoreUnavailable(new Error(message));
    case 'refused':
      return new StoreRefused(message);
    case 'faulty':
      return new Error(`the store cannot do this: ${message}`);
  }
}

const isSystemError = (thrown: unknown): boolean =>
  thrown instanceof Error && 'syscall' in thrown && 'errno' in thrown;
