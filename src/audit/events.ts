/**
 * Every event that is written to the audit log, with its details. An event type is one line of `AuditDetails`.
 *
 * What never stands in one: a link, a code, a token, a cookie or an address in clear (ML-02). A person is named by user
 * id; a mailbox without a user by `mailbox`, its keyed hash.
 */
import type { AppId, ChallengeId, UserId } from '../core/ids.ts';

type None = Record<never, never>;

export interface AuditDetails {
  'challenge.begun': { readonly purpose: string };
  'challenge.resent': { readonly send: number };
  /** No mail went out: a budget was used up, or the address is suppressed. */
  'challenge.held': { readonly reason: string };
  'challenge.mail_accepted': { readonly send: number };
  'challenge.mail_refused': { readonly send: number; readonly reason: string };
  'challenge.mail_failed': { readonly send: number; readonly reason: string };
  /** Mails of this app to this mailbox are held back from now on. */
  'mail.suppressed': {
    readonly reason: 'operator' | 'complained' | 'bounced';
    readonly by: string;
    readonly until?: number | undefined;
  };
  /** They go out again. */
  'mail.unsuppressed': { readonly reasons: readonly string[]; readonly by: 'operator' | 'proof' };
  'challenge.proved': { readonly by: 'link' | 'code' };
  'challenge.code_wrong': { readonly triesLeft?: number | undefined };
  'challenge.code_closed': { readonly scope: 'interaction' | 'elsewhere' | 'mailbox' };
  /** "This wasn't me" was pressed; scanners press it too, so it changes nothing. */
  'challenge.reported': None;
  /** "Continue on this device instead": spent for another browser than the one that asked. */
  'challenge.continued': None;
  /** The mail went out with the built-in views; told once per hour and template. */
  'mail.template_failed': { readonly template: string; readonly reason: string };
  'user.created': { readonly method: string };
  'user.disabled': None;
  'user.enabled': None;
  'user.removed': None;
  /** The account can be signed in to with this provider from now on. */
  'account.linked': { readonly provider: string };
  /** The mailbox was proved for the first time; what somebody had attached to the account before is gone. */
  'account.cleared': { readonly credentials: number };
  'password.set': { readonly isReset: boolean };
  'password.wrong': None;
  /** Too many wrong ones for this mailbox; the link in a mail still works. */
  'password.closed': None;
  /** The same password under a stronger hash. */
  'password.rehashed': { readonly from: string };
  'sign_in.succeeded': {
    readonly method: string;
    readonly via?: string | undefined;
    readonly amr?: readonly string[] | undefined;
  };
  'sign_in.refused': { readonly method: string; readonly reason: string };
  /** Another user was signed in here and left for this one (ML-44). */
  'sign_in.switched': { readonly from: UserId };
  /** `passkey` is the id of the row, which tells nothing of the credential. */
  'passkey.enrolled': { readonly passkey: string; readonly isSyncable: boolean };
  'passkey.removed': { readonly passkey: string; readonly by: 'user' | 'operator' };
  /** An authenticator's answer that signed nobody in, or enrolled nothing. */
  'passkey.refused': { readonly reason: string; readonly passkey?: string | undefined };
  /** A signed answer counted backwards: a copy of the authenticator is about. The passkey is suspended. */
  'passkey.counter_rollback': {
    readonly passkey: string;
    readonly expected: number;
    readonly told: number;
  };
  /** A visit at another provider signed nobody in. */
  'upstream.refused': {
    readonly provider: string;
    readonly reason: string;
    readonly detail?: string | undefined;
  };
  /** A client was told of the end of a session (Back-Channel Logout). */
  'logout.delivered': { readonly tries: number };
  /** It did not take it in six hours, or may not be called. */
  'logout.failed': { readonly tries: number; readonly reason?: string | undefined };
  sign_out: { readonly by: 'user' | 'operator' };
  /** Tokens were given for an authorization code. */
  'token.issued': { readonly grant?: string | undefined };
  /** Tokens were given for a refresh token. */
  'token.refreshed': { readonly grant?: string | undefined };
  /** The configuration of a client is another one than at the last start. */
  'client.added': { readonly settings: readonly string[] };
  'client.changed': { readonly settings: readonly string[] };
  'client.removed': None;
  'secret.resealed': { readonly version: string; readonly rows: number };
  'consent.granted': { readonly scopes: readonly string[] };
  /** What was allowed is taken back, and what the client holds has ended. */
  'consent.withdrawn': { readonly by: 'user' | 'operator' };
  'consent.declined': { readonly scopes?: readonly string[] | undefined };
  /** A service got a token in its own name (client credentials). */
  'token.service_issued': { readonly resource?: string | undefined; readonly scopes: readonly string[] };
  'token.code_reuse_detected': { readonly grant?: string | undefined };
  'token.refresh_reuse_detected': { readonly grant?: string | undefined };
  /** A lost reply was asked for again within the window; nothing was revoked. */
  'token.refresh_replayed': { readonly grant?: string | undefined };
  /** New signing keys are in the published set; they sign from `signsAt` (ms) on. */
  'keys.published': {
    readonly kids: readonly string[];
    readonly signsAt: number;
    readonly by: 'operator' | 'schedule';
  };
  /** These keys sign from now on. */
  'keys.activated': { readonly kids: readonly string[] };
  /** `emergency`: everything they signed is void. */
  'keys.removed': { readonly kids: readonly string[]; readonly reason: 'expired' | 'emergency' };
  'grant.revoked': { readonly grant?: string | undefined; readonly reason: string };
}

export type AuditType = keyof AuditDetails;

/** Who, where and by what request; all optional, because not every event has them. */
export interface AuditSubject {
  readonly userId?: UserId | undefined;
  readonly clientId?: string | undefined;
  readonly challengeId?: ChallengeId | undefined;
  /** HMAC of the mailbox under the app's key, for events of nobody we know. */
  readonly mailbox?: string | undefined;
  /** The reference that the error page and the log line of the same request show. */
  readonly reference?: string | undefined;
  readonly ip?: string | undefined;
}

export interface AuditStamp {
  /** Sorts by time; see `core/event-id.ts`. */
  readonly id: string;
  /** ms */
  readonly at: number;
  readonly app: AppId;
}

export type AuditEvent = {
  [Type in AuditType]: AuditStamp & AuditSubject & { readonly type: Type } & AuditDetails[Type];
}[AuditType];

/** What a caller records. `id` is given by whoever must be able to record the same event again (after a crash). */
export type AuditEntry = {
  [Type in AuditType]: Partial<Omit<AuditStamp, 'app'>> &
    AuditSubject & { readonly type: Type } & AuditDetails[Type];
}[AuditType];
