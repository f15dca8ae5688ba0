/** The table of limits and budgets; docs/reference/limits.md is made from it. */
import { DAY, HOUR, MINUTE } from '../core/clock.ts';

export interface Rule {
  /** What it counts, for operators. */
  readonly counts: string;
  /** ms, or the setting in which an app says it. */
  readonly windowMs: number | AppSetting;
  readonly max: number | AppSetting;
  /** `app`: counted per app. `all`: over all apps, because one mailbox or one network is behind all of them. */
  readonly over: 'app' | 'all';
  /** Threats that it holds against. */
  readonly against: string;
  /** Only spaces acts out, which another rule bounds: a try of which nobody knows whether it was counted is given back. */
  readonly isSpacing?: true;
}

/** Path below the app in the configuration. */
type AppSetting = `limits.${string}`;

export const RULES = {
  resend: {
    counts: 'mails of one request to one address',
    windowMs: 'limits.resend_after',
    max: 1,
    over: 'app',
    against: 'ML-50',
    isSpacing: true,
  },
  mailbox: {
    counts: 'mails to one mailbox, all its spellings, plus-tags and Gmail dots together',
    windowMs: 10 * MINUTE,
    max: 'limits.mails_per_mailbox',
    over: 'all',
    against: 'ML-50, ML-52',
  },
  // What strangers ask for does not hold back the owner's mail.
  mailbox_known: {
    counts: 'the same, asked for in one browser that has signed in with the address before',
    windowMs: 10 * MINUTE,
    max: 'limits.mails_per_mailbox',
    over: 'all',
    against: 'ML-25',
  },
  network: {
    counts:
      'mails asked for from one public IPv4 address or IPv6 /64, in browsers that have not signed in before',
    windowMs: HOUR,
    max: 'limits.mails_per_network',
    over: 'all',
    against: 'ML-51',
  },
  app: {
    counts: 'mails of one app asked for in browsers that have not signed in before',
    windowMs: HOUR,
    max: 'limits.mails_per_app',
    over: 'app',
    against: 'ML-51',
  },
  // Bounds its challenges, and is longer than an interaction lives.
  interaction: {
    counts: 'mails asked for in one authorization request, whatever the addresses',
    windowMs: 2 * HOUR,
    max: 30,
    over: 'app',
    against: 'ML-50',
  },
  // Bounds what a page can make us store.
  ceremony: {
    counts: 'ceremonies of passkeys begun in one authorization request',
    windowMs: 2 * HOUR,
    max: 60,
    over: 'app',
    against: 'AC-18',
  },
  passkey_offer: {
    counts: 'offers to make a passkey, to one person',
    windowMs: 7 * DAY,
    max: 1,
    over: 'app',
    against: 'AC-19',
  },
  noted: {
    counts: 'audit events of one kind that anybody can cause again and again, of one challenge',
    windowMs: DAY,
    max: 5,
    over: 'app',
    against: 'ML-12',
  },
  // Outlives the challenge.
  code: {
    counts: 'wrong codes of one request and address, over all its mails',
    windowMs: DAY,
    max: 5,
    over: 'app',
    against: 'ML-23, ML-26',
  },
  // Never out of the asking browser's five.
  code_elsewhere: {
    counts: 'wrong codes for one mail, typed in a browser that did not ask for it',
    windowMs: DAY,
    max: 5,
    over: 'app',
    against: 'ML-28',
  },
  code_mailbox: {
    counts: 'wrong codes for one mailbox from browsers it does not know, over all mails',
    windowMs: DAY,
    max: 20,
    over: 'app',
    against: 'ML-24',
  },
  code_network: {
    counts:
      'wrong codes from one public IPv4 address or IPv6 /64, in browsers that the mailbox does not know',
    windowMs: DAY,
    max: 200,
    over: 'all',
    against: 'ML-24',
  },
  // An attacker's guesses do not lock the owner out.
  code_known: {
    counts: 'wrong codes in one browser that the mailbox knows',
    windowMs: DAY,
    max: 20,
    over: 'app',
    against: 'ML-25',
  },
  // A mailed link works all the while.
  password_mailbox: {
    counts: 'wrong passwords for one mailbox from browsers it does not know',
    windowMs: DAY,
    max: 20,
    over: 'app',
    against: 'AC-17',
  },
  password_known: {
    counts: 'wrong passwords in one browser that the mailbox knows',
    windowMs: DAY,
    max: 20,
    over: 'app',
    against: 'AC-17',
  },
  password_network: {
    counts:
      'wrong passwords from one public IPv4 address or IPv6 /64, in browsers that the mailbox does not know',
    windowMs: DAY,
    max: 500,
    over: 'all',
    against: 'AC-17',
  },
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;
