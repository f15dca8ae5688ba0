/** How this process talks to the file: one connection that writes, in the writer thread, and one that reads. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { WriterSettings } from './protocol.ts';
import { assertOurs, createTables, StoreRefused } from './schema.ts';

/**
 * Every connection. The lock wait is zero: SQLite would sleep inside the call, and the main thread must never sleep
 * (measured: a wait of 300 ms there stalls everybody for 300 ms). Who meets a lock tries again by itself.
 */
const OPTIONS = { timeout: 0, returnArrays: true, allowExtension: false } as const;

const WRITER_PRAGMAS = [
  // An acknowledged write survives power loss, not only a crash of the process: one fsync per commit.
  'PRAGMA synchronous = FULL',
  // 16 MB of log between checkpoints: pages hit again meanwhile are copied once (measured: 10-20 % more sign-ins/s
  // than 4 MB). A log that a long reader or a burst has blown up is cut back to 64 MB.
  'PRAGMA wal_autocheckpoint = 4000',
  'PRAGMA journal_size_limit = 67108864',
  // 8 MB. More is slower: after a page was rebalanced SQLite walks the whole cache at COMMIT (measured: 64 MB costs
  // 1.6 times, 512 MB 2.7 times the CPU per write); what is not cached here is in the system's page cache anyway.
  'PRAGMA cache_size = -8000',
  'PRAGMA temp_store = MEMORY',
  // Removed rows are overwritten where their page is written anyway: costs nothing measurable, leaves less behind.
  'PRAGMA secure_delete = FAST',
  // The file is data: a view or trigger planted in it must not call functions.
  'PRAGMA trusted_schema = OFF',
] as const;

const READER_PRAGMAS = [
  'PRAGMA query_only = ON',
  // Every commit of the other connection empties this cache, so a large one would only be filled in vain.
  'PRAGMA cache_size = -2000',
  'PRAGMA trusted_schema = OFF',
] as const;

/** Makes directory, file and tables where they are missing. Throws SQLite's busy error while another holds the lock. */
export function openWriterConnection(settings: WriterSettings): DatabaseSync {
  createFile(settings.file);
  const db = new DatabaseSync(settings.file, OPTIONS);
  try {
    // Before the first pragma: switching a file to WAL already writes to it.
    assertOurs(db, settings.file);
    useWriteAheadLog(db, settings.file);
    for (const pragma of WRITER_PRAGMAS) db.exec(pragma);
    if (settings.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(settings.maxPages)}`);
    createTables(db);
    return db;
  } catch (fault) {
    db.close();
    throw fault;
  }
}

export function openReaderConnection(file: string): DatabaseSync {
  const db = new DatabaseSync(file, OPTIONS);
  for (const pragma of READER_PRAGMAS) db.exec(pragma);
  return db;
}

/** Readers never wait for the writer, nor it for them. SQLite tells by a row, not by an error, that it cannot do it. */
function useWriteAheadLog(db: DatabaseSync, file: string): void {
  const mode = Object.values(db.prepare('PRAGMA journal_mode = WAL').get() ?? {})[0];
  if (mode !== 'wal') {
    throw new StoreRefused(
      `${file} lies on a file system without shared memory (a network drive?). Use a local disk.`,
    );
  }
}

/** For the owner's eyes only; SQLite gives the log and its index the mode of the file. */
function createFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
}

/**
 * Takes the file for this connection alone until it is closed; throws SQLite's busy error when another has it open. Every
 * connection in WAL mode holds a shared lock as long as it lives, so an exclusive one proves that there is none.
 */
export function lockFile(db: DatabaseSync): void {
  db.exec('PRAGMA busy_timeout = 0');
  db.exec('PRAGMA locking_mode = EXCLUSIVE');
  // Leaving WAL for a moment asks for the lock at once, also on a connection that has read before.
  db.exec('PRAGMA journal_mode = DELETE');
  db.exec('PRAGMA journal_mode = WAL');
  db.exec('BEGIN EXCLUSIVE; COMMIT');
}
