/**
 * Copies of the file while servers write: one consistent state, on the disk before it gets its name, for the owner's eyes
 * only. A copy is a single file in rollback mode, so that it can be moved about without its log.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { randomToken } from '../../core/random.ts';
import { StoreInUse } from '../maintenance.ts';
import { lockFile } from './connection.ts';
import { assertOurs, StoreRefused } from './schema.ts';
import { isBusy } from './sqlite-fault.ts';

/** All pages in one step: a copy in steps starts over whenever another process writes, and on a busy store never ends. */
const ALL_PAGES = 0x7fffffff;

/**
 * Gives the size of the copy in bytes. Throws StoreRefused when `from` is no store of ours or damaged, or when there is a
 * file at `to` already.
 */
export async function copyStore(from: string, to: string): Promise<number> {
  if (!existsSync(from)) throw new StoreRefused(`${from} does not exist`);
  if (existsSync(to)) throw new StoreRefused(`${to} exists already: name another file`);
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  const part = join(dirname(to), `.${basename(to)}.${randomToken(6)}.part`);
  try {
    closeSync(openSync(part, 'wx', 0o600));
    await copyPages(from, part);
    seal(part, from);
    sync(part);
    // Other than `rename` it never replaces what somebody put there meanwhile.
    linkSync(part, to);
    sync(dirname(to));
    return statSync(to).size;
  } finally {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(part + suffix, { force: true });
  }
}

async function copyPages(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true, returnArrays: true, timeout: 10_000 });
  try {
    assertOurs(source, from);
    await backup(source, to, { rate: ALL_PAGES });
  } finally {
    source.close();
  }
}

/** Read whole once: a backup that cannot be restored is found now and not in need. */
function seal(part: string, from: string): void {
  const copy = new DatabaseSync(part, { returnArrays: true });
  try {
    copy.exec('PRAGMA journal_mode = DELETE');
    const result = Object.values(copy.prepare('PRAGMA integrity_check(1)').get() ?? {})[0];
    if (result !== 'ok') throw new StoreRefused(`${from} is damaged: ${String(result)}`);
  } finally {
    copy.close();
  }
}

/**
 * Puts a finished store in the place of another, which is kept under `kept`. Nobody may have either of them open. There is a store under that name at every moment, and the mark goes first: a crash
 * before the last step leaves an old file that is refused, never one that is believed.
 */
export function replaceStore(file: string, by: string, kept: string): void {
  for (const suffix of ['', '-wal']) if (existsSync(file + suffix)) linkSync(file + suffix, kept + suffix);
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
  renameSync(`${by}.mark`, `${file}.mark`);
  renameSync(by, file);
  sync(dirname(file));
}

/**
 * Throws StoreInUse while anybody has the file open. A file that is damaged, or of a newer schema, is what one replaces: it
 * counts as free unless SQLite says otherwise.
 */
export function assertUnused(file: string): void {
  if (!existsSync(file)) return;
  const db = new DatabaseSync(file, { returnArrays: true });
  try {
    lockFile(db);
  } catch (thrown) {
    if (isBusy(thrown)) throw new StoreInUse(file);
  } finally {
    db.close();
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
