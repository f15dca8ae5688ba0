/** `maintenance.ts` for MongoDB. Its connection is its own and patient: it runs in commands, never beside requests. */
import type { AnyBulkWriteOperation, Collection, Db, MongoClient } from 'mongodb';
import type {
  Finding,
  InspectOptions,
  KindSize,
  Maintenance,
  Place,
  Table,
  TransferRow,
} from '../maintenance.ts';
import { databaseOf, displayName, openClient } from './connection.ts';
import { alive } from './documents.ts';
import { collectionsOf } from './link.ts';
import { errorOf } from './mongo-fault.ts';
import { placeOf } from './names.ts';
import { checkServer } from './server-check.ts';
import { documentOf, rowOf, type TransferDocument } from './transfer-documents.ts';

const TABLES = ['record', 'oneTime', 'artifact', 'counter'] as const satisfies readonly Table[];

export class MongoMaintenance implements Maintenance {
  readonly name: string;
  readonly #url: string;
  #client: MongoClient | undefined;

  /** @param url as in STORE_URL */
  constructor(url: string) {
    this.#url = url;
    this.name = displayName(url);
  }

  async inspect(_options: InspectOptions): Promise<readonly Finding[]> {
    return this.#run((db) => checkServer(db, this.name));
  }

  async sizes(now: number): Promise<readonly KindSize[]> {
    const sizes = await Promise.all(TABLES.map((table) => this.#run((db) => sizesOf(db, table, now))));
    return sizes.flat();
  }

  /** No server knows who else will write next; the caller compares. */
  async claim(): Promise<boolean> {
    return false;
  }

  async dump(
    table: Table,
    after: Place | undefined,
    limit: number,
    now: number,
  ): Promise<readonly TransferRow[]> {
    const behind = after ? { _id: { $gt: placeOf(after.scope, after.kind, after.id) } } : {};
    const rows = await this.#run((db) =>
      collectionOf(db, table)
        .find({ ...behind, ...alive(now) }, { limit, batchSize: limit })
        .sort({ _id: 1 })
        .toArray(),
    );
    return rows.map((row) => rowOf(table, row));
  }

  async load(rows: readonly TransferRow[]): Promise<void> {
    for (const table of TABLES) {
      const writes = rows.filter((row) => row.table === table).map(replacementOf);
      if (writes.length > 0) {
        await this.#run((db) => collectionOf(db, table).bulkWrite(writes, { ordered: false }));
      }
    }
  }

  async removeKind(table: Table, kind: string): Promise<number> {
    const { deletedCount } = await this.#run((db) => collectionOf(db, table).deleteMany({ kind }));
    return deletedCount;
  }

  async clear(): Promise<void> {
    for (const table of TABLES) await this.#run((db) => collectionOf(db, table).deleteMany({}));
  }

  async close(): Promise<void> {
    await this.#client?.close();
    this.#client = undefined;
  }

  async #run<T>(act: (db: Db) => Promise<T>): Promise<T> {
    this.#client ??= openClient(this.#url, 'maintenance');
    try {
      return await act(this.#client.db(databaseOf(this.#url)));
    } catch (thrown) {
      throw errorOf(thrown);
    }
  }
}

/** All four tables travel alike; which fields a row has is decided by its table in transfer-documents.ts. */
const collectionOf = (db: Db, table: Table): Collection<TransferDocument> =>
  db.collection(collectionsOf(db)[table].collectionName);

function replacementOf(row: TransferRow): AnyBulkWriteOperation<TransferDocument> {
  const { _id, ...replacement } = documentOf(row);
  return { replaceOne: { filter: { _id }, replacement, upsert: true } };
}

async function sizesOf(db: Db, table: Table, now: number): Promise<readonly KindSize[]> {
  const bytes = { $sum: { $strLenBytes: { $ifNull: ['$data', ''] } } };
  const groups = await collectionOf(db, table)
    .aggregate<{ _id: string; rows: number; bytes: number }>([
      { $match: alive(now) },
      { $group: { _id: '$kind', rows: { $sum: 1 }, bytes } },
    ])
    .toArray();
  return groups.map((group) => ({ table, kind: group._id, rows: group.rows, bytes: group.bytes }));
}
