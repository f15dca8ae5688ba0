/**
 * The contract of every store. Nothing here knows what a user, a token or a mail is.
 *
 * Rules that hold for every method:
 * - one document operation: atomic by itself, no transaction over several rows is ever needed for correctness;
 * - `now` is an argument (milliseconds) and expiry is in the predicate: a row whose `expiresAt <= now` does not exist,
 *   whether or not housekeeping has removed it, and never blocks an insert;
 * - a lost race is a return value, a duplicate id or key is `StoreConflict`, all else is a fault;
 * - what a promise acknowledged is on the disk (survives `kill -9` and power loss);
 * - `data` is JSON: what is read back is deeply equal to what was written, up to 1 MB, any Unicode.
 */
import type { AppId } from '../core/ids.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** Rows belong to one app, or to a reserved scope for what spans apps (due jobs, the budget of one mailbox). */
export type Scope = AppId | '@system';
export const SYSTEM: Scope = '@system';

/** Another row holds this id or unique key. */
export class StoreConflict extends Error {
  constructor(message = 'a row with this id or key exists') {
    super(message);
    this.name = 'StoreConflict';
  }
}

/** The store cannot be reached or did not answer in time; the caller answers 503. */
export class StoreUnavailable extends Error {
  constructor(cause: unknown) {
    super('the store is unavailable', { cause });
    this.name = 'StoreUnavailable';
  }
}

export interface RecordDraft<Data extends object = JsonObject> {
  readonly id: string;
  readonly data: Data;
  /** Unique within scope and kind. */
  readonly key?: string | undefined;
  /** Not unique; `list` can be narrowed to it. */
  readonly group?: string | undefined;
  /** When `due` should give this row out, ms. */
  readonly dueAt?: number | undefined;
  readonly expiresAt?: number | undefined;
}

export interface StoredRecord<Data extends object = JsonObject> extends RecordDraft<Data> {
  /** 1 when inserted, one more with every replace. */
  readonly version: number;
}

export interface DueRecord<Data extends object = JsonObject> extends StoredRecord<Data> {
  readonly scope: Scope;
}

export interface Records {
  /** Throws StoreConflict when id or key is taken by a live row. */
  insert<D extends object>(
    scope: Scope,
    kind: string,
    draft: RecordDraft<D>,
    now: number,
  ): Promise<StoredRecord<D>>;
  find<D extends object>(
    scope: Scope,
    kind: string,
    id: string,
    now: number,
  ): Promise<StoredRecord<D> | undefined>;
  findByKey<D extends object>(
    scope: Scope,
    kind: string,
    key: string,
    now: number,
  ): Promise<StoredRecord<D> | undefined>;
  /**
   * Compare-and-set on `version`: writes the whole row (fields left out are cleared) and gives it back with the next
   * version, or undefined when the row has another version by now or is gone. Throws StoreConflict on a taken key.
   */
  replace<D extends object>(
    scope: Scope,
    kind: string,
    row: StoredRecord<D>,
    now: number,
  ): Promise<StoredRecord<D> | undefined>;
  /** True for the one caller that removed the row; with `version` only if it still has that version. */
  remove(scope: Scope, kind: string, id: string, version?: number): Promise<boolean>;
  /** Rows by ascending id (byte order), starting behind `after`. */
  list<D extends object>(
    scope: Scope,
    kind: string,
    query: { readonly group?: string; readonly after?: string; readonly limit: number },
    now: number,
  ): Promise<readonly StoredRecord<D>[]>;
  /** Rows of all scopes with `dueAt <= now`, longest due first. Claiming one is a `replace`. */
  due<D extends object>(kind: string, now: number, limit: number): Promise<readonly DueRecord<D>[]>;
}

export interface OneTime {
  /** Throws StoreConflict when the key is taken by a live row. */
  put(
    scope: Scope,
    kind: string,
    key: string,
    data: JsonObject,
    expiresAt: number,
    now: number,
  ): Promise<void>;
  peek(scope: Scope, kind: string, key: string, now: number): Promise<JsonObject | undefined>;
  /** The data for exactly one caller ever, undefined for all others. */
  consume(scope: Scope, kind: string, key: string, now: number): Promise<JsonObject | undefined>;
}

/** The fields by which artifacts are found besides their id. */
export type ArtifactIndex = 'grantId' | 'uid' | 'accountId' | 'clientId';

export interface ArtifactDraft {
  readonly id: string;
  readonly data: JsonObject;
  readonly grantId?: string | undefined;
  readonly uid?: string | undefined;
  readonly accountId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly expiresAt?: number | undefined;
}

/** What was set once on a row by `mark`, by name of the mark. Never cleared, kept by `upsert`. */
export type Marks = Readonly<Record<string, JsonObject | undefined>>;

export interface Artifact extends ArtifactDraft {
  readonly marks: Marks;
}

/** A row that carries this mark is a tombstone: it stays until its expiry and no `upsert` changes it. */
export const TOMBSTONE = 'tombstone';

export interface Artifacts {
  /** Insert or overwrite (marks stay). False, with nothing written, when the row is a tombstone. */
  upsert(scope: Scope, model: string, artifact: ArtifactDraft, now: number): Promise<boolean>;
  /** False, with nothing written, when a live row has this id. */
  insert(scope: Scope, model: string, artifact: ArtifactDraft, now: number): Promise<boolean>;
  /** Gives tombstones too: the caller decides what they mean. */
  find(scope: Scope, model: string, id: string, now: number): Promise<Artifact | undefined>;
  findBy(
    scope: Scope,
    model: string,
    index: ArtifactIndex,
    value: string,
    now: number,
  ): Promise<readonly Artifact[]>;
  /**
   * Compare-and-set: sets the mark if the row exists and does not carry it yet. `won` is true for exactly one caller;
   * `artifact` is the row after the call, for the losers too (undefined when there is none).
   */
  mark(
    scope: Scope,
    model: string,
    id: string,
    mark: string,
    value: JsonObject,
    now: number,
  ): Promise<{ readonly won: boolean; readonly artifact: Artifact | undefined }>;
  /** True when a row was removed. */
  remove(scope: Scope, model: string, id: string): Promise<boolean>;
  /** Removes all rows with this index value that are no tombstones; gives their number. */
  removeBy(scope: Scope, model: string, index: ArtifactIndex, value: string): Promise<number>;
}

export interface CounterState {
  readonly count: number;
  /** When the present window ends and the count starts anew, ms. */
  readonly resetsAt: number;
}

export interface Counters {
  /**
   * Adds `by` (may be negative, never below zero) and reads in one operation. A window starts with its first hit and
   * lasts `windowMs`; a hit at or after its end starts the next.
   */
  hit(
    scope: Scope,
    key: string,
    rule: { readonly windowMs: number; readonly by?: number },
    now: number,
  ): Promise<CounterState>;
  /** Undefined when no window is open. */
  peek(scope: Scope, key: string, now: number): Promise<CounterState | undefined>;
}

export interface Store {
  readonly records: Records;
  readonly oneTime: OneTime;
  readonly artifacts: Artifacts;
  readonly counters: Counters;
  /** Makes tables and indexes; refuses a store whose schema version is newer than this code knows. */
  prepare(): Promise<void>;
  /** Throws StoreUnavailable unless a read and a write are possible. */
  ping(): Promise<void>;
  /** Removes up to `limit` expired rows; gives the number removed. */
  sweep(now: number, limit: number): Promise<number>;
  /** Waits for what is under way, then lets go of files and connections. */
  close(): Promise<void>;
}
