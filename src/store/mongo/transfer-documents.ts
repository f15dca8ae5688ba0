/** Rows that travel to and from documents. */
import type { Table, TransferRow } from '../maintenance.ts';
import type { JsonObject, Scope } from '../port.ts';
import { documentOf as artifactDocument, artifactOf } from './artifacts.ts';
import {
  type ArtifactDocument,
  date,
  given,
  parse,
  type RecordDocument,
  type StoredMark,
} from './documents.ts';
import { nameIn, placeOf } from './names.ts';
import { documentOf as recordDocument, recordOf } from './records.ts';

/** What all documents share, with the rest still to be told apart by table. */
export interface TransferDocument {
  readonly _id: string;
  readonly scope: Scope;
  readonly kind: string;
  readonly expiresAt?: Date;
  readonly data?: string;
  readonly version?: number;
  readonly count?: number;
  readonly marks?: Readonly<Record<string, StoredMark>>;
}

export function documentOf(row: TransferRow): TransferDocument {
  const { scope, kind, id } = row;
  switch (row.table) {
    case 'record':
      return recordDocument(scope, kind, row, row.version);
    case 'artifact': {
      const marks = Object.entries(row.marks).map(([name, value]) => [
        name,
        { by: '', json: JSON.stringify(value) },
      ]);
      const marked = marks.length === 0 ? undefined : Object.fromEntries(marks);
      return { ...artifactDocument(scope, kind, row), ...given('marks', marked) };
    }
    case 'oneTime':
      return {
        _id: placeOf(scope, kind, id),
        scope,
        kind,
        data: JSON.stringify(row.data),
        expiresAt: date(row.expiresAt),
      };
    case 'counter':
      return { _id: placeOf(scope, kind, id), scope, kind, count: row.count, expiresAt: date(row.expiresAt) };
  }
}

export function rowOf(table: Table, document: TransferDocument): TransferRow {
  const { _id, scope, kind } = document;
  const id = nameIn(_id, scope, kind);
  // The collection decides what else a document has, and each is written by one room only. That fields which are not
  // set are left out, as rows want it, is the work of `given` and not in the port's types.
  switch (table) {
    case 'record':
      return { table, scope, kind, ...recordOf<JsonObject>(document as RecordDocument) } as TransferRow;
    case 'artifact':
      return { table, scope, kind, ...artifactOf(document as ArtifactDocument) } as TransferRow;
    case 'oneTime':
      return { table, scope, kind, id, data: parse(document.data ?? ''), expiresAt: endOf(document) };
    case 'counter':
      return { table, scope, kind: '', id, count: document.count ?? 0, expiresAt: endOf(document) };
  }
}

const endOf = ({ expiresAt }: TransferDocument): number => expiresAt?.getTime() ?? 0;
