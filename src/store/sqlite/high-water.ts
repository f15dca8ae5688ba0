/**
 * Notices that an older copy of the file was put back by hand: a level stands in the file and, beside it, in
 * `<file>.mark`, and only ever rises. A file below its mark has forgotten revocations (RL-23), and is refused until
 * somebody decides what that means (`postern store epoch`).
 *
 * The level rises at every start and once a minute, first in the file and then in the mark, so that a crash in between never
 * makes a sound file look old. Not noticed: a copy younger than two minutes, and a copy of the whole folder, mark included.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomToken } from '../../core/random.ts';
import { faultOf, type Log } from '../../lib/log.ts';
import { type Records, StoreConflict, type StoredRecord, SYSTEM } from '../port.ts';
import { StoreRefused } from './schema.ts';

/** Belongs to the file, not to what is kept in it: never moved to another store. */
export const HIGH_WATER = 'high_water';
const ID = 'file';
const RAISE_EVERY_MS = 60_000;
/** The row never expires, so any time will do. */
const ANY_TIME = 0;

interface Level {
  /** Of this file, made at random; another file in its place is none of ours. */
  readonly store: string;
  readonly level: number;
}

export class HighWater {
  readonly #file: string;
  readonly #mark: string;
  readonly #records: Records;
  readonly #log: Log;
  #raisedAt: number | undefined;

  constructor(file: string, records: Records, log: Log) {
    this.#file = file;
    this.#mark = `${file}.mark`;
    this.#records = records;
    this.#log = log;
  }

  /** Throws StoreRefused for a file that is older than its mark. */
  async check(): Promise<void> {
    const [row, mark] = [await this.#row(), this.#read()];
    if (mark && (row ? !isAtLeast(row.data, mark) : await this.#isInUse())) {
      throw new StoreRefused(
        `${this.#file} is older than the one that ran here last: somebody put a copy back. What was revoked, ` +
          'rotated or signed out since would be valid again. Run "npm run postern -- store epoch" to sign everybody out, ' +
          'or "npm run postern -- store epoch --keep-sessions" if you know that nothing was revoked since.',
      );
    }
    await this.#raise(0);
  }

  /** For whoever has decided about an older file. */
  async accept(): Promise<void> {
    await this.#raise(this.#read()?.level ?? 0);
  }

  /** Called often; writes once a minute. Never fails: it is no reason to stop serving. */
  async rise(now: number): Promise<void> {
    if (this.#raisedAt !== undefined && Math.abs(now - this.#raisedAt) < RAISE_EVERY_MS) return;
    this.#raisedAt = now;
    try {
      await this.#raise(0);
    } catch (fault) {
      this.#log.warn({ fault: faultOf(fault) }, 'the mark beside the store was not raised');
    }
  }

  async #raise(above: number): Promise<void> {
    const row = await this.#row();
    const level = Math.max(row?.data.level ?? 0, above) + 1;
    const data: Level = { store: row?.data.store ?? randomToken(), level };
    // Who loses has been overtaken by another process, which writes the mark as well.
    if (await this.#write(row, data)) this.#writeMark(data);
  }

  async #write(row: StoredRecord<Level> | undefined, data: Level): Promise<boolean> {
    if (row)
      return (await this.#records.replace(SYSTEM, HIGH_WATER, { ...row, data }, ANY_TIME)) !== undefined;
    try {
      await this.#records.insert<Level>(SYSTEM, HIGH_WATER, { id: ID, data }, ANY_TIME);
      return true;
    } catch (error) {
      if (error instanceof StoreConflict) return false;
      throw error;
    }
  }

  #row(): Promise<StoredRecord<Level> | undefined> {
    return this.#records.find<Level>(SYSTEM, HIGH_WATER, ID, ANY_TIME);
  }

  /** A new file beside the mark of a deleted one holds nothing that could come back to life. */
  async #isInUse(): Promise<boolean> {
    return (await this.#records.list(SYSTEM, 'app', { limit: 1 }, ANY_TIME)).length > 0;
  }

  #read(): Level | undefined {
    try {
      const { store, level } = JSON.parse(readFileSync(this.#mark, 'utf8'));
      return typeof store === 'string' && Number.isSafeInteger(level) ? { store, level } : undefined;
    } catch {
      // No mark yet, or one that was never finished: nothing to compare with.
      return undefined;
    }
  }

  /** Whole or not at all; a power cut may leave the one before, which is lower and does no harm. */
  #writeMark(data: Level): void {
    const own = `${this.#mark}.${randomToken(6)}`;
    try {
      writeFileSync(own, `${JSON.stringify(data)}\n`, { mode: 0o600, flag: 'wx' });
      renameSync(own, this.#mark);
    } catch (fault) {
      this.#log.warn({ fault: faultOf(fault) }, 'the mark beside the store was not written');
      rmSync(own, { force: true });
    }
  }
}

/** One step is forgiven: a power cut on a disk that lied about its last write must not keep Postern from starting (RL-13). */
const isAtLeast = (row: Level, mark: Level): boolean =>
  row.store === mark.store && row.level >= mark.level - 1;
