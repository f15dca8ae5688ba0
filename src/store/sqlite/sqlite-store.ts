/**
 * The embedded store: one file, `node:sqlite`, no server. Writes go through the one writer thread of this process
 * (writer.ts, writer-thread.ts), reads stay on the main thread (reader.ts). Several processes of one machine may share
 * the file; several machines may not: that is what the other backend is for.
 */
import { type Log, silentLog } from '../../lib/log.ts';
import { type Store, StoreUnavailable, SYSTEM } from '../port.ts';
import { SqliteArtifacts } from './artifacts.ts';
import { SqliteCounters } from './counters.ts';
import { HighWater } from './high-water.ts';
import { SqliteOneTime } from './one-time.ts';
import { Reader } from './reader.ts';
import { SqliteRecords } from './records.ts';
import { errorOf, faultOf } from './sqlite-fault.ts';
import { Writer } from './writer.ts';

export interface SqliteOptions {
  readonly log?: Log | undefined;
  /** Told how many writes share each commit. */
  readonly onBatch?: ((size: number) => void) | undefined;
  /** The file may not grow beyond this many pages of 4 KiB. */
  readonly maxPages?: number | undefined;
  /** How long a write waits for the lock of other processes before StoreUnavailable; default 10 s. */
  readonly giveUpAfterMs?: number | undefined;
  /** Whether a file that is older than its mark may be opened, which also lifts it above the mark (high-water.ts). */
  readonly mayBeOlder?: boolean | undefined;
}

export class SqliteStore implements Store {
  readonly records: SqliteRecords;
  readonly oneTime: SqliteOneTime;
  readonly artifacts: SqliteArtifacts;
  readonly counters: SqliteCounters;
  readonly #file: string;
  readonly #writer: Writer;
  readonly #highWater: HighWater;
  readonly #mayBeOlder: boolean;
  #reader: Reader | undefined;
  #isClosed = false;

  /** @param file absolute path; it and its directory are made by `prepare` */
  constructor(file: string, options: SqliteOptions = {}) {
    const { log, onBatch, maxPages, giveUpAfterMs, mayBeOlder = false } = options;
    this.#file = file;
    this.#writer = new Writer({ file, maxPages }, { log, onBatch, giveUpAfterMs });
    const reader = (): Reader => this.#open();
    this.records = new SqliteRecords(this.#writer, reader);
    this.oneTime = new SqliteOneTime(this.#writer, reader);
    this.artifacts = new SqliteArtifacts(this.#writer, reader);
    this.counters = new SqliteCounters(this.#writer, reader);
    this.#mayBeOlder = mayBeOlder;
    this.#highWater = new HighWater(file, this.records, log ?? silentLog);
  }

  /** The writer opens the file first: it alone makes tables and may meet locks while doing so. */
  async prepare(): Promise<void> {
    await this.#writer.run('probe');
    this.#open();
    await (this.#mayBeOlder ? this.#highWater.accept() : this.#highWater.check());
  }

  async ping(): Promise<void> {
    await this.counters.peek(SYSTEM, 'ping', 0);
    await this.#writer.run('probe');
  }

  async sweep(now: number, limit: number): Promise<number> {
    await this.#highWater.rise(now);
    return this.#writer.run('sweep', now, limit);
  }

  /** The reader first: the last connection to go moves the log into the file, and that is the writer thread's work. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reader?.close();
    this.#reader = undefined;
    await this.#writer.close();
  }

  #open(): Reader {
    if (this.#isClosed) throw new StoreUnavailable(new Error('the store is closed'));
    try {
      this.#reader ??= new Reader(this.#file);
      return this.#reader;
    } catch (thrown) {
      throw errorOf(faultOf(thrown));
    }
  }
}
