/** What `postern store check` says of the file: its form, its rights, the room around it. Reads only. */
import { existsSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Finding, InspectOptions } from '../maintenance.ts';
import { openWriterConnection } from './connection.ts';
import { assertOurs, missingParts, SCHEMA_VERSION, StoreRefused } from './schema.ts';

const MB = 1024 * 1024;
/** A checkpoint and a burst of sign-ins fit into this. */
const SCARCE_BYTES = 512 * MB;
/** The writer cuts the log back to 64 MB (connection.ts); beyond this some reader keeps it from doing so. */
const LARGE_LOG_BYTES = 256 * MB;

type Level = Finding['level'];
const finding = (level: Level, subject: string, detail: string): Finding => ({ level, subject, detail });

export function checkFile(file: string, options: InspectOptions): readonly Finding[] {
  if (!existsSync(file))
    return [finding('fault', 'file', `${file} does not exist: the first start makes it`)];
  const db = new DatabaseSync(file, { readOnly: true, returnArrays: true, timeout: 5000 });
  try {
    assertOurs(db, file);
    const form = [...schemaFindings(db), integrity(db, options), durability(db, file)];
    return [...form, ...rights(file), logSize(file), room(file)];
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return [finding('fault', thrown instanceof StoreRefused ? 'schema' : 'file', reason), ...rights(file)];
  } finally {
    db.close();
  }
}

function schemaFindings(db: DatabaseSync): Finding[] {
  const version = Number(pragma(db, 'PRAGMA user_version'));
  const { all, missing } = missingParts(db);
  return [
    version === SCHEMA_VERSION
      ? finding('ok', 'schema', `version ${version}`)
      : finding('fault', 'schema', `version ${version}, and this Postern writes ${SCHEMA_VERSION}`),
    missing.length === 0
      ? finding('ok', 'tables and indexes', `all ${all} are there`)
      : finding('fault', 'tables and indexes', `missing: ${missing.join(', ')}`),
  ];
}

function integrity(db: DatabaseSync, { thorough }: InspectOptions): Finding {
  const check = thorough ? 'integrity_check' : 'quick_check';
  const damaged = (what: string): Finding =>
    finding('fault', 'integrity', `damaged: ${what}. Restore a backup.`);
  try {
    const rows = db.prepare(`PRAGMA ${check}(5)`).all();
    const lines = rows.map((row) => String(Object.values(row)[0]));
    return lines.join() === 'ok'
      ? finding('ok', 'integrity', `${check} found no damage`)
      : damaged(lines.join('; '));
  } catch (thrown) {
    // Some damage keeps the check itself from reading on.
    return damaged(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** As the writer opens it: the sync level belongs to a connection, not to the file. */
function durability(db: DatabaseSync, file: string): Finding {
  const mode = String(pragma(db, 'PRAGMA journal_mode'));
  if (mode !== 'wal') return finding('fault', 'durability', `journal mode ${mode}: start Postern once`);
  const writer = openWriterConnection({ file });
  try {
    const level = Number(pragma(writer, 'PRAGMA synchronous'));
    return level >= 2
      ? finding('ok', 'durability', 'write-ahead log, every commit is on the disk before it is acknowledged')
      : finding('fault', 'durability', `sync level ${level}: acknowledged writes may be lost`);
  } finally {
    writer.close();
  }
}

function rights(file: string): Finding[] {
  const parts = ['', '-wal', '-shm'].map((suffix) => file + suffix).filter((path) => existsSync(path));
  const open = parts.filter((path) => (statSync(path).mode & 0o077) !== 0);
  const folder = statSync(dirname(file));
  const owner = statSync(file).uid;
  const self = process.getuid?.() ?? owner;
  const isExposed = (folder.mode & 0o002) !== 0 && (folder.mode & 0o1000) === 0;
  return [
    open.length === 0
      ? finding('ok', 'rights', 'only the owner may read the file')
      : finding('warning', 'rights', `others may read ${open.join(', ')}: chmod 600`),
    ...(isExposed
      ? [finding('warning', 'folder', `everybody may replace files in ${dirname(file)}: chmod 700`)]
      : []),
    ...(owner === self
      ? []
      : [finding('warning', 'owner', `the file belongs to user ${owner}, this is user ${self}`)]),
  ];
}

function logSize(file: string): Finding {
  const bytes = existsSync(`${file}-wal`) ? statSync(`${file}-wal`).size : 0;
  return bytes > LARGE_LOG_BYTES
    ? finding('warning', 'log', `${megabytes(bytes)}: a reader that never ends keeps it from being emptied`)
    : finding('ok', 'log', megabytes(bytes));
}

function room(file: string): Finding {
  const { bavail, bsize } = statfsSync(dirname(file));
  const [free, size] = [bavail * bsize, statSync(file).size];
  const detail = `${megabytes(free)} free, the file has ${megabytes(size)}`;
  if (free < SCARCE_BYTES / 16) return finding('fault', 'disk', `${detail}: writes are about to fail`);
  return finding(free < SCARCE_BYTES ? 'warning' : 'ok', 'disk', detail);
}

const megabytes = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`;

const pragma = (db: DatabaseSync, sql: string): unknown => Object.values(db.prepare(sql).get() ?? {})[0];
