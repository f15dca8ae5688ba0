/** `maintenance.ts` for the embedded store. Its connection is its own: it runs in commands, never beside requests. */
import { existsSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type Finding,
  type InspectOptions,
  type KindSize,
  type Maintenance,
  type Place,
  StoreInUse,
  type Table,
  type TransferRow,
} from '../maintenance.ts';
import { lockFile, openReaderConnection, openWriterConnection } from './connection.ts';
import { checkFile } from './file-check.ts';
import { HIGH_WATER } from './high-water.ts';
import type { Cell } from './protocol.ts';
import { assertOurs, StoreRefused } from './schema.ts';
import { errorOf, faultOf, isBusy } from './sqlite-fault.ts';
import { cellsOf, rowOf, TRANSFER, type Transfer } from './transfer-rows.ts';

/** Commands may wait for the lock of a server: nobody else waits for them. */
const WAIT_MS = 10_000;

export class SqliteMaintenance implements Maintenance {
  readonly name: string;
  readonly #file: string;
  #db: DatabaseSync | undefined;
  #isWriter = false;

  /** @param file absolute path */
  constructor(file: string) {
    this.#file = file;
    this.name = `sqlite:${file}`;
  }

  async inspect(options: InspectOptions): Promise<readonly Finding[]> {
    return guarded(() => checkFile(this.#file, options));
  }

  async sizes(now: number): Promise<readonly KindSize[]> {
    return guarded(() => {
      const db = this.#reader();
      return Object.values(TRANSFER).flatMap(({ table, name, kind, bytes, live }) =>
        db
          .prepare(
            `SELECT ${kind}, count(*), coalesce(sum(${bytes}), 0) FROM ${name} WHERE ${live} GROUP BY 1`,
          )
          .all(now)
          .map((row) => sizeOf(table, cells(row))),
      );
    });
  }

  /** While we hold it, a Postern that starts is told that the store is locked. */
  async claim(): Promise<boolean> {
    return guarded(() => {
      if (!existsSync(this.#file)) return true;
      this.#release();
      const db = this.#writer();
      try {
        lockFile(db);
        return true;
      } catch (thrown) {
        this.#release();
        if (isBusy(thrown)) throw new StoreInUse(this.name);
        throw thrown;
      }
    });
  }

  async dump(
    table: Table,
    after: Place | undefined,
    limit: number,
    now: number,
  ): Promise<readonly TransferRow[]> {
    return guarded(() => {
      const { scope, kind, id } = after ?? { scope: '', kind: '', id: '' };
      const statement = this.#reader().prepare(dumpQuery(TRANSFER[table]));
      return statement.all(now, scope, kind, id, limit).map((row) => rowOf(table, cells(row)));
    });
  }

  async load(rows: readonly TransferRow[]): Promise<void> {
    guarded(() => {
      const db = this.#writer();
      const statements = new Map<Table, StatementSync>();
      db.exec('BEGIN IMMEDIATE');
      try {
        for (const row of rows) {
          const statement = statements.get(row.table) ?? db.prepare(loadStatement(TRANSFER[row.table]));
          statements.set(row.table, statement);
          statement.run(...cellsOf(row));
        }
        db.exec('COMMIT');
      } catch (thrown) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw thrown;
      }
    });
  }

  async removeKind(table: Table, kind: string): Promise<number> {
    return guarded(() => {
      const { name, kind: column } = TRANSFER[table];
      const removed = this.#writer().prepare(`DELETE FROM ${name} WHERE ${column} = ?`).run(kind);
      return Number(removed.changes);
    });
  }

  async clear(): Promise<void> {
    guarded(() => {
      const names = Object.values(TRANSFER).map(({ name, kind }) => {
        return `DELETE FROM ${name} WHERE ${kind} <> '${HIGH_WATER}';`;
      });
      this.#writer().exec(`BEGIN IMMEDIATE; ${names.join(' ')} COMMIT`);
    });
  }

  async close(): Promise<void> {
    this.#release();
  }

  #reader(): DatabaseSync {
    this.#db ??= this.#openReader();
    return this.#db;
  }

  /** Opening would make a file that is not there, and reading takes another program's file for an empty store. */
  #openReader(): DatabaseSync {
    if (!existsSync(this.#file)) throw new StoreRefused(`${this.#file} does not exist`);
    const db = patient(openReaderConnection(this.#file));
    try {
      assertOurs(db, this.#file);
      return db;
    } catch (refusal) {
      db.close();
      throw refusal;
    }
  }

  #writer(): DatabaseSync {
    if (!this.#isWriter) this.#release();
    this.#db ??= patient(openWriterConnection({ file: this.#file }));
    this.#isWriter = true;
    return this.#db;
  }

  #release(): void {
    this.#db?.close();
    this.#db = undefined;
    this.#isWriter = false;
  }
}

/** By the unique index. Counters have no kind, and a constant in its place would keep SQLite from using the index. */
function dumpQuery({ table, name, columns, kind, id, live }: Transfer): string {
  const [place, behind] =
    table === 'counter' ? [`scope, ${id}`, '?2, ?4'] : [`scope, ${kind}, ${id}`, '?2, ?3, ?4'];
  return `SELECT ${columns.join(', ')} FROM ${name} WHERE (${place}) > (${behind}) AND ${live} AND ?3 = ?3
    ORDER BY ${place} LIMIT ?5`;
}

function loadStatement({ name, columns, unique }: Transfer): string {
  const places = columns.map((_, index) => `?${index + 1}`);
  const updates = columns.map((column) => `${column} = excluded.${column}`);
  return `INSERT INTO ${name} (${columns.join(', ')}) VALUES (${places.join(', ')})
    ON CONFLICT (${unique}) DO UPDATE SET ${updates.join(', ')}`;
}

function patient(db: DatabaseSync): DatabaseSync {
  db.exec(`PRAGMA busy_timeout = ${WAIT_MS}`);
  return db;
}

const sizeOf = (table: Table, [kind = '', rows = 0, bytes = 0]: readonly Cell[]): KindSize => ({
  table,
  kind: String(kind),
  rows: Number(rows),
  bytes: Number(bytes),
});

/** The connections give rows as arrays; their types do not know. */
const cells = (row: unknown): readonly Cell[] => row as readonly Cell[];

function guarded<T>(act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    throw thrown instanceof StoreInUse ? thrown : errorOf(faultOf(thrown));
  }
}
