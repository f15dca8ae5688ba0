/**
 * Reads: on the main thread, with prepared statements, each in a snapshot of its own that holds all that was ever
 * acknowledged. They wait for nobody, except at the rare moments when another process recovers or removes the log.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import type { ArtifactIndex } from '../port.ts';
import { openReaderConnection } from './connection.ts';
import { ARTIFACT_INDEX } from './operations.ts';
import { ARTIFACT_COLUMNS, type Cell } from './protocol.ts';
import { errorOf, faultOf, isBusy } from './sqlite-fault.ts';

const RETRY_AFTER_MS = 5;
const RETRIES = 2000;

export type Row = readonly Cell[];

export const RECORD_COLUMNS = 'id, version, data, key, "group", due_at, expires_at';

/** Every read of the store. All take their cells in the order of the numbers. */
const QUERIES = {
  record: `SELECT ${RECORD_COLUMNS} FROM record
    WHERE scope = ?1 AND kind = ?2 AND id = ?3 AND (expires_at IS NULL OR expires_at > ?4)`,
  recordByKey: `SELECT ${RECORD_COLUMNS} FROM record
    WHERE scope = ?1 AND kind = ?2 AND key = ?3 AND (expires_at IS NULL OR expires_at > ?4)`,
  recordList: list(''),
  recordListAfter: list('AND id > ?5'),
  recordListOfGroup: list('AND "group" = ?5'),
  recordListOfGroupAfter: list('AND "group" = ?5 AND id > ?6'),
  recordDue: `SELECT scope, ${RECORD_COLUMNS} FROM record
    WHERE kind = ?1 AND due_at <= ?2 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY due_at LIMIT ?3`,
  oneTime: 'SELECT data FROM one_time WHERE scope = ?1 AND kind = ?2 AND key = ?3 AND expires_at > ?4',
  artifact: `SELECT id, ${ARTIFACT_COLUMNS} FROM artifact
    WHERE scope = ?1 AND model = ?2 AND id = ?3 AND (expires_at IS NULL OR expires_at > ?4)`,
  artifactsBy_grantId: findBy('grantId'),
  artifactsBy_uid: findBy('uid'),
  artifactsBy_accountId: findBy('accountId'),
  artifactsBy_clientId: findBy('clientId'),
  counter: 'SELECT count, resets_at FROM counter WHERE scope = ?1 AND key = ?2 AND resets_at > ?3',
} as const;

export type QueryName = keyof typeof QUERIES;

/** For the test that every read goes by its index. */
export const queries: Readonly<Record<QueryName, string>> = QUERIES;

export class Reader {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<QueryName, StatementSync>();

  /** The file and its tables must be there. */
  constructor(file: string) {
    this.#db = openReaderConnection(file);
  }

  one(name: QueryName, ...cells: readonly Cell[]): Promise<Row | undefined> {
    return this.#patiently(() => rowOf(this.#statement(name).get(...cells)));
  }

  all(name: QueryName, ...cells: readonly Cell[]): Promise<readonly Row[]> {
    return this.#patiently(() =>
      this.#statement(name)
        .all(...cells)
        .map(asRow),
    );
  }

  close(): void {
    this.#db.close();
  }

  #statement(name: QueryName): StatementSync {
    const known = this.#statements.get(name);
    if (known) return known;
    const statement = this.#db.prepare(QUERIES[name]);
    this.#statements.set(name, statement);
    return statement;
  }

  async #patiently<T>(read: () => T): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return read();
      } catch (thrown) {
        if (!isBusy(thrown) || tries > RETRIES) throw errorOf(faultOf(thrown));
      }
      await delay(RETRY_AFTER_MS);
    }
  }
}

/** The connection gives rows as arrays; its types do not know. Blobs and bigints are never stored. */
const asRow = (row: unknown): Row => row as Row;
const rowOf = (row: unknown): Row | undefined => (row === undefined ? undefined : asRow(row));

function list(condition: string): string {
  return `SELECT ${RECORD_COLUMNS} FROM record WHERE scope = ?1 AND kind = ?2
    AND (expires_at IS NULL OR expires_at > ?3) ${condition} ORDER BY id LIMIT ?4`;
}

function findBy(index: ArtifactIndex): string {
  return `SELECT id, ${ARTIFACT_COLUMNS} FROM artifact
    WHERE ${ARTIFACT_INDEX[index]} AND (expires_at IS NULL OR expires_at > ?4)`;
}
