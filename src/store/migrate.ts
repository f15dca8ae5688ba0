/**
 * Moves a whole store to another backend: copies page by page, then compares every row as Postern would read it.
 *
 * How far it is stands in the target, so that it goes on where it was interrupted, and a target that is not whole is
 * refused by every Postern. The source is only read.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type KindSize,
  type Maintenance,
  type Place,
  placeOf,
  TABLES,
  type TransferRow,
} from './maintenance.ts';
import { type Store, type StoredRecord, SYSTEM } from './port.ts';

const KIND = 'migration';
const ID = 'unfinished';
/** Bounds the memory: a row may have 1 MB. */
const PAGE = 200;

interface Checkpoint {
  /** Name of the source, without a password. */
  readonly from: string;
  /** Index into TABLES. */
  readonly table: number;
  readonly after: Place | null;
  readonly copied: number;
}

export interface MigrationDeps {
  readonly from: Maintenance;
  readonly to: Maintenance;
  /** The target as Postern opens it. */
  readonly target: Store;
  now(): number;
  progress(step: 'copy' | 'compare', done: number, total: number): void;
}

export type MigrationResult =
  | { readonly outcome: 'done'; readonly kinds: readonly KindSize[]; readonly resumedAt: number }
  /** The target holds data of its own. */
  | { readonly outcome: 'not_empty' }
  /** The target holds part of another store. */
  | { readonly outcome: 'begun_elsewhere'; readonly from: string }
  /** The source is itself only part of a store. */
  | { readonly outcome: 'source_unfinished' }
  /** The two differ: the source changed meanwhile, or something writes into the target. */
  | { readonly outcome: 'different'; readonly where: readonly string[] };

/** @param afresh empty a target that an unfinished migration has left, and begin again */
export async function migrate(deps: MigrationDeps, afresh: boolean): Promise<MigrationResult> {
  const { from, to, target } = deps;
  await from.claim();
  const kinds = await from.sizes(deps.now());
  if (kinds.some((size) => size.kind === KIND)) return { outcome: 'source_unfinished' };
  await target.prepare();
  let checkpoint = await checkpointOf(target, deps.now());
  if (checkpoint && afresh) {
    await to.clear();
    checkpoint = undefined;
  }
  if (checkpoint && checkpoint.data.from !== from.name) {
    return { outcome: 'begun_elsewhere', from: checkpoint.data.from };
  }
  if (!checkpoint && (await to.sizes(deps.now())).length > 0) return { outcome: 'not_empty' };
  const begun = checkpoint ?? (await begin(target, from.name, deps.now()));
  const total = kinds.reduce((sum, { rows }) => sum + rows, 0);
  await copy(deps, begun, total);
  const where = await differences(deps, total);
  if (where.length > 0) return { outcome: 'different', where };
  await target.records.remove(SYSTEM, KIND, ID);
  return { outcome: 'done', kinds, resumedAt: begun.data.copied };
}

/** Throws for a store that a migration has begun to fill and not finished: it lacks users, keys or revocations. */
export async function assertWhole(store: Store, now: number): Promise<void> {
  const checkpoint = await checkpointOf(store, now);
  if (!checkpoint) return;
  throw new Error(
    `the store holds an unfinished copy of ${checkpoint.data.from}: run "npm run postern -- store migrate" again, ` +
      'it goes on where it ended',
  );
}

const checkpointOf = (store: Store, now: number): Promise<StoredRecord<Checkpoint> | undefined> =>
  store.records.find<Checkpoint>(SYSTEM, KIND, ID, now);

function begin(target: Store, from: string, now: number): Promise<StoredRecord<Checkpoint>> {
  const data: Checkpoint = { from, table: 0, after: null, copied: 0 };
  return target.records.insert(SYSTEM, KIND, { id: ID, data }, now);
}

/** Rows first, then the checkpoint: what is repeated after a crash is written over itself. */
async function copy(deps: MigrationDeps, begun: StoredRecord<Checkpoint>, total: number): Promise<void> {
  let row = begun;
  for (;;) {
    const { table, after, copied } = row.data;
    const name = TABLES[table];
    if (name === undefined) return;
    const page = await deps.from.dump(name, after ?? undefined, PAGE, deps.now());
    if (page.length > 0) await deps.to.load(page);
    const last = page.at(-1);
    const isEnd = page.length < PAGE || last === undefined;
    const place = isEnd ? { table: table + 1, after: null } : { table, after: placeOf(last) };
    const data: Checkpoint = { ...row.data, ...place, copied: copied + page.length };
    const next = await deps.target.records.replace(SYSTEM, KIND, { ...row, data }, deps.now());
    if (!next) throw new Error('another migration writes into the same target');
    row = next;
    deps.progress('copy', Math.min(data.copied, total), total);
  }
}

/** Every row of the source read again, also to see that it did not change; then the numbers, for what is too much. */
async function differences(deps: MigrationDeps, total: number): Promise<readonly string[]> {
  const where = new Set<string>();
  let done = 0;
  for (const table of TABLES) {
    let after: Place | undefined;
    for (;;) {
      const page = await deps.from.dump(table, after, PAGE, deps.now());
      const same = await Promise.all(page.map((row) => isThere(deps, row)));
      for (const [index, row] of page.entries()) if (same[index] === false) where.add(labelOf(row));
      done += page.length;
      deps.progress('compare', Math.min(done, total), total);
      const last = page.at(-1);
      if (page.length < PAGE || last === undefined) break;
      after = placeOf(last);
    }
  }
  const now = deps.now();
  const [wanted, found] = await Promise.all([deps.from.sizes(now), deps.to.sizes(now)]);
  const rows = (sizes: readonly KindSize[]) => new Map(sizes.map((size) => [labelOf(size), size.rows]));
  const [left, right] = [rows(wanted), rows(found.filter(({ kind }) => kind !== KIND))];
  for (const label of new Set([...left.keys(), ...right.keys()])) {
    if (left.get(label) !== right.get(label)) where.add(label);
  }
  return [...where];
}

/** Whether the target answers with this row. One that has expired since is gone on both sides. */
async function isThere({ target, now }: MigrationDeps, row: TransferRow): Promise<boolean> {
  const found = await rowIn(target, row, now());
  return isDeepStrictEqual(found, row) || (row.expiresAt !== undefined && row.expiresAt <= now());
}

async function rowIn(store: Store, row: TransferRow, now: number): Promise<object | undefined> {
  const { table, scope, kind, id } = row;
  switch (table) {
    case 'record': {
      const found = await store.records.find(scope, kind, id, now);
      return found && { table, scope, kind, ...found };
    }
    case 'artifact': {
      const found = await store.artifacts.find(scope, kind, id, now);
      return found && { table, scope, kind, ...found };
    }
    case 'oneTime': {
      const data = await store.oneTime.peek(scope, kind, id, now);
      return data && { table, scope, kind, id, data, expiresAt: row.expiresAt };
    }
    case 'counter': {
      const found = await store.counters.peek(scope, id, now);
      return found && { table, scope, kind, id, count: found.count, expiresAt: found.resetsAt };
    }
  }
}

const labelOf = ({ table, kind }: { readonly table: string; readonly kind: string }): string =>
  kind === '' ? table : `${table} ${kind}`;
