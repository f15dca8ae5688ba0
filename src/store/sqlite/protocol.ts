/**
 * What the main thread and the writer thread say to each other. One message carries a batch of operations, one answers
 * it. Plain arrays of strings and numbers: their structured clone is what a write costs the main thread.
 */

export type Cell = string | number | null;

/** Every write of the store, with what it answers. The order of the cells stands with its statement in operations.ts. */
export interface Answers {
  recordInsert: boolean;
  recordReplace: boolean;
  recordRemove: boolean;
  oneTimePut: boolean;
  /** The data; null for the loser. */
  oneTimeConsume: string | null;
  artifactUpsert: boolean;
  artifactInsert: boolean;
  /** 1 for the winner, then the row in the order of ARTIFACT_COLUMNS; null when there is no row. */
  artifactMark: readonly [won: 0 | 1, ...row: Cell[]] | null;
  artifactRemove: boolean;
  /** How many were removed, at most REMOVE_AT_ONCE. */
  artifactRemoveBy: number;
  counterHit: readonly [count: number, resetsAt: number];
  sweep: number;
  probe: boolean;
}

export type OperationName = keyof Answers;
export type Operation = readonly [name: OperationName, ...cells: Cell[]];

/**
 * - conflict: another row holds the id or key
 * - unavailable: nothing was written and it is not the caller's fault (disk full, I/O error, no file)
 * - refused: this file is not for us (newer schema, somebody else's); nothing was touched
 * - faulty: an error of ours, such as a value the database cannot hold
 */
export interface Fault {
  readonly fault: 'conflict' | 'unavailable' | 'refused' | 'faulty';
  readonly message: string;
}

export type Outcome = Answers[OperationName] | Fault;

/** Operations in the order they are to happen, or the request to end. */
export type Request = readonly Operation[] | 'close';

/**
 * The outcomes, one per operation, durable by now; a fault that met the whole batch, of which nothing was kept; `busy`
 * when another process held the lock for LOCK_WAIT_MS; `closed` as the last word.
 */
export type Reply = readonly Outcome[] | Fault | 'busy' | 'closed';

export const isFault = (value: unknown): value is Fault =>
  typeof value === 'object' && value !== null && 'fault' in value;

export interface WriterSettings {
  /** Absolute path. */
  readonly file: string;
  /** The file may not grow beyond this many pages of 4 KiB; tests make a disk full with it. */
  readonly maxPages?: number | undefined;
}

/** One wait for the lock of another process; then the batch goes back, and what came meanwhile joins it. */
export const LOCK_WAIT_MS = 100;

/** Removing by an index is done in steps of this size, so that nobody waits behind 100,000 deletions. */
export const REMOVE_AT_ONCE = 1000;

/** The columns of an artifact row as they travel, after its id. */
export const ARTIFACT_COLUMNS = 'data, marks, grant_id, uid, account_id, client_id, expires_at';
