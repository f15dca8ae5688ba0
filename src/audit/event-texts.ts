/** What every event and every detail means, for the reference page. A type or detail without its text does not compile. */
import type { AuditDetails, AuditStamp, AuditSubject, AuditType } from './events.ts';

type AllKeys<Union> = Union extends unknown ? keyof Union : never;

export interface EventText<Type extends AuditType> {
  readonly text: string;
  readonly details: { readonly [Name in AllKeys<AuditDetails[Type]>]: string };
}

const NONE = {};
const PASSKEY = 'Id of the passkey with us.';
const GRANT = { grant: 'Id of the Grant that the token family hangs on.' };

export const EVENT_TEXTS: { readonly [Type in AuditType]: EventText<Type> } = {
  'challenge.begun': {
    text: 'A mail with link and code was asked for.',
    details: { purpose: 'What the mailbox is proved for: `sign_in`, `verify_email` or `reset_password`.' },
  },
  'challenge.resent': {
    text: 'The same link and code were mailed again.',
    details: { send: 'Number of the mail, from 1.' },
  },
  'challenge.held': {
    text: 'No mail went out.',
    details: { reason: 'The budget that was used up, or `suppressed`.' },
  },
  'challenge.mail_accepted': {
    text: 'The mail server took the mail.',
    details: { send: 'Number of the mail, from 1.' },
  },
  'challenge.mail_refused': {
    text: 'The mail server refused the mail for good.',
    details: { send: 'Number of the mail, from 1.', reason: 'What the server answered, without addresses.' },
  },
  'challenge.mail_failed': {
    text: 'The mail was not taken while its link lived, or could not be made.',
    details: { send: 'Number of the mail, from 1.', reason: 'Why, without addresses.' },
  },
  'mail.suppressed': {
    text: 'Mails of this app to this mailbox are held back from now on.',
    details: {
      reason: '`bounced`, `complained` or `operator`.',
      by: 'What said so: name of the transport, `dsn` or `operator`.',
      until: 'When that ends by itself (ms); missing when it does not.',
    },
  },
  'mail.unsuppressed': {
    text: 'Mails to this mailbox go out again.',
    details: {
      reasons: 'What was taken back.',
      by: '`operator`, or `proof`: somebody proved the mailbox, so it does take mail.',
    },
  },
  'challenge.proved': {
    text: 'The mailbox was proved in the browser that asked; the challenge is spent.',
    details: { by: '`link` or `code`.' },
  },
  'challenge.code_wrong': {
    text: 'A wrong code was typed.',
    details: { triesLeft: 'How many are left here.' },
  },
  'challenge.code_closed': {
    text: 'Code entry is closed after too many wrong codes; the link still works.',
    details: { scope: 'Which budget: `interaction`, `elsewhere` or `mailbox`.' },
  },
  'challenge.reported': {
    text: '“This wasn’t me” was pressed. Mail scanners press it too, so it changes nothing.',
    details: NONE,
  },
  'challenge.continued': {
    text: '“Continue on this device instead”: spent for another browser than the one that asked.',
    details: NONE,
  },
  'mail.template_failed': {
    text: 'A template of the operator could not be used; the mail went out with the built-in one. Once per hour and template.',
    details: { template: 'Kind and language.', reason: 'Part and line, and what was wrong.' },
  },
  'account.linked': {
    text: 'The account can be signed in to with another provider from now on.',
    details: { provider: 'Its id in the configuration.' },
  },
  'account.cleared': {
    text: 'The mailbox was proved for the first time; what had been attached to the account before is gone.',
    details: { credentials: 'How many passwords, passkeys and links.' },
  },
  'password.set': {
    text: 'A password was chosen behind the proof of the mailbox.',
    details: {
      isReset: 'Whether it took the place of another one; then all sessions and tokens have ended.',
    },
  },
  'password.wrong': { text: 'A wrong password was typed.', details: NONE },
  'password.closed': {
    text: 'Passwords are not taken for this mailbox after too many wrong ones; a mailed link still works.',
    details: NONE,
  },
  'password.rehashed': {
    text: 'An imported or older hash was replaced by a stronger one at a sign-in.',
    details: { from: 'Kind of the old hash.' },
  },
  'user.created': { text: 'A first sign-in made a user.', details: { method: 'Way of signing in.' } },
  'user.disabled': {
    text: 'A user may not sign in any more; everything given to it has ended.',
    details: {},
  },
  'user.enabled': { text: 'A user may sign in again.', details: {} },
  'user.removed': { text: 'A user was removed with all that was given to it.', details: {} },
  'sign_in.succeeded': {
    text: 'Somebody signed in.',
    details: {
      method: 'Way of signing in.',
      via: 'Which of several ways of this method: the name of the provider.',
      amr: 'Authentication methods as clients are told (RFC 8176).',
    },
  },
  'sign_in.refused': {
    text: 'The mailbox was proved, but its owner may not sign in.',
    details: { method: 'Way of signing in.', reason: '`blocked` or `sign_up_closed`.' },
  },
  'sign_in.switched': {
    text: 'Another user was signed in in this browser and left for this one.',
    details: { from: 'Id of the user who left.' },
  },
  'passkey.enrolled': {
    text: 'A person made a passkey.',
    details: {
      passkey: PASSKEY,
      isSyncable: 'Whether it may be copied to other devices of the same person.',
    },
  },
  'passkey.removed': {
    text: 'A passkey was removed.',
    details: { passkey: PASSKEY, by: '`user` or `operator`.' },
  },
  'passkey.refused': {
    text: 'What an authenticator answered was not accepted; written down five times a day for one request at most.',
    details: { reason: 'What was wrong with it.', passkey: `${PASSKEY} Missing when it is none of ours.` },
  },
  'passkey.counter_rollback': {
    text: 'A passkey counted backwards, so a copy of its authenticator is about. It is suspended.',
    details: {
      passkey: PASSKEY,
      expected: 'The counter told at its last use.',
      told: 'The counter told now.',
    },
  },
  'upstream.refused': {
    text: 'A visit at another provider signed nobody in.',
    details: {
      provider: 'Its name in the configuration.',
      reason:
        '`denied` (the person said no), `unavailable`, `misconfigured`, `bad_answer`, `not_allowed`, `not_fresh`, or what did not fit at the callback: `other_browser`, `other_provider`, `unknown_state`.',
      detail: 'Codes of what did not hold; nothing that the provider wrote.',
    },
  },
  'logout.delivered': {
    text: 'A client was told of the end of a session (Back-Channel Logout).',
    details: { tries: 'How often it was called.' },
  },
  'logout.failed': {
    text: 'A client was not told of the end of a session: it did not take the message in six hours, or may not be called.',
    details: { tries: 'How often it was called.', reason: 'What went wrong the last time.' },
  },
  sign_out: {
    text: 'A session was ended.',
    details: { by: '`user`, here or through a client, or `operator`.' },
  },
  'token.issued': { text: 'Tokens were given for an authorization code.', details: GRANT },
  'token.refreshed': {
    text: 'Tokens were given for a refresh token; a reply that was lost and asked for again counts twice.',
    details: GRANT,
  },
  'token.service_issued': {
    text: 'A service got a token in its own name (client credentials).',
    details: {
      resource: 'Identifier of the resource that it is for; missing when it is for none.',
      scopes: 'What it may do there.',
    },
  },
  'token.code_reuse_detected': {
    text: 'An authorization code was redeemed again; its Grant is revoked.',
    details: GRANT,
  },
  'token.refresh_reuse_detected': {
    text: 'A used refresh token came back after its window; its Grant is revoked.',
    details: GRANT,
  },
  'token.refresh_replayed': {
    text: 'A lost reply was asked for again within the window; nothing was revoked.',
    details: GRANT,
  },
  'consent.granted': {
    text: 'A person let a third-party client have these scopes.',
    details: { scopes: 'Scopes that were granted.' },
  },
  'consent.withdrawn': {
    text: 'What a person allowed a third-party client was taken back; what the client held has ended.',
    details: { by: '`user` or `operator`.' },
  },
  'consent.declined': {
    text: 'A person declined a third-party client.',
    details: { scopes: 'Scopes that were asked for.' },
  },
  'client.added': {
    text: 'A client is in the configuration that was not there at the last start.',
    details: { settings: 'Names of its settings.' },
  },
  'client.changed': {
    text: 'The configuration of a client is another one than at the last start.',
    details: { settings: 'Names of the settings that changed.' },
  },
  'client.removed': { text: 'A client is no longer in the configuration.', details: NONE },
  'keys.published': {
    text: 'New signing keys are in the published set.',
    details: {
      kids: 'Their key ids.',
      signsAt: 'When they begin to sign (ms).',
      by: '`operator` or `schedule`.',
    },
  },
  'keys.activated': { text: 'These signing keys sign from now on.', details: { kids: 'Their key ids.' } },
  'keys.removed': {
    text: 'Signing keys are gone.',
    details: {
      kids: 'Their key ids.',
      reason: '`expired`: nothing they signed is alive. `emergency`: all they signed is void.',
    },
  },
  'secret.resealed': {
    text: 'What was sealed under an older master secret is sealed under the newest.',
    details: { version: 'Version of the newest secret.', rows: 'How many rows were written.' },
  },
  'grant.revoked': {
    text: 'A Grant was revoked, and with it all of its tokens.',
    details: { grant: 'Id of the Grant.', reason: 'Why.' },
  },
};

export const STAMP_TEXTS: { readonly [Name in keyof (AuditStamp & AuditSubject)]-?: string } = {
  id: '32 hex digits that sort by time. Events of one act have the same id wherever and however often they are written.',
  at: 'When it happened, milliseconds since 1970 (UTC).',
  app: 'Id of the app.',
  userId: 'Id of the user (`sub`).',
  clientId: '`client_id` of the client.',
  challengeId: 'Id of the mailbox challenge; in the link of the mail too, where it alone is worth nothing.',
  mailbox: 'Keyed hash of the mailbox, the same over all apps; for events of nobody we know.',
  reference:
    'Reference number of the request: on the error page, in the header `Postern-Reference` and in the log.',
  ip: 'Network address of the browser or client.',
};
