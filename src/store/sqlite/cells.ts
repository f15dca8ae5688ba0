/** Between the port's values and what SQLite can hold. */
import type { Cell } from './protocol.ts';

/**
 * SQLite keeps UTF-8, in which half a surrogate pair has no place: two different ids would become the same row. Reads
 * answer "no such row" for such a name, which is true; writes refuse it. Data is safe: JSON escapes lone surrogates.
 */
export const isStorable = (...names: readonly (string | undefined)[]): boolean =>
  names.every((name) => name === undefined || name.isWellFormed());

export function assertStorable(...names: readonly (string | undefined)[]): void {
  if (!isStorable(...names)) throw new RangeError('an id or key of the store must be well-formed Unicode');
}

export const cell = (value: string | number | undefined): Cell => value ?? null;

/** Parsed anew for every reader, so that nobody sees what another one did to it. */
export function parse<Data extends object>(json: Cell | undefined): Data {
  if (typeof json !== 'string') throw new Error('a row of the store holds no JSON');
  // The caller names what it wrote under this kind; whether that is still true is the caller's to check.
  return JSON.parse(json) as Data;
}

export const text = (value: Cell | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

export const number = (value: Cell | undefined): number | undefined =>
  typeof value === 'number' ? value : undefined;
