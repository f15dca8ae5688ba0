/**
 * Carries mails out, durably. Owns the jobs of kind `mail`; it is told by `load` what to send and tells by `report` what
 * became of it, and holds neither link, code nor address itself: the job has ids only, and the mail is composed anew for
 * every attempt from derived secrets (ML-03).
 *
 * At least once: a crash between the server's 250 and the end of the job repeats the mail with the same Message-ID and
 * the same link and code (RL-02).
 */
import { type Clock, SECOND } from '../core/clock.ts';
import { type AppId, asChallengeId, type ChallengeId } from '../core/ids.ts';
import { jitter } from '../core/random.ts';
import type { Job, JobOutcome } from '../jobs/job.ts';
import type { Backlog, Jobs } from '../jobs/jobs.ts';
import { backOff } from '../lib/back-off.ts';
import { faultOf, type Log } from '../lib/log.ts';
import type { Delivery, OutgoingMail, Transport } from './transport.ts';

const KIND = 'mail';
const RETRY = { first: 5 * SECOND, max: 60 * SECOND } as const;
/** Deliveries under way in this process; of these one app has at most a quarter, since its server may hang (RL-04). */
const CONCURRENCY = 32;
const PER_APP = 8;
const MAX_UNREPORTED = 1000;

export interface MailIntent {
  readonly app: AppId;
  readonly challenge: ChallengeId;
  /** 1 for the first mail of a challenge, one more for every "send again". */
  readonly send: number;
}

export interface LoadedMail {
  readonly mail: OutgoingMail;
  /** ms; nothing is sent from then on, because link and code are dead (RL-04). */
  readonly expiresAt: number;
}

export interface Outbox {
  /** Makes sure that the mail goes out; asking again while it is under way changes nothing. */
  queue(intent: MailIntent): Promise<void>;
  /** Mails that wait or are under way, of all processes. */
  backlog(): Promise<Backlog>;
}

export interface OutboxOptions {
  readonly jobs: Jobs;
  /** In order of preference; at least one. */
  transportsFor(app: AppId): readonly Transport[];
  /** Undefined when there is nothing to send any more: the challenge is gone, used, or this send has been reported. */
  load(intent: MailIntent): Promise<LoadedMail | undefined>;
  /** May be called more than once for a send. `reason` names the answer, never an address. */
  report(intent: MailIntent, outcome: Delivery['outcome'], reason: string | undefined): Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

export function createOutbox(options: OutboxOptions): Outbox {
  const { jobs, clock, log } = options;
  /** What a server has answered but `report` has not taken yet, so that a fault of ours does not send twice. */
  const unreported = new Map<string, Delivery>();

  async function deliver(job: Job): Promise<JobOutcome> {
    const intent = intentOf(job);
    if (!intent) return { dead: 'not a mail intent' };
    const answered = unreported.get(job.id);
    if (answered) return conclude(job, intent, answered, Number.POSITIVE_INFINITY);
    const loaded = await options.load(intent);
    if (!loaded) return { done: true };
    if (loaded.expiresAt <= clock.now()) return expired(job, intent);
    if (loaded.mail.app !== intent.app) return { dead: 'the mail belongs to another app' };
    const delivery = await send(job, intent, loaded.mail);
    return conclude(job, intent, delivery, loaded.expiresAt);
  }

  async function send(job: Job, intent: MailIntent, mail: OutgoingMail): Promise<Delivery> {
    try {
      const [transport] = options.transportsFor(intent.app);
      if (!transport) return { outcome: 'deferred', reason: 'no transport', scope: 'transport' };
      return settled(await transport.send(mail));
    } catch (thrown) {
      log.error({ job: job.id, app: intent.app, fault: faultOf(thrown) }, 'mail transport failed');
      return { outcome: 'deferred', reason: 'transport fault', scope: 'transport' };
    }
  }

  async function conclude(
    job: Job,
    intent: MailIntent,
    delivery: Delivery,
    expiresAt: number,
  ): Promise<JobOutcome> {
    const reason = delivery.outcome === 'accepted' ? undefined : delivery.reason;
    if (delivery.outcome !== 'deferred') remember(job.id, delivery);
    await options.report(intent, delivery.outcome, reason);
    unreported.delete(job.id);
    const fields = { ...intent, job: job.id, attempts: job.attempts, outcome: delivery.outcome, reason };
    if (delivery.outcome === 'accepted') log.info(fields, 'mail accepted');
    else log.warn(fields, 'mail not accepted');
    if (delivery.outcome !== 'deferred') return { done: true };
    const retryAt = clock.now() + backOff(RETRY, job.attempts, jitter());
    return retryAt < expiresAt ? { retryAt } : expired(job, intent);
  }

  function remember(id: string, delivery: Delivery): void {
    unreported.set(id, delivery);
    // Only a `report` that keeps failing leaves entries behind; their jobs end as dead letters.
    const [oldest] = unreported.keys();
    if (unreported.size > MAX_UNREPORTED && oldest !== undefined) unreported.delete(oldest);
  }

  function expired(job: Job, intent: MailIntent): JobOutcome {
    log.warn({ ...intent, job: job.id, attempts: job.attempts }, 'mail expired before it could be delivered');
    return { done: true };
  }

  jobs.work(KIND, deliver, { concurrency: CONCURRENCY, perApp: PER_APP });

  return {
    async queue({ app, challenge, send }) {
      const id = `${app}:${challenge}:${send}`;
      await jobs.enqueue({ kind: KIND, id, app, data: { challenge, send } });
    },
    backlog: () => jobs.backlog(KIND),
  };
}

/** What is wrong with our account says nothing about the mailbox, and somebody may be mending it. */
function settled(delivery: Delivery): Delivery {
  if (delivery.outcome !== 'refused' || delivery.scope !== 'transport') return delivery;
  return { outcome: 'deferred', reason: delivery.reason, scope: 'transport' };
}

function intentOf({ app, data: { challenge, send } }: Job): MailIntent | undefined {
  if (app === undefined || typeof challenge !== 'string' || typeof send !== 'number') return undefined;
  return { app, challenge: asChallengeId(challenge), send };
}
