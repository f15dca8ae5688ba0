/**
 * The tables of the file, and the refusal of files that are not ours or too new.
 *
 * All are rowid tables with a unique index, because ids are random: in a WITHOUT ROWID table every insert of 600 B
 * rewrites a page of five rows and splits one in three (measured: 27 KB written per row), while here rows are appended
 * and only the small index is hit at random (14 KB). For the same reason other indexes are partial: a row pays only
 * for the columns it has.
 */
import { DatabaseSync } from 'node:sqlite';

/** Raised only by a change that older code would get wrong; a new table, column or index is none. */
export const SCHEMA_VERSION = 1;

/** "Pstn", so that a store of ours is told from any other SQLite file. */
const APPLICATION_ID = 0x5073746e;

const TABLES = `
CREATE TABLE IF NOT EXISTS record (
  scope TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL,
  key TEXT, "group" TEXT, due_at INTEGER, expires_at INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS record_id ON record (scope, kind, id);
CREATE UNIQUE INDEX IF NOT EXISTS record_key ON record (scope, kind, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_group ON record (scope, kind, "group", id) WHERE "group" IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_due ON record (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_expiry ON record (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS one_time (
  scope TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, data TEXT NOT NULL, expires_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_time_key ON one_time (scope, kind, key);
CREATE INDEX IF NOT EXISTS one_time_expiry ON one_time (expires_at);

CREATE TABLE IF NOT EXISTS artifact (
  scope TEXT NOT NULL, model TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL, marks TEXT,
  grant_id TEXT, uid TEXT, account_id TEXT, client_id TEXT, expires_at INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS artifact_id ON artifact (scope, model, id);
CREATE INDEX IF NOT EXISTS artifact_grant ON artifact (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifact_uid ON artifact (uid) WHERE uid IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifact_account ON artifact (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifact_client ON artifact (scope, client_id, model) WHERE client_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifact_expiry ON artifact (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS counter (
  scope TEXT NOT NULL, key TEXT NOT NULL, count INTEGER NOT NULL, resets_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS counter_key ON counter (scope, key);
CREATE INDEX IF NOT EXISTS counter_expiry ON counter (resets_at);

CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY CHECK (id = 1), beats INTEGER NOT NULL);
INSERT OR IGNORE INTO probe VALUES (1, 0);
`;

/** This file must not be touched by this version of the code; the message says what to do. */
export class StoreRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StoreRefused';
  }
}

/** Throws StoreRefused before anything is written. A fresh, empty file is fine. */
export function assertOurs(db: DatabaseSync, file: string): void {
  const { owner, version, isEmpty } = marksOf(db);
  if (owner !== APPLICATION_ID && (owner !== 0 || version !== 0 || !isEmpty)) {
    throw new StoreRefused(`${file} is a database of another program. Name another file in STORE_URL.`);
  }
  if (version > SCHEMA_VERSION) {
    throw new StoreRefused(
      `${file} was written by a newer Postern (schema ${version}; this one knows up to ${SCHEMA_VERSION}). ` +
        'Run that newer version, or go back to a copy of the file from before the upgrade.',
    );
  }
}

/** Names of all tables and indexes, and of those that this file lacks. */
export function missingParts(db: DatabaseSync): {
  readonly all: number;
  readonly missing: readonly string[];
} {
  const sample = new DatabaseSync(':memory:', { returnArrays: true });
  try {
    createTables(sample);
    const wanted = partsOf(sample);
    const found = new Set(partsOf(db));
    return { all: wanted.length, missing: wanted.filter((name) => !found.has(name)) };
  } finally {
    sample.close();
  }
}

const partsOf = (db: DatabaseSync): readonly string[] =>
  db
    .prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
    .all()
    .map((row) => String(Object.values(row)[0]));

/** Makes what is missing, in one transaction, so that a crash leaves all of it or nothing. */
export function createTables(db: DatabaseSync): void {
  if (pragma(db, 'user_version') === SCHEMA_VERSION) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec(TABLES);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
    db.exec('COMMIT');
  } catch (fault) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw fault;
  }
}

/** In one read transaction: another process may be making the tables at this moment, and half of that is no file of ours. */
function marksOf(db: DatabaseSync): {
  readonly owner: number;
  readonly version: number;
  readonly isEmpty: boolean;
} {
  db.exec('BEGIN');
  try {
    const [owner, version] = [pragma(db, 'application_id'), pragma(db, 'user_version')];
    return { owner, version, isEmpty: !hasTables(db) };
  } finally {
    db.exec('ROLLBACK');
  }
}

function pragma(db: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

function hasTables(db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined;
}
