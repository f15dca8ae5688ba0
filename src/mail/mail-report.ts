/** What the mail log knows of a mail, in the words of the page that waits for it. */
import type { MailState } from '../core/page.ts';
import type { LoggedMail } from './mail-log.ts';
import type { MailStatus } from './mail-status.ts';

export interface MailReport {
  readonly mail: MailState;
  /** ms */
  readonly at: number;
  readonly reason: string | undefined;
  /** When it is tried again, ms. */
  readonly retryAt: number | undefined;
  /** Of two reports of one mail the one that has seen more holds. */
  readonly seen: number;
}

const STATES: Readonly<Record<Exclude<MailStatus, 'delayed' | 'complained'>, MailState>> = {
  queued: 'queued',
  handed_over: 'handed_over',
  accepted: 'accepted',
  bounced: 'refused',
  suppressed: 'suppressed',
  expired: 'failed',
  dead: 'failed',
};

/** Undefined for what changes nothing for the person who waits. */
export function reportOf({ last, version }: LoggedMail): MailReport | undefined {
  const { status, at, reason, nextTryAt: retryAt, isByRecipient } = last;
  // Whoever complained had the mail.
  if (status === 'complained') return undefined;
  const mail = status === 'delayed' ? (isByRecipient === false ? 'retrying' : 'delayed') : STATES[status];
  return { mail, at, reason, retryAt, seen: version };
}
