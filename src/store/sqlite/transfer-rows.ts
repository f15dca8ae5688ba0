/** The four tables as rows that travel: columns in one order, and both directions. */
import type { Table, TransferRow } from '../maintenance.ts';
import type { JsonObject, Marks, Scope } from '../port.ts';
import { cell, number, parse, text } from './cells.ts';
import { HIGH_WATER } from './high-water.ts';
import type { Cell } from './protocol.ts';

export interface Transfer {
  readonly table: Table;
  /** Of the SQL table. */
  readonly name: string;
  readonly columns: readonly string[];
  /** Column, or an SQL constant where there is none. */
  readonly kind: string;
  readonly id: string;
  readonly unique: string;
  /** What a row's data weighs. */
  readonly bytes: string;
  /** Condition with the time as ?1. */
  readonly live: string;
}

const MAY_EXPIRE = '(expires_at IS NULL OR expires_at > ?1)';

export const TRANSFER: Readonly<Record<Table, Transfer>> = {
  record: {
    table: 'record',
    name: 'record',
    columns: ['scope', 'kind', 'id', 'data', 'expires_at', 'version', 'key', '"group"', 'due_at'],
    kind: 'kind',
    id: 'id',
    unique: 'scope, kind, id',
    bytes: 'octet_length(data)',
    live: `${MAY_EXPIRE} AND kind <> '${HIGH_WATER}'`,
  },
  oneTime: {
    table: 'oneTime',
    name: 'one_time',
    columns: ['scope', 'kind', 'key', 'data', 'expires_at'],
    kind: 'kind',
    id: 'key',
    unique: 'scope, kind, key',
    bytes: 'octet_length(data)',
    live: 'expires_at > ?1',
  },
  artifact: {
    table: 'artifact',
    name: 'artifact',
    columns: [
      'scope',
      'model',
      'id',
      'data',
      'expires_at',
      'marks',
      'grant_id',
      'uid',
      'account_id',
      'client_id',
    ],
    kind: 'model',
    id: 'id',
    unique: 'scope, model, id',
    bytes: 'octet_length(data)',
    live: MAY_EXPIRE,
  },
  counter: {
    table: 'counter',
    name: 'counter',
    columns: ['scope', 'key', 'count', 'resets_at'],
    kind: "''",
    id: 'key',
    unique: 'scope, key',
    bytes: '0',
    live: 'resets_at > ?1',
  },
};

export function cellsOf(row: TransferRow): readonly Cell[] {
  if (row.table === 'counter') return [row.scope, row.id, row.count, row.expiresAt];
  const head = [row.scope, row.kind, row.id, JSON.stringify(row.data), cell(row.expiresAt)];
  switch (row.table) {
    case 'oneTime':
      return head;
    case 'record':
      return [...head, row.version, cell(row.key), cell(row.group), cell(row.dueAt)];
    case 'artifact': {
      const marks = Object.keys(row.marks).length === 0 ? null : JSON.stringify(row.marks);
      return [...head, marks, cell(row.grantId), cell(row.uid), cell(row.accountId), cell(row.clientId)];
    }
  }
}

/** @param cells in the order of the table's columns */
export function rowOf(table: Table, cells: readonly Cell[]): TransferRow {
  // Only the store itself wrote this column, from a Scope.
  const scope = text(cells[0]) as Scope;
  if (table === 'counter') {
    const [, id, count, expiresAt] = cells;
    return { table, scope, kind: '', id: named(id), count: numbered(count), expiresAt: numbered(expiresAt) };
  }
  const head = { scope, kind: named(cells[1]), id: named(cells[2]), data: parse<JsonObject>(cells[3]) };
  const expiresAt = number(cells[4]);
  const more = cells.slice(5);
  if (table === 'oneTime') return { table, ...head, expiresAt: numbered(cells[4]) };
  if (table === 'record') {
    const [version, key, group, dueAt] = more;
    return {
      table,
      ...head,
      version: numbered(version),
      ...given('expiresAt', expiresAt),
      ...given('key', text(key)),
      ...given('group', text(group)),
      ...given('dueAt', number(dueAt)),
    };
  }
  const [marks, grantId, uid, accountId, clientId] = more;
  return {
    table,
    ...head,
    marks: typeof marks === 'string' ? parse<Marks>(marks) : {},
    ...given('expiresAt', expiresAt),
    ...given('grantId', text(grantId)),
    ...given('uid', text(uid)),
    ...given('accountId', text(accountId)),
    ...given('clientId', text(clientId)),
  };
}

/** A field that is not set is left out, as the port leaves it out. */
const given = <Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [Key in Name]?: Value } => {
  if (value === undefined) return {};
  // A computed key widens to string in the type of the literal.
  return { [name]: value } as { readonly [Key in Name]?: Value };
};

const named = (value: Cell | undefined): string => text(value) ?? '';
const numbered = (value: Cell | undefined): number => number(value) ?? 0;
