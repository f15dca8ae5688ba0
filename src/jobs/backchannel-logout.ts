/**
 * Tells clients that a session has ended (OpenID Back-Channel Logout 1.0): one durable job per client and session,
 * tried again until the client has taken it or six hours are over. Nobody's sign-out waits for it (OA-37).
 *
 * Owns when and how often it is sent. The token is made by a function that is passed in, fresh for every try, because
 * it lives for two minutes.
 */
import type { Audit } from '../audit/audit.ts';
import { type Clock, HOUR, MINUTE, SECOND } from '../core/clock.ts';
import { eventIdOf } from '../core/event-id.ts';
import { type AppId, asUserId } from '../core/ids.ts';
import { jitter } from '../core/random.ts';
import { backOff } from '../lib/back-off.ts';
import { faultOf, type Log } from '../lib/log.ts';
import type { GuardedFetch, OutboundFault } from '../outbound/guarded-fetch.ts';
import type { Job, JobOutcome } from './job.ts';
import type { Jobs } from './jobs.ts';

export interface LogoutNotice {
  /** The same for every repeat of the same end. */
  readonly id: string;
  readonly clientId: string;
  readonly userId: string;
  readonly sid: string;
}

export interface LogoutMessage {
  readonly url: string;
  readonly token: string;
}

export interface BackchannelLogoutDeps {
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<Audit, 'record'>;
  readonly fetch: GuardedFetch;
  /** Undefined when the client is gone or wants to be told no more. */
  message(app: AppId, notice: LogoutNotice): Promise<LogoutMessage | undefined>;
}

const KIND = 'backchannel_logout';
const RETRY = { first: 5 * SECOND, max: 15 * MINUTE } as const;
const GIVE_UP_AFTER = 6 * HOUR;
/** One client that answers slowly must not hold up the others. */
const CONCURRENCY = { concurrency: 16, perApp: 8 } as const;

/** Enqueues; for processes that do not work on jobs too. */
export async function enqueueLogouts(
  jobs: Pick<Jobs, 'enqueue'>,
  app: AppId,
  notices: readonly LogoutNotice[],
): Promise<void> {
  await Promise.all(
    notices.map(({ id, clientId, userId, sid }) =>
      jobs.enqueue({ kind: KIND, id, app, data: { clientId, userId, sid } }),
    ),
  );
}

export function workOnLogouts(deps: BackchannelLogoutDeps): void {
  deps.jobs.work(KIND, (job, signal) => deliver(job, signal, deps), CONCURRENCY);
}

async function deliver(job: Job, signal: AbortSignal, deps: BackchannelLogoutDeps): Promise<JobOutcome> {
  const { app, id, data } = job;
  if (app === undefined) return { dead: 'belongs to no app' };
  const notice = {
    id,
    clientId: String(data.clientId),
    userId: String(data.userId),
    sid: String(data.sid),
  };
  const message = await deps.message(app, notice);
  if (!message) return { done: true };
  const failure = await post(message, signal, deps);
  const now = deps.clock.now();
  // Repeated after a crash it stands once.
  const event = {
    at: job.enqueuedAt,
    id: eventIdOf(job.enqueuedAt, 'backchannel_logout', id),
    clientId: notice.clientId,
    userId: asUserId(notice.userId),
    tries: job.attempts,
  };
  if (failure === undefined) {
    await deps.audit.record(app, { ...event, type: 'logout.delivered' });
    return { done: true };
  }
  if (!failure.isFinal && now - job.enqueuedAt < GIVE_UP_AFTER) {
    return { retryAt: now + backOff(RETRY, job.attempts, jitter()) };
  }
  await deps.audit.record(app, { ...event, type: 'logout.failed', reason: failure.reason });
  return { dead: failure.reason };
}

/** Undefined when the client has taken it: 200, or 204 as some frameworks answer (Back-Channel Logout §2.8). */
async function post(
  { url, token }: LogoutMessage,
  signal: AbortSignal,
  { fetch: send, log }: BackchannelLogoutDeps,
): Promise<{ readonly reason: string; readonly isFinal: boolean } | undefined> {
  try {
    const { status } = await send(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token: token }).toString(),
      signal,
    });
    return status === 200 || status === 204 ? undefined : { reason: `status_${status}`, isFinal: false };
  } catch (error) {
    if (signal.aborted) throw error;
    const { reason } = error as Partial<OutboundFault>; // the guard throws nothing else; a stranger has no reason
    log.info({ kind: KIND, fault: faultOf(error) }, 'client not told of a sign-out');
    return { reason: reason ?? 'unreachable', isFinal: reason === 'refused' };
  }
}
