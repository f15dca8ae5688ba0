/** `records` of the port. */
import type { DueRecord, RecordDraft, Records, Scope, StoredRecord } from '../port.ts';
import { StoreConflict } from '../port.ts';
import { assertStorable, cell, isStorable, number, parse, text } from './cells.ts';
import type { Cell } from './protocol.ts';
import type { QueryName, Reader, Row } from './reader.ts';
import type { Writer } from './writer.ts';

type Query = Parameters<Records['list']>[2];

export class SqliteRecords implements Records {
  readonly #writer: Writer;
  readonly #reader: () => Reader;

  constructor(writer: Writer, reader: () => Reader) {
    this.#writer = writer;
    this.#reader = reader;
  }

  async insert<D extends object>(
    scope: Scope,
    kind: string,
    draft: RecordDraft<D>,
    now: number,
  ): Promise<StoredRecord<D>> {
    const isInserted = await this.#writer.run('recordInsert', ...cellsOf(scope, kind, draft), now);
    if (!isInserted) throw new StoreConflict();
    return compact(draft, 1);
  }

  async find<D extends object>(
    scope: Scope,
    kind: string,
    id: string,
    now: number,
  ): Promise<StoredRecord<D> | undefined> {
    if (!isStorable(scope, kind, id)) return undefined;
    return recordOf<D>(await this.#reader().one('record', scope, kind, id, now));
  }

  async findByKey<D extends object>(
    scope: Scope,
    kind: string,
    key: string,
    now: number,
  ): Promise<StoredRecord<D> | undefined> {
    if (!isStorable(scope, kind, key)) return undefined;
    return recordOf<D>(await this.#reader().one('recordByKey', scope, kind, key, now));
  }

  async replace<D extends object>(
    scope: Scope,
    kind: string,
    row: StoredRecord<D>,
    now: number,
  ): Promise<StoredRecord<D> | undefined> {
    const cells = cellsOf(scope, kind, row);
    const isReplaced = await this.#writer.run('recordReplace', ...cells, row.version, now);
    return isReplaced ? compact(row, row.version + 1) : undefined;
  }

  async remove(scope: Scope, kind: string, id: string, version?: number): Promise<boolean> {
    if (!isStorable(scope, kind, id)) return false;
    return this.#writer.run('recordRemove', scope, kind, id, cell(version));
  }

  async list<D extends object>(
    scope: Scope,
    kind: string,
    query: Query,
    now: number,
  ): Promise<readonly StoredRecord<D>[]> {
    const { group, after, limit } = query;
    if (!isStorable(scope, kind, group, after)) return [];
    const name: QueryName = `recordList${group === undefined ? '' : 'OfGroup'}${after === undefined ? '' : 'After'}`;
    const narrowing = [group, after].filter((value) => value !== undefined);
    const rows = await this.#reader().all(name, scope, kind, now, Math.max(0, limit), ...narrowing);
    return rows.map((row) => stored<D>(row, 0));
  }

  async due<D extends object>(kind: string, now: number, limit: number): Promise<readonly DueRecord<D>[]> {
    const rows = await this.#reader().all('recordDue', kind, now, Math.max(0, limit));
    // Only `insert` wrote this column, from a Scope.
    return rows.map((row) => ({ ...stored<D>(row, 1), scope: row[0] as Scope }));
  }
}

function cellsOf<D extends object>(scope: Scope, kind: string, draft: RecordDraft<D>): readonly Cell[] {
  const { id, data, key, group, dueAt, expiresAt } = draft;
  assertStorable(scope, kind, id, key, group);
  return [scope, kind, id, JSON.stringify(data), cell(key), cell(group), cell(dueAt), cell(expiresAt)];
}

/** As `find` would give it: without the fields that are not set. */
function compact<D extends object>(draft: RecordDraft<D>, version: number): StoredRecord<D> {
  const { id, data, key, group, dueAt, expiresAt } = draft;
  return {
    id,
    version,
    data,
    ...(key === undefined ? undefined : { key }),
    ...(group === undefined ? undefined : { group }),
    ...(dueAt === undefined ? undefined : { dueAt }),
    ...(expiresAt === undefined ? undefined : { expiresAt }),
  };
}

const recordOf = <D extends object>(row: Row | undefined): StoredRecord<D> | undefined =>
  row && stored<D>(row, 0);

/** @param at where RECORD_COLUMNS begin in the row */
function stored<D extends object>(row: Row, at: number): StoredRecord<D> {
  const draft = {
    id: text(row[at]) ?? '',
    data: parse<D>(row[at + 2]),
    key: text(row[at + 3]),
    group: text(row[at + 4]),
    dueAt: number(row[at + 5]),
    expiresAt: number(row[at + 6]),
  };
  return compact(draft, number(row[at + 1]) ?? 0);
}
