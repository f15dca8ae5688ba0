/**
 * The documents of the four collections. `data` and the values of marks are JSON text: exact for every value and every
 * key, never looked into by the database, and cheaper to write than a document (docs/adr/0006).
 *
 * Times that end a row are dates, because TTL indexes ask for dates.
 */
import type { Scope } from '../port.ts';

interface Row {
  /** `placeOf` scope, kind and id. */
  readonly _id: string;
  readonly scope: Scope;
  readonly kind: string;
  readonly expiresAt?: Date;
}

export interface RecordDocument extends Row {
  readonly version: number;
  readonly data: string;
  /** These two are places too: unique, and found, within scope and kind. */
  readonly key?: string;
  readonly group?: string;
  readonly dueAt?: number;
}

export interface OneTimeDocument extends Row {
  readonly data: string;
}

export interface StoredMark {
  /** Of the call that set it: whoever finds its own name here has won, even when it had to ask twice. */
  readonly by: string;
  readonly json: string;
}

/** `kind` is the model; the index values are places. */
export interface ArtifactDocument extends Row {
  readonly data: string;
  readonly marks?: Readonly<Record<string, StoredMark>>;
  readonly grantId?: string;
  readonly uid?: string;
  readonly accountId?: string;
  readonly clientId?: string;
}

/** Its `expiresAt` is where the window ends; counters have no kind. */
export interface CounterDocument extends Row {
  readonly count: number;
  readonly expiresAt: Date;
}

/** The last moment that a date can be; what ends later than the year 275760 ends then. */
const LAST_MS = 8.64e15;

export const date = (ms: number): Date => new Date(Math.min(ms, LAST_MS));

/** A row without an end lives. The negation also keeps the planner from walking the index of ends. */
export const alive = (now: number): { readonly expiresAt: { readonly $not: { readonly $lte: Date } } } => ({
  expiresAt: { $not: { $lte: date(now) } },
});

export const ended = (now: number): { readonly expiresAt: { readonly $lte: Date } } => ({
  expiresAt: { $lte: date(now) },
});

/** For writes that must also see rows that have ended: else the planner tries the index of ends, too. */
export const BY_ID = { hint: { _id: 1 } } as const;

/** Parsed anew for every reader, so that nobody sees what another one did to it. */
export function parse<Data extends object>(json: string): Data {
  // The caller names what it wrote under this kind; whether that is still true is the caller's to check.
  return JSON.parse(json) as Data;
}

/** Fields that are not set are left out, in documents as in what the port gives. */
export function given<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [Key in Name]?: Value } {
  if (value === undefined) return {};
  // A computed key widens to string in the type of the literal.
  return { [name]: value } as { readonly [Key in Name]?: Value };
}
