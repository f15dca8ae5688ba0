/**
 * The side of a backend that looks after the store itself: what stands in it, whether it is in order, and moving all of it
 * to another backend. Only the `postern store` commands use it; what serves requests knows `port.ts` alone.
 *
 * Rows travel as the port knows them, versions and marks included, so that a moved store cannot be told from the old one.
 */
import type { JsonObject, Marks, Scope } from './port.ts';

export const TABLES = ['record', 'oneTime', 'artifact', 'counter'] as const;
export type Table = (typeof TABLES)[number];

export interface RecordRow {
  readonly table: 'record';
  readonly scope: Scope;
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly data: JsonObject;
  readonly key?: string;
  readonly group?: string;
  readonly dueAt?: number;
  readonly expiresAt?: number;
}

export interface OneTimeRow {
  readonly table: 'oneTime';
  readonly scope: Scope;
  readonly kind: string;
  readonly id: string;
  readonly data: JsonObject;
  readonly expiresAt: number;
}

export interface ArtifactRow {
  readonly table: 'artifact';
  readonly scope: Scope;
  /** The model. */
  readonly kind: string;
  readonly id: string;
  readonly data: JsonObject;
  readonly marks: Marks;
  readonly grantId?: string;
  readonly uid?: string;
  readonly accountId?: string;
  readonly clientId?: string;
  readonly expiresAt?: number;
}

export interface CounterRow {
  readonly table: 'counter';
  readonly scope: Scope;
  /** Counters have no kinds. */
  readonly kind: '';
  readonly id: string;
  readonly count: number;
  readonly expiresAt: number;
}

export type TransferRow = RecordRow | OneTimeRow | ArtifactRow | CounterRow;

/** Where a page of `dump` ended. */
export interface Place {
  readonly scope: string;
  readonly kind: string;
  readonly id: string;
}

export interface KindSize {
  readonly table: Table;
  readonly kind: string;
  readonly rows: number;
  /** Of the rows' data, without indexes. */
  readonly bytes: number;
}

export interface Finding {
  /** A `fault` endangers what the store promises, a `warning` may come to. */
  readonly level: 'ok' | 'warning' | 'fault';
  readonly subject: string;
  readonly detail: string;
}

export interface InspectOptions {
  /** Read every page instead of a sample; minutes for a large store. */
  readonly thorough: boolean;
}

export interface Maintenance {
  /** How people call this store: file or host and database, never a password. */
  readonly name: string;
  /** What is in order and what is not. Changes nothing, and servers may be running. */
  inspect(options: InspectOptions): Promise<readonly Finding[]>;
  /** Live rows by table and kind. */
  sizes(now: number): Promise<readonly KindSize[]>;
  /**
   * Makes sure that nobody else uses the store until `close`, as far as the backend can; throws StoreInUse otherwise.
   * Where it cannot tell, it gives false and the caller has to find out by comparing.
   */
  claim(): Promise<boolean>;
  /** Live rows of one table in an order of the backend's own, starting behind `after`. */
  dump(table: Table, after: Place | undefined, limit: number, now: number): Promise<readonly TransferRow[]>;
  /** Writes rows as they are, over whatever stands in their place; durable when it resolves. */
  load(rows: readonly TransferRow[]): Promise<void>;
  /** Removes the rows of one kind in all scopes; gives their number. */
  removeKind(table: Table, kind: string): Promise<number>;
  /** Removes every row. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** Servers are running on this store. */
export class StoreInUse extends Error {
  constructor(name: string) {
    super(`${name} is in use: stop every Postern that runs on it`);
    this.name = 'StoreInUse';
  }
}

/** What identifies a row within its table. */
export const placeOf = ({ scope, kind, id }: TransferRow): Place => ({ scope, kind, id });
