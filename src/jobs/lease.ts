/**
 * One claimed job. Every step is a compare-and-set on the row's version: whoever was overtaken (paused beyond the lease,
 * RL-03) writes nothing. Renewals and the last step are put one behind the other, since each needs the version before.
 */
import type { Clock } from '../core/clock.ts';
import { faultOf, type Log } from '../lib/log.ts';
import { type Records, StoreConflict, type StoredRecord, SYSTEM } from '../store/port.ts';
import {
  DEAD_JOB,
  DEAD_JOB_RETENTION,
  type DeadJob,
  JOB_RETENTION,
  type Job,
  type JobState,
  recordKind,
} from './job.ts';

export interface LeaseContext {
  readonly records: Records;
  readonly clock: Clock;
  readonly log: Log;
  readonly kind: string;
  /** Random name of this queue; tells an abandoned row from a free one in the log. */
  readonly owner: string;
  readonly leaseMs: number;
}

type Row = StoredRecord<JobState>;

/** Undefined when another worker was faster. */
export async function claim(context: LeaseContext, row: Row): Promise<Lease | undefined> {
  const now = context.clock.now();
  const leaseUntil = now + context.leaseMs;
  const wasAbandoned = row.data.owner !== null;
  const held = await write(context, row, leaseUntil, {
    owner: context.owner,
    leaseUntil,
    attempts: row.data.attempts + 1,
    abandoned: row.data.abandoned + (wasAbandoned ? 1 : 0),
  });
  if (!held) return undefined;
  if (wasAbandoned) {
    context.log.warn(
      { job: row.id, kind: context.kind, owner: row.data.owner },
      'took over an abandoned job',
    );
  }
  return new Lease(context, held);
}

function write(context: LeaseContext, row: Row, dueAt: number, change: Partial<JobState>) {
  const now = context.clock.now();
  const next: Row = {
    id: row.id,
    version: row.version,
    group: row.group,
    data: { ...row.data, ...change },
    dueAt,
    expiresAt: Math.max(now, dueAt) + JOB_RETENTION,
  };
  return context.records.replace(SYSTEM, recordKind(context.kind), next, now);
}

export class Lease {
  readonly #context: LeaseContext;
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #row: Row;
  #isOver = false;
  #renewal: Promise<void> = Promise.resolve();

  constructor(context: LeaseContext, row: Row) {
    this.#context = context;
    this.#row = row;
    this.#timer = setInterval(() => this.renew(), Math.ceil((context.leaseMs * 3) / 8));
    this.#timer.unref();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get state(): JobState {
    return this.#row.data;
  }

  get job(): Job {
    const { app, data, enqueuedAt, attempts } = this.#row.data;
    return { kind: this.#context.kind, id: this.#row.id, app: app ?? undefined, data, enqueuedAt, attempts };
  }

  renew(): Promise<void> {
    this.#renewal = this.#renewal.then(() => this.#extend());
    return this.#renewal;
  }

  done(): Promise<boolean> {
    return this.#finish(() => this.#remove());
  }

  /** @param throws the number of failures to remember. */
  retry(at: number, throws: number): Promise<boolean> {
    return this.#finish(async () => {
      const free = { owner: null, leaseUntil: 0, throws };
      return (await write(this.#context, this.#row, at, free)) !== undefined;
    });
  }

  /** Gives the job back for anyone to take up at once; what the handler answers afterwards is ignored (RL-19). */
  release(): Promise<boolean> {
    this.#abort.abort(new Error('the queue stops'));
    return this.retry(this.#context.clock.now(), this.#row.data.throws);
  }

  /** The dead letter comes first: a crash in between repeats the job, and then meets its own letter. */
  bury(reason: string): Promise<boolean> {
    return this.#finish(async () => {
      const { records, clock, kind, log } = this.#context;
      const { app, data, enqueuedAt, attempts } = this.#row.data;
      const now = clock.now();
      const letter: DeadJob = { kind, app, data, enqueuedAt, attempts, diedAt: now, reason };
      const id = `${kind}:${this.#row.id}:${enqueuedAt}`;
      try {
        const expiresAt = now + DEAD_JOB_RETENTION;
        await records.insert(SYSTEM, DEAD_JOB, { id, data: letter, group: kind, expiresAt }, now);
      } catch (thrown) {
        if (!(thrown instanceof StoreConflict)) throw thrown;
      }
      log.error({ job: this.#row.id, kind, attempts, reason }, 'job given up');
      return this.#remove();
    });
  }

  #remove(): Promise<boolean> {
    const { records, kind } = this.#context;
    return records.remove(SYSTEM, recordKind(kind), this.#row.id, this.#row.version);
  }

  async #extend(): Promise<void> {
    if (this.#isOver) return;
    const { clock, leaseMs, log, kind } = this.#context;
    const leaseUntil = clock.now() + leaseMs;
    try {
      const row = await write(this.#context, this.#row, leaseUntil, { leaseUntil });
      if (row) this.#row = row;
      else this.#lose();
    } catch (thrown) {
      // The lease still runs; the next renewal may succeed.
      log.warn({ job: this.#row.id, kind, fault: faultOf(thrown) }, 'lease not renewed');
    }
  }

  #lose(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#abort.abort(new Error('the lease was lost'));
    this.#context.log.warn({ job: this.#row.id, kind: this.#context.kind }, 'lease lost to another worker');
  }

  /** False when there was nothing left to finish: overtaken, released, or finished before. */
  async #finish(step: () => Promise<boolean>): Promise<boolean> {
    clearInterval(this.#timer);
    await this.#renewal;
    if (this.#isOver) return false;
    this.#isOver = true;
    return step();
  }
}
