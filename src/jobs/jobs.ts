/**
 * The leased durable queue. Owns the rows of kind `job:*` and `dead_job`; knows nothing of what a job does.
 *
 * At least once: a job is repeated when its process dies or is paused beyond the lease, so handlers are built to be
 * repeated (RL-02). What was enqueued survives a crash and is taken up again within ten seconds (RL-01).
 */
import { type Clock, HOUR, SECOND } from '../core/clock.ts';
import { randomToken } from '../core/random.ts';
import type { Log } from '../lib/log.ts';
import { type Store, StoreConflict, type StoredRecord, SYSTEM } from '../store/port.ts';
import {
  JOB_RETENTION,
  type Job,
  type JobHandler,
  type JobState,
  LEASE,
  type NewJob,
  recordKind,
} from './job.ts';
import { Worker } from './worker.ts';

export interface WorkOptions {
  /** Jobs of this kind under way in this process, 1 or more. */
  readonly concurrency: number;
  /** Of these, jobs of one app; no bound of its own unless given. */
  readonly perApp?: number | ((app: string) => number);
  /** Told before a job is given up for good, and again should a crash come between. */
  readonly onDead?: (job: Job, reason: string) => Promise<void>;
  readonly leaseMs?: number;
}

export interface Backlog {
  /** Counted up to 1000. */
  readonly waiting: number;
  /** ms since the oldest of them was enqueued; 0 when there is none. */
  readonly oldestMs: number;
}

const MAX_COUNTED = 1000;
/** Beyond every back-off: what waits for its next try is backlog too. */
const FAR = HOUR;

export interface Jobs {
  /** False when a job of this id is waiting or under way: enqueueing again changes nothing. */
  enqueue(job: NewJob): Promise<boolean>;
  /** Starts to work on a kind. One handler per kind; throws when there is one already. */
  work(kind: string, handler: JobHandler, options: WorkOptions): void;
  /** Runs all that is due now, waits for it and for what it makes due. For tests that move the clock. */
  runDue(): Promise<void>;
  /** What waits or is under way, of all processes. */
  backlog(kind: string): Promise<Backlog>;
  /** Kinds that have a handler. */
  kinds(): readonly string[];
  /** Takes no more jobs, waits up to `waitMs` (10 s) for those under way and releases the rest (RL-19). */
  stop(options?: { readonly waitMs?: number }): Promise<void>;
}

export function createJobs(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Name of this process among the owners of leases; random unless given. */
  readonly instance?: string;
}): Jobs {
  const { clock, log } = options;
  const { records } = options.store;
  const owner = options.instance ?? randomToken(9);
  const workers = new Map<string, Worker>();
  let isStopped = false;

  return {
    async enqueue({ kind, id, app, data, dueAt }) {
      const now = clock.now();
      const due = dueAt ?? now;
      const state: JobState = {
        app: app ?? null,
        data,
        enqueuedAt: now,
        attempts: 0,
        throws: 0,
        abandoned: 0,
        owner: null,
        leaseUntil: 0,
      };
      const expiresAt = Math.max(now, due) + JOB_RETENTION;
      let row: StoredRecord<JobState>;
      try {
        row = await records.insert(
          SYSTEM,
          recordKind(kind),
          { id, data: state, group: app, dueAt: due, expiresAt },
          now,
        );
      } catch (thrown) {
        if (thrown instanceof StoreConflict) return false;
        throw thrown;
      }
      if (due <= now) workers.get(kind)?.offer({ ...row, scope: SYSTEM });
      return true;
    },

    work(kind, handler, { concurrency, perApp = concurrency, leaseMs = LEASE, onDead }) {
      if (isStopped) throw new Error('the queue has stopped');
      if (workers.has(kind)) throw new Error(`jobs of kind ${kind} have a handler already`);
      const context = { records, clock, log, kind, owner, leaseMs };
      workers.set(kind, new Worker(context, handler, { concurrency, perApp, ...(onDead ? { onDead } : {}) }));
    },

    async runDue() {
      let taken: number;
      do {
        taken = 0;
        for (const worker of workers.values()) taken += await worker.runDue();
      } while (taken > 0);
    },

    async backlog(kind) {
      const now = clock.now();
      const rows = await records.due<JobState>(recordKind(kind), now + FAR, MAX_COUNTED);
      const oldest = Math.min(now, ...rows.map((row) => row.data.enqueuedAt));
      return { waiting: rows.length, oldestMs: now - oldest };
    },

    kinds: () => [...workers.keys()],

    async stop({ waitMs = 10 * SECOND } = {}) {
      isStopped = true;
      await Promise.all([...workers.values()].map((worker) => worker.stop(waitMs)));
    },
  };
}
