/** The row of one request to prove control of a mailbox, and the rules that need no store. */

import { type AppId, asChallengeId, type ChallengeId } from '../core/ids.ts';
import type { MailState } from '../core/page.ts';
import type { StoredRecord } from '../store/port.ts';
import type { SecretSource } from './secrets.ts';

/** Of its rows in the store. */
export const CHALLENGE = 'challenge';

export type ChallengeStatus = 'pending' | 'proved' | 'used' | 'closed';

/**
 * What a mailbox is proved for. Part of the derivation of link and code: one for a purpose is none for another.
 * `verify_email`: before something that was proved elsewhere is linked to the owner of this mailbox.
 */
export type MailboxPurpose = 'sign_in' | 'verify_email' | 'reset_password';

export interface ChallengeRow {
  readonly purpose: MailboxPurpose;
  /** What waits for this mailbox to be proved, sealed (AAD = challenge id), so that the link is for exactly that (AC-07). */
  readonly waiting?: string | undefined;
  readonly status: ChallengeStatus;
  /** Where the mail goes: the stored spelling of a known user, else as typed. */
  readonly address: string;
  /** As it was typed in the asking browser, for its own pages. */
  readonly typed: string;
  readonly addressKey: string;
  /** HMAC of the mailbox: what its budgets are counted by. */
  readonly mailbox: string;
  readonly clientId: string;
  /** The interaction's uid, sealed (AAD = challenge id): opened only by the landing page in the asking browser. */
  readonly uid: string;
  /** Id of the browser that asked: see `browsers.ts`. */
  readonly browser: string;
  readonly salt: string;
  readonly keyVersion: string;
  readonly createdAt: number;
  /** When its address was last typed in or sent to: the pages of an interaction are about the newest of these. */
  readonly lastAskedAt: number;
  /** End of link and code; the row itself stays longer, to tell "expired" from "unknown". */
  readonly endsAt: number;
  readonly device: string;
  readonly locales: readonly string[];
  readonly sends: number;
  /** When each of them was asked for; the first is `createdAt` unless that mail was held back. */
  readonly sendTimes: readonly number[];
  /** When `status` was set. */
  readonly movedAt: number;
  /** When the newest mail was asked for. */
  readonly sentAt: number;
  /** Of the newest send. */
  readonly mail: MailState;
  /** When the newest mail was taken, refused or given up, and why. */
  readonly mailAt?: number | undefined;
  readonly mailReason?: string | undefined;
  /** When it is tried again. */
  readonly mailRetryAt?: number | undefined;
  /** Version of the row of the mail log that `mail` was read from: of two reports the older does not win. */
  readonly mailSeen?: number | undefined;
  /** The spend, kept through what comes after it: the event is read from here after a crash (AD-10). */
  readonly spent?: ChallengeSpend | undefined;
  /** Given to the browser that went on elsewhere, in the same write as the spend: neither is there without the other. */
  readonly pass?: ChallengePass | undefined;
}

export interface ChallengePass {
  /** SHA-256 of the whole pass. */
  readonly hash: string;
  readonly endsAt: number;
  /** When it signed somebody in. */
  readonly spentAt?: number;
}

export type ChallengeSpend =
  | { readonly type: 'challenge.proved'; readonly by: 'link' | 'code'; readonly at: number }
  | { readonly type: 'challenge.continued'; readonly at: number };

export type Challenge = StoredRecord<ChallengeRow>;

const UNSENT: ReadonlySet<MailState> = new Set(['queued', 'retrying', 'delayed']);

/** True while the newest mail is ours to send; a provider may be `delayed` too, with a mail that it has taken. */
export const isMailUnsent = ({ data }: Pick<Challenge, 'data'>): boolean =>
  UNSENT.has(data.mail) && data.mailAt === undefined;

export const challengeIdOf = (challenge: Challenge): ChallengeId => asChallengeId(challenge.id);

export const secretSource = (app: AppId, challenge: Challenge): SecretSource => ({
  app,
  id: challengeIdOf(challenge),
  purpose: challenge.data.purpose,
  salt: challenge.data.salt,
  keyVersion: challenge.data.keyVersion,
});

export const isLive = (challenge: Challenge, now: number): boolean => challenge.data.endsAt > now;

/** What its link or code can still do in the asking browser. */
export const isOpen = (challenge: Challenge, now: number): boolean =>
  isLive(challenge, now) && (challenge.data.status === 'pending' || challenge.data.status === 'proved');

/** Why a challenge is of no use any more; undefined while it is open. */
export function goneBecause(challenge: Challenge, now: number): 'used' | 'expired' | undefined {
  if (challenge.data.status === 'used' || challenge.data.status === 'closed') return 'used';
  return isLive(challenge, now) ? undefined : 'expired';
}
