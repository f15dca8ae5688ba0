/** The words of the queue: what a caller puts in, what a handler gets and answers, what stands in the store. */
import { DAY, SECOND } from '../core/clock.ts';
import type { AppId } from '../core/ids.ts';
import type { JsonObject } from '../store/port.ts';

export interface NewJob {
  /** Chooses the handler. */
  readonly kind: string;
  /** Chosen by the caller and unique within the kind while the job lives, so that enqueueing again is harmless. */
  readonly id: string;
  /** Whose work it is: apps take turns. Undefined for work that belongs to no app. */
  readonly app?: AppId | undefined;
  /** Ids only: a copy of the store must not hold what signs anyone in (ML-03). */
  readonly data: JsonObject;
  /** ms; now unless given. */
  readonly dueAt?: number | undefined;
}

export interface Job {
  readonly kind: string;
  readonly id: string;
  readonly app: AppId | undefined;
  readonly data: JsonObject;
  readonly enqueuedAt: number;
  /** How often it was taken up, this time included; 1 on the first run. */
  readonly attempts: number;
}

export type JobOutcome =
  | { readonly done: true }
  /** Not a failure: the handler wants to go on at this time, ms. */
  | { readonly retryAt: number }
  /** Never again; the reason is logged and kept, and holds no address or secret. */
  | { readonly dead: string };

/** `signal` aborts when the lease is lost or the queue stops: whatever is done after that may be done elsewhere too. */
export type JobHandler = (job: Job, signal: AbortSignal) => Promise<JobOutcome>;

/** The row of a job. `owner` is set while leased; a row that is due and still has one was abandoned by a crash. */
export interface JobState {
  readonly app: AppId | null;
  readonly data: JsonObject;
  readonly enqueuedAt: number;
  readonly attempts: number;
  readonly throws: number;
  readonly abandoned: number;
  readonly owner: string | null;
  readonly leaseUntil: number;
}

export interface DeadJob {
  readonly kind: string;
  readonly app: AppId | null;
  readonly data: JsonObject;
  readonly enqueuedAt: number;
  readonly attempts: number;
  readonly diedAt: number;
  readonly reason: string;
}

/** One record kind per job kind, so that no kind can fill the `due` answer of another. */
export const recordKind = (kind: string): string => `job:${kind}`;
export const DEAD_JOB = 'dead_job';
export const DEAD_JOB_RETENTION = 7 * DAY;
/** Of a job nobody works on any more (its handler was removed); counted from the last write. */
export const JOB_RETENTION = 30 * DAY;

/** Short enough that a crash is repaired within ten seconds (RL-01). */
export const LEASE = 8 * SECOND;
export const RETRY = { first: 5 * SECOND, max: 60 * SECOND } as const;
export const MAX_THROWS = 5;
/** A job that takes its process down leaves no throw behind; rolling restarts do too, hence the larger number. */
export const MAX_ABANDONED = 10;
