/**
 * The worker of one kind of job: finds what is due, claims it, runs the handler, writes the outcome.
 *
 * A job that is enqueued in this process is claimed from its row (`offer`) while its app has room, and so does not queue up
 * behind a flood of another app, nor costs a look. Else `due` is read when something may be there: after an enqueue without
 * room, by the poll, or by a run that ended while more was waiting. Per job that is an insert, a claim and a remove.
 */
import { withoutPatience } from '../core/patience.ts';
import { jitter } from '../core/random.ts';
import { backOff } from '../lib/back-off.ts';
import { faultOf } from '../lib/log.ts';
import { roundRobin } from '../lib/round-robin.ts';
import type { DueRecord } from '../store/port.ts';
import {
  type Job,
  type JobHandler,
  type JobOutcome,
  type JobState,
  MAX_ABANDONED,
  MAX_THROWS,
  RETRY,
  recordKind,
} from './job.ts';
import { claim, type Lease, type LeaseContext } from './lease.ts';

const POLL_MS = 500;
const BATCH = 128;
const WIDE_BATCH = 2048;

export interface WorkerLimits {
  /** Jobs under way in this process. */
  readonly concurrency: number;
  /** Of these, jobs of one app: one dead mail server must not take every slot. */
  readonly perApp: number | ((app: string) => number);
  readonly onDead?: (job: Job, reason: string) => Promise<void>;
}

interface Run {
  readonly lease: Lease;
  readonly lane: string;
  readonly ended: Promise<void>;
}

const laneOf = (row: { readonly data: JobState }): string => row.data.app ?? '';

export class Worker {
  readonly #context: LeaseContext;
  readonly #handler: JobHandler;
  readonly #limits: WorkerLimits;
  readonly #runs = new Map<string, Run>();
  /** Rows of our own that are being claimed: each has its place already. */
  readonly #offers = new Map<string, { readonly lane: string; readonly ended: Promise<void> }>();
  #poll: NodeJS.Timeout | undefined;
  #pumping: Promise<void> | undefined;
  #isWanted = false;
  #isStopped = false;
  /** More was due than there was room for. */
  #hasBacklog = false;
  /** The next look may read far behind a flood of one app; only a poll allows it, because it costs milliseconds. */
  #mayLookFar = true;
  #taken = 0;

  constructor(context: LeaseContext, handler: JobHandler, limits: WorkerLimits) {
    this.#context = context;
    this.#handler = handler;
    this.#limits = limits;
    this.#schedulePoll();
  }

  /** Looks for due jobs now; calls of one tick are one look. Never rejects. */
  kick(): Promise<void> {
    if (this.#isStopped) return this.#pumping ?? Promise.resolve();
    this.#isWanted = true;
    // An enqueue comes from within a request, whose patience is not the job's.
    this.#pumping ??= withoutPatience(() => this.#pump());
    return this.#pumping;
  }

  /** Claims a row that was just inserted if there is room for it; else it waits to be found. Never rejects. */
  offer(row: DueRecord<JobState>): void {
    const lane = laneOf(row);
    const isFull = this.#runs.size + this.#offers.size >= this.#limits.concurrency;
    if (this.#isStopped || isFull || this.#roomOf(lane) <= 0) {
      this.#hasBacklog = true;
      void this.kick();
      return;
    }
    const ended = withoutPatience(() => this.#claimOffered(row)).finally(() => this.#offers.delete(row.id));
    this.#offers.set(row.id, { lane, ended });
  }

  async #claimOffered(row: DueRecord<JobState>): Promise<void> {
    try {
      const lease = await claim(this.#context, row);
      if (lease) this.#start(lease);
    } catch (thrown) {
      // The store is away; the next poll finds the row.
      this.#warn(thrown, 'an enqueued job was not claimed');
    }
  }

  /** Runs what is due and what becomes due meanwhile, waits for it, and gives the number of jobs taken up. */
  async runDue(): Promise<number> {
    const before = this.#taken;
    do {
      await this.kick();
      await Promise.all([...this.#offers.values(), ...this.#runs.values()].map(({ ended }) => ended));
    } while (this.#offers.size > 0 || this.#runs.size > 0 || this.#pumping);
    return this.#taken - before;
  }

  /** Waits up to `waitMs` for what is under way, then gives the rest back. */
  async stop(waitMs: number): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#poll);
    await this.#pumping;
    await Promise.all([...this.#offers.values()].map(({ ended }) => ended));
    await settledWithin(
      [...this.#runs.values()].map((run) => run.ended),
      waitMs,
    );
    const left = [...this.#runs.values()];
    await Promise.all(
      left.map((run) => run.lease.release().catch((thrown) => this.#warn(thrown, 'lease not released'))),
    );
  }

  #schedulePoll(): void {
    // Half to one and a half periods, so that processes started together do not keep asking together.
    this.#poll = setTimeout(
      () => {
        this.#mayLookFar = true;
        void this.kick();
        this.#schedulePoll();
      },
      POLL_MS * (0.5 + jitter()),
    );
    this.#poll.unref();
  }

  async #pump(): Promise<void> {
    // Lets all enqueues of this tick arrive before the first look.
    await Promise.resolve();
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false;
      try {
        await this.#takeDue();
      } catch (thrown) {
        // The store is away; the next poll tries again.
        this.#warn(thrown, 'due jobs not read');
      }
    }
    this.#pumping = undefined;
  }

  async #takeDue(): Promise<void> {
    for (;;) {
      const picked = await this.#candidates();
      if (picked.length === 0 || this.#isStopped) return;
      const claims = await Promise.allSettled(picked.map((row) => claim(this.#context, row)));
      for (const outcome of claims) {
        if (outcome.status === 'fulfilled' && outcome.value) this.#start(outcome.value);
      }
      const failed = claims.find((outcome) => outcome.status === 'rejected');
      if (failed) throw failed.reason;
      if (!this.#hasBacklog) return;
    }
  }

  /**
   * Rows to claim, apps taking turns. `due` is sorted by time alone, so a flood of one app that is beyond its share would
   * hide all others: then a wider batch is read.
   */
  async #candidates(): Promise<readonly DueRecord<JobState>[]> {
    const free = this.#limits.concurrency - this.#runs.size - this.#offers.size;
    this.#hasBacklog = free <= 0;
    if (free <= 0) return [];
    const near = await this.#look(free, BATCH);
    if (near.picked.length === free || !near.isFull || !this.#mayLookFar) return near.picked;
    this.#mayLookFar = false;
    return (await this.#look(free, WIDE_BATCH)).picked;
  }

  async #look(free: number, limit: number) {
    const { records, clock, kind } = this.#context;
    const due = await records.due<JobState>(recordKind(kind), clock.now(), limit);
    const rows = due.filter((row) => !this.#runs.has(row.id) && !this.#offers.has(row.id));
    const busy = Map.groupBy([...this.#runs.values(), ...this.#offers.values()], ({ lane }) => lane);
    const room = (lane: string) => this.#most(lane) - (busy.get(lane)?.length ?? 0);
    const picked = roundRobin(rows, laneOf, free, room);
    const isFull = due.length === limit;
    this.#hasBacklog = isFull || rows.length > picked.length;
    return { picked, isFull };
  }

  #most(lane: string): number {
    const { perApp } = this.#limits;
    return typeof perApp === 'number' ? perApp : perApp(lane);
  }

  #roomOf(lane: string): number {
    let taken = 0;
    for (const one of this.#runs.values()) if (one.lane === lane) taken += 1;
    for (const one of this.#offers.values()) if (one.lane === lane) taken += 1;
    return this.#most(lane) - taken;
  }

  #start(lease: Lease): void {
    const { id } = lease.job;
    const lane = lease.state.app ?? '';
    this.#taken += 1;
    const ended = this.#run(lease).finally(() => {
      this.#runs.delete(id);
      // A quarter of the slots at a time, of its app too: one look for several jobs while a flood is worked off.
      const isRoomy = this.#runs.size <= this.#limits.concurrency * 0.75;
      if (this.#hasBacklog && isRoomy && this.#roomOf(lane) >= this.#most(lane) * 0.25) void this.kick();
    });
    this.#runs.set(id, { lease, lane, ended });
  }

  async #run(lease: Lease): Promise<void> {
    try {
      if (lease.state.abandoned >= MAX_ABANDONED) await this.#bury(lease, 'abandoned too often');
      else await this.#settle(lease, await this.#handler(lease.job, lease.signal));
    } catch (thrown) {
      await this.#fail(lease, thrown);
    }
  }

  #settle(lease: Lease, outcome: JobOutcome): Promise<boolean> {
    if ('done' in outcome) return lease.done();
    if ('dead' in outcome) return this.#bury(lease, outcome.dead);
    // Never in the past: a handler that always wants to go on at once would spin.
    return lease.retry(Math.max(outcome.retryAt, this.#context.clock.now() + 1), lease.state.throws);
  }

  /** Told first: when that fails, the lease runs out, and whoever takes the job up buries it. */
  async #bury(lease: Lease, reason: string): Promise<boolean> {
    await this.#limits.onDead?.(lease.job, reason);
    return lease.bury(reason);
  }

  /** RL-24: what keeps throwing is put aside, and everything else flows on. */
  async #fail(lease: Lease, thrown: unknown): Promise<void> {
    const throws = lease.state.throws + 1;
    const fault = faultOf(thrown);
    const { clock, kind, log } = this.#context;
    log.warn({ job: lease.job.id, kind, throws, fault }, 'job failed');
    try {
      if (throws >= MAX_THROWS)
        await this.#bury(lease, `threw ${throws} times, last ${fault.errorCode ?? fault.name}`);
      else await lease.retry(clock.now() + backOff(RETRY, throws, jitter()), throws);
    } catch (cause) {
      // The lease runs out by itself and the job is taken up again.
      this.#warn(cause, 'outcome of a job not written');
    }
  }

  #warn(thrown: unknown, message: string): void {
    this.#context.log.warn({ kind: this.#context.kind, fault: faultOf(thrown) }, message);
  }
}

async function settledWithin(work: readonly Promise<void>[], ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([Promise.all(work), bound]);
  clearTimeout(timer);
}
