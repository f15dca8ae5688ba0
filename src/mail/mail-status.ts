/** The status of a mail and its history, as rules over a list: what counts when reports come late, twice or out of order. */

/**
 * `handed_over`: a relay or provider took it. `accepted`: the recipient's own server did. `delayed`: whoever was asked
 * wants to be asked again. `dead`: given up for good, with a reason. `expired`: not delivered while its link lived.
 */
export const MAIL_STATUSES = [
  'queued',
  'delayed',
  'handed_over',
  'accepted',
  'bounced',
  'complained',
  'suppressed',
  'expired',
  'dead',
] as const;
export type MailStatus = (typeof MAIL_STATUSES)[number];

export interface MailChange {
  readonly status: MailStatus;
  /** ms */
  readonly at: number;
  /** Name of the transport in the app's configuration. */
  readonly transport?: string | undefined;
  readonly providerId?: string | undefined;
  /** The provider's reports name the mail by `providerId`. */
  readonly isNamedByProvider?: boolean | undefined;
  /** Codes and fixed words; never an address, nor what the other side wrote freely. */
  readonly reason?: string | undefined;
  /** Of `delayed`: `false` when nobody asked for time, but our way out is disturbed. */
  readonly isByRecipient?: boolean | undefined;
  /** Of `delayed`: when it is tried again, ms. */
  readonly nextTryAt?: number | undefined;
}

/** A greylisted mail is tried a dozen times; the rest is for reports, which anybody may repeat at will. */
const MAX_HISTORY = 40;

/** What is known later outweighs what was known before: a bounce after an acceptance, never the other way round. */
const WEIGHT: Readonly<Record<MailStatus, number>> = {
  queued: 0,
  delayed: 1,
  handed_over: 1,
  suppressed: 2,
  expired: 2,
  dead: 2,
  accepted: 3,
  bounced: 4,
  complained: 5,
};

const UNSENT: ReadonlySet<MailStatus> = new Set(['suppressed', 'expired', 'dead', 'bounced']);

/** Of a mail that nobody has and nobody is about to send. */
export const mayQueueAgain = (status: MailStatus): boolean => UNSENT.has(status);

/** The change that says how the mail stands. The history is never empty. */
export function statusOf(history: readonly MailChange[]): MailChange {
  const [first, ...rest] = history;
  if (!first) throw new Error('a mail without a history');
  return rest.reduce((before, next) => (counts(before, next) ? next : before), first);
}

function counts(before: MailChange, next: MailChange): boolean {
  if (next.status === 'queued') return mayQueueAgain(before.status);
  return WEIGHT[next.status] >= WEIGHT[before.status];
}

/** True while the mail is ours to send: what was handed over is not sent again by a job that a crash has repeated. */
export function isUnsent(history: readonly MailChange[]): boolean {
  const begun = history.findLastIndex(({ status }) => status === 'queued');
  return !history.slice(begun + 1).some(({ status }) => status !== 'delayed');
}

/** With the change in its place; the same list when there is nothing new in it. */
export function withChange(history: readonly MailChange[], change: MailChange): readonly MailChange[] {
  const isKnown = history.some((known) => known.at === change.at && isSame(known, change));
  if (isKnown) return history;
  const last = history.at(-1);
  // One more try with the same answer moves the last entry on, or ten tries would hide what else happened.
  if (change.status === 'delayed' && last && isSame(last, change)) return [...history.slice(0, -1), change];
  const kept = history.length < MAX_HISTORY ? history : [...history.slice(0, 1), ...history.slice(2)];
  return [...kept, change];
}

const isSame = (a: MailChange, b: MailChange): boolean =>
  a.status === b.status && a.transport === b.transport && a.reason === b.reason;
