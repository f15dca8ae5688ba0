/**
 * Carries mails out, durably. Owns the jobs of kind `mail`; it is told by `load` what to send, tells the mail log what became
 * of it, and holds neither link, code nor address itself: the job has ids only, and the mail is composed anew for every
 * attempt from derived secrets (ML-03).
 *
 * At least once: a crash between a server's 250 and the log's row, or a server that answers when it was cut off, repeats the
 * mail with the same Message-ID and the same link and code (RL-02). The log is written before the job ends and before the
 * challenge, so that whoever repeats a step sees how far it came.
 */
import { type Clock, SECOND } from '../core/clock.ts';
import { type AppId, asChallengeId, type ChallengeId } from '../core/ids.ts';
import { jitter } from '../core/random.ts';
import type { Job, JobOutcome } from '../jobs/job.ts';
import type { Backlog, Jobs } from '../jobs/jobs.ts';
import { backOff } from '../lib/back-off.ts';
import type { Log } from '../lib/log.ts';
import type { BreakerState } from './breaker.ts';
import { type Attempt, FailOver, type FailOverOptions } from './fail-over.ts';
import { type MailLog, type MailOrder, type MailTraces, mailIdOf } from './mail-log.ts';
import { isUnsent, type MailChange } from './mail-status.ts';
import type { OutgoingMail, Transport } from './transport.ts';

const KIND = 'mail';
const RETRY = { first: 5 * SECOND, max: 60 * SECOND } as const;
/** Deliveries under way in this process; of these one app has what its transport has earned (`Breaker.room`). */
const CONCURRENCY = 512;
const MAX_UNREPORTED = 1000;

export interface MailIntent {
  readonly app: AppId;
  readonly challenge: ChallengeId;
  /** 1 for the first mail of a challenge, one more for every "send again". */
  readonly send: number;
}

export interface NewMail extends MailOrder {
  readonly traces: MailTraces;
  /** Only to be written down: this mailbox gets no mail. */
  readonly isSuppressed?: boolean;
}

export interface LoadedMail {
  readonly mail: OutgoingMail;
  /** ms; nothing is sent from then on, because link and code are dead (RL-04). */
  readonly expiresAt: number;
  /** Under which the Message-ID is derived. */
  readonly keyVersion: string;
}

export interface Outbox {
  /** Makes sure that the mail goes out; asking again while it is under way changes nothing. */
  queue(mail: NewMail): Promise<void>;
  /** Mails that wait or are under way, of all processes. */
  backlog(): Promise<Backlog>;
  /** How this process stands with the transports of an app. */
  breakers(app: AppId): readonly { readonly transport: string; readonly state: BreakerState }[];
}

export interface OutboxOptions {
  readonly jobs: Jobs;
  /** In order of preference, at least one; the same objects each time. */
  transportsFor(app: AppId): readonly Transport[];
  /** Undefined when there is nothing to send any more: the challenge is gone or used. `suppressed`: not to this mailbox. */
  load(order: MailOrder): Promise<LoadedMail | 'suppressed' | undefined>;
  readonly mails: Pick<MailLog, 'open' | 'note' | 'find'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly onAnswer?: FailOverOptions['onAnswer'];
  /** Told of every mail that a transport took, with the time since it was asked for. */
  onTaken?(app: AppId, transport: string, ms: number): void;
  /** Told of every mail whose recipient a transport refused for good, before the log is; it may come twice. */
  onBounced?(app: AppId, to: string, change: MailChange): Promise<void>;
  readonly timeouts?: FailOverOptions['timeouts'];
}

/** The job of a mail, as whoever has the store may put it in: an operator's command too. */
export const mailJob = ({ app, challenge, send, kind, askedAt }: MailOrder) => ({
  kind: KIND,
  id: `${app}:${challenge}:${send}`,
  app,
  data: { challenge, send, kind, askedAt },
});

export function createOutbox(options: OutboxOptions): Outbox {
  const { jobs, clock, log, mails } = options;
  const failOver = new FailOver(options);
  /** What a server has answered but the log has not taken yet, so that a fault of ours does not send twice. */
  const unreported = new Map<string, MailChange>();

  async function deliver(job: Job, signal: AbortSignal): Promise<JobOutcome> {
    const order = orderOf(job);
    if (!order) return { dead: 'not a mail' };
    const answered = unreported.get(job.id);
    if (answered) return end(job, order, answered);
    // Only whoever was here before can have sent it: a crash, a pause beyond the lease, or a fault of ours.
    const isAgain = job.data.isAgain === true;
    if ((isAgain || job.attempts > 1) && (await wasSent(order, isAgain))) return { done: true };
    const loaded = await options.load(order);
    if (!loaded) return unneeded(order);
    if (loaded === 'suppressed') return end(job, order, { status: 'suppressed', at: clock.now() });
    if (loaded.mail.app !== order.app) return { dead: 'the mail belongs to another app' };
    const { mail, expiresAt, keyVersion } = loaded;
    const reopen = { order, traces: { to: mail.to, keyVersion } };
    if (expiresAt <= clock.now()) return expire(job, reopen, 'the link ended before its turn');
    const attempt = await failOver.attempt(options.transportsFor(order.app), mail, expiresAt, signal);
    if (attempt.outcome === 'deferred') return wait(job, reopen, attempt, expiresAt);
    return end(job, order, changeOf(attempt, clock.now()), reopen.traces);
  }

  /** True when the log has its answer; then the challenge is told once more, which a crash may have kept from it. */
  async function wasSent(order: MailOrder, isAgain = false): Promise<boolean> {
    const known = await mails.find(order.app, mailIdOf(order));
    const isOurs = !known || isUnsent(known.history);
    // An operator who has a mail sent again changes the log only; the challenge follows here, and can be loaded again.
    if (known && (!isOurs || isAgain)) await mails.note(order.app, known.id, known.last);
    return !isOurs;
  }

  async function unneeded(order: MailOrder): Promise<JobOutcome> {
    if (await wasSent(order)) return { done: true };
    await mails.note(order.app, mailIdOf(order), {
      status: 'expired',
      at: clock.now(),
      reason: 'no longer needed',
    });
    return { done: true };
  }

  async function end(
    job: Job,
    order: MailOrder,
    change: MailChange,
    traces?: MailTraces,
  ): Promise<JobOutcome> {
    remember(job.id, change);
    if (change.status === 'bounced' && traces) await options.onBounced?.(order.app, traces.to, change);
    await mails.note(order.app, mailIdOf(order), change, traces && { order, traces });
    unreported.delete(job.id);
    const { status, transport, reason } = change;
    const isTaken = status === 'accepted' || status === 'handed_over';
    if (isTaken) options.onTaken?.(order.app, transport ?? '', change.at - order.askedAt);
    const fields = { job: job.id, app: order.app, attempts: job.attempts, status, transport, reason };
    if (isTaken) log.info(fields, 'mail taken');
    else log.warn(fields, 'mail not taken');
    return { done: true };
  }

  async function wait(
    job: Job,
    reopen: Reopen,
    attempt: Extract<Attempt, { outcome: 'deferred' }>,
    expiresAt: number,
  ): Promise<JobOutcome> {
    const { by, scope, reason, notBefore } = attempt;
    const now = clock.now();
    // Nobody was asked: then it is not the mail that has to be patient, and those who wait come back one after another.
    const pause = by ? backOff(RETRY, job.attempts, jitter()) : SECOND * (0.5 + jitter());
    const nextTryAt = Math.round(
      by ? Math.max(now + pause, notBefore + jitter() * SECOND) : notBefore + pause,
    );
    if (nextTryAt >= expiresAt) return expire(job, reopen, reason, by?.name);
    const { order } = reopen;
    const change = { at: now, transport: by?.name, reason, nextTryAt, isByRecipient: scope === 'recipient' };
    await mails.note(order.app, mailIdOf(order), { status: 'delayed', ...change }, reopen);
    log.warn({ job: job.id, app: order.app, attempts: job.attempts, ...change }, 'mail delayed');
    return { retryAt: nextTryAt };
  }

  async function expire(
    job: Job,
    { order, traces }: Reopen,
    reason: string,
    transport?: string,
  ): Promise<JobOutcome> {
    return end(job, order, { status: 'expired', at: clock.now(), reason, transport }, traces);
  }

  function remember(id: string, change: MailChange): void {
    unreported.set(id, change);
    // Only a store that stays away leaves entries behind; their jobs end as dead letters.
    const [oldest] = unreported.keys();
    if (unreported.size > MAX_UNREPORTED && oldest !== undefined) unreported.delete(oldest);
  }

  jobs.work(KIND, deliver, {
    concurrency: CONCURRENCY,
    // Lanes are named by what enqueued the job: an app's id.
    perApp: (lane) => roomOf(lane as AppId),
    onDead: async (job, reason) => {
      const order = orderOf(job);
      if (order) await mails.note(order.app, mailIdOf(order), { status: 'dead', at: clock.now(), reason });
    },
  });

  function roomOf(app: AppId): number {
    const [first] = transportsOf(app);
    return first ? failOver.breakerOf(first).room : 1;
  }

  /** An app that was taken out of the configuration has none. */
  function transportsOf(app: AppId): readonly Transport[] {
    try {
      return options.transportsFor(app);
    } catch {
      return [];
    }
  }

  return {
    async queue({ traces, isSuppressed, ...order }) {
      if (isSuppressed) return mails.open(order, traces, 'suppressed');
      await Promise.all([mails.open(order, traces), jobs.enqueue(mailJob(order))]);
    },
    backlog: () => jobs.backlog(KIND),
    breakers: (app) => failOver.statesOf(transportsOf(app)),
  };
}

interface Reopen {
  readonly order: MailOrder;
  readonly traces: MailTraces;
}

function changeOf(attempt: Exclude<Attempt, { outcome: 'deferred' }>, at: number): MailChange {
  const { by } = attempt;
  const transport = by.name;
  if (attempt.outcome === 'refused') {
    const status = attempt.scope === 'recipient' ? 'bounced' : 'dead';
    return { status, at, transport, reason: attempt.reason };
  }
  const { providerId } = attempt;
  const named = providerId === undefined ? {} : { providerId, isNamedByProvider: by.delivers === undefined };
  return { status: by.delivers === 'mailbox' ? 'accepted' : 'handed_over', at, transport, ...named };
}

/** Jobs of a time before the mail log lack kind and time. */
function orderOf({ app, data, enqueuedAt }: Job): MailOrder | undefined {
  const { challenge, send, kind = 'sign_in', askedAt = enqueuedAt } = data;
  if (app === undefined || typeof challenge !== 'string' || typeof send !== 'number') return undefined;
  if (typeof kind !== 'string' || typeof askedAt !== 'number') return undefined;
  return { app, challenge: asChallengeId(challenge), send, kind, askedAt };
}
