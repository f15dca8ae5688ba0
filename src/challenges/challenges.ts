/**
 * The mailbox challenge: begin, resend, inspect, redeem. Used by every method that proves a mailbox.
 *
 * Owns the challenge row, its secrets and its budgets. Does not own who a person is (accounts), what a page looks like
 * (methods, http) or how mail leaves the house (mail). Single use is `pending → proved`, one compare-and-set (ML-21).
 */
import type { Accounts } from '../accounts/accounts.ts';
import type { App } from '../apps/apps.ts';
import type { Audit } from '../audit/audit.ts';
import type { AuditEntry } from '../audit/events.ts';
import { type Clock, DAY, MINUTE, SECOND } from '../core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../core/email-address.ts';
import { PosternError, unreachable } from '../core/errors.ts';
import { eventIdOf } from '../core/event-id.ts';
import { hashOf } from '../core/hash.ts';
import { type AppId, type ChallengeId, isIdForm } from '../core/ids.ts';
import type { Keyring } from '../core/keyring.ts';
import { mailboxHash } from '../core/mailbox-hash.ts';
import { randomToken } from '../core/random.ts';
import type { Claim, Limits } from '../limits/limits.ts';
import type { RuleName } from '../limits/rules.ts';
import type { MailReport } from '../mail/mail-report.ts';
import type { MailIntent, NewMail } from '../mail/outbox.ts';
import type { Suppressions } from '../mail/suppressions.ts';
import { type JsonObject, type Store, StoreConflict } from '../store/port.ts';
import {
  CHALLENGE,
  type Challenge,
  type ChallengePass,
  type ChallengeRow,
  type ChallengeSpend,
  type ChallengeStatus,
  challengeIdOf,
  goneBecause,
  isLive,
  isMailUnsent,
  isOpen,
  type MailboxPurpose,
  secretSource,
} from './challenge.ts';
import { isPassOpen, PASS_MS, passHash, passToken } from './passes.ts';
import { code, isCode, isLinkSecret, linkSecret, passSecret } from './secrets.ts';

/** Of two requests for the same mail the second finds the first one's challenge at its next look. */
const RACE_ATTEMPTS = 3;
/** Rows outlive their links, so that an old mail is told "expired", not "unknown" (PR-03: at most a day). */
const RETENTION_MS = DAY;
/** How long after the proof of a mailbox the act behind it may be done. */
const PROVEN_MS = 15 * MINUTE;
/** When a mail that was accepted for sending but has no job is queued again. */
const REPAIR_AFTER_MS = 10 * SECOND;

export interface BeginInput {
  readonly app: App;
  readonly uid: string;
  readonly clientId: string;
  readonly address: EmailAddress;
  /** Id of the asking browser. */
  readonly browser: string;
  readonly device: string;
  readonly locales: readonly string[];
  readonly typist: Typist;
  readonly purpose: MailboxPurpose;
  /** What is linked to the owner of the mailbox once it is proved; never stored readable. */
  readonly waiting?: WaitingClaim | undefined;
}

/** `account` names it in the mail, so that the owner of the mailbox sees what would be linked (AC-07). */
export interface WaitingClaim {
  readonly account: string | undefined;
  readonly claim: JsonObject;
}

/** A mailbox that was proved in this browser for something that is still to be done. */
export interface Proven {
  readonly purpose: MailboxPurpose;
  readonly challengeId: string;
  readonly address: string;
  readonly at: number;
}

export type Begun =
  /** This interaction has asked too often; nothing was made. */
  | { readonly outcome: 'too_many' }
  | { readonly outcome: 'sent'; readonly challenge: Challenge }
  /** Nothing was sent now; `retryAt` says when it will be possible. */
  | {
      readonly outcome: 'held';
      readonly by: 'resend' | 'mailbox' | 'network' | 'app';
      readonly challenge: Challenge;
      readonly retryAt: number;
    };

/** Of a link secret or a code; nothing is spent by it but tries. */
export type Check =
  | { readonly outcome: 'right'; readonly challenge: Challenge }
  | { readonly outcome: 'wrong'; readonly left: number }
  | { readonly outcome: 'code_closed' }
  | { readonly outcome: 'gone'; readonly reason: 'expired' | 'used' | 'unknown' };

/** Of a code typed in a browser that did not ask; `pass` is what that browser may go on with. */
export type Continued =
  | { readonly outcome: 'right'; readonly challenge: Challenge; readonly pass: string }
  | Exclude<Check, { outcome: 'right' }>;

/** `act` and `at` name the one act that was done, for what has to be written down once. */
export type Spent =
  | { readonly outcome: 'won' | 'again'; readonly act: string; readonly at: number }
  | { readonly outcome: 'lost' };

/** Everything that a mail of a challenge says; made anew for every delivery, kept nowhere. */
export interface MailContents {
  readonly purpose: MailboxPurpose;
  /** Of another provider, for `verify_email`. */
  readonly account: string | undefined;
  readonly to: string;
  readonly link: string;
  readonly code: string | undefined;
  readonly locales: readonly string[];
  readonly device: string;
  readonly askedAt: number;
  readonly sentAt: number;
  readonly endsAt: number;
  readonly keyVersion: string;
}

/** Who asks for a mail or types a code: the budgets depend on it. */
export interface Typist {
  /** See `networkOf`. */
  readonly network: string | undefined;
  /** SHA-256 of the browser's `known` cookie, if it has one. */
  readonly knownBrowser: string | undefined;
}

export interface ChallengeDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  readonly limits: Limits;
  readonly accounts: Pick<Accounts, 'findByAddress' | 'firstProvedAt' | 'isKnownBrowser' | 'mailCutOff'>;
  readonly audit: Pick<Audit, 'record'>;
  /** Mailboxes that get no mail of an app. */
  readonly suppressions: Pick<Suppressions, 'find' | 'proved'>;
  queueMail(mail: NewMail): Promise<void>;
  /** What became of the interaction that this challenge was spent for, and the events that its sign-in left. */
  signInEvents(
    app: AppId,
    uid: string,
    challenge: Challenge,
  ): Promise<{ readonly isOver: boolean; readonly events: readonly AuditEntry[] }>;
}

export class Challenges {
  readonly #deps: ChallengeDeps;

  constructor(deps: ChallengeDeps) {
    this.#deps = deps;
  }

  /** A mail for this address in this interaction: the running challenge again, or a new one. */
  async begin(input: BeginInput): Promise<Begun> {
    const { app } = input;
    for (let attempt = 0; attempt < RACE_ATTEMPTS; attempt += 1) {
      const siblings = await this.ofInteraction(app.id, input.uid, input.browser);
      const same = siblings.filter((sibling) => isSame(sibling, input.purpose, input.address.key));
      const begun = await this.#beginOnce(input, same);
      if (!begun) continue;
      const newest = siblings.at(-1);
      const isTurned =
        begun.outcome === 'held' && !(newest && isSame(newest, input.purpose, input.address.key));
      return isTurned ? { ...begun, challenge: await this.#turnTo(app.id, begun.challenge) } : begun;
    }
    throw new PosternError('unavailable', { detail: 'lost every race for a challenge' });
  }

  /** Undefined when another request changed or made the challenge meanwhile. */
  async #beginOnce(input: BeginInput, same: readonly Challenge[]): Promise<Begun | undefined> {
    const { app } = input;
    const now = this.#deps.clock.now();
    const newest = same.at(-1);
    if (newest?.data.status === 'proved' && isLive(newest, now) && input.waiting === undefined)
      return { outcome: 'sent', challenge: newest };
    // For everybody alike, known or not (ML-53), and before anything is counted, so that a fault costs nothing.
    const isSuppressed = (await this.#deps.suppressions.find(app.id, input.address)) !== undefined;
    const bound = interactionClaim(input);
    const mail = await this.#mailClaims(input);
    const verdict = await this.#deps.limits.take(app.id, [bound, ...mail]);
    if (!verdict.allowed && verdict.rule === 'interaction') return { outcome: 'too_many' };
    // Link and code stay the same while more than half their life is left; later mails get fresh ones (design §2).
    // A claim is proved by the mail that names it, never by an older one (AC-07).
    const isFresh =
      newest?.data.status === 'pending' &&
      input.waiting === undefined &&
      newest.data.endsAt - now > lifetimeOf(app) / 2 &&
      !(await this.#isOvertaken(app.id, newest));
    const reusable = isFresh ? newest : undefined;
    if (verdict.allowed) {
      const state = isSuppressed ? 'suppressed' : 'queued';
      const asked = reusable ? this.#resend(app, reusable, state) : this.#create(input, same.length, state);
      // Whoever was told 503 asks again at once; what bounds the mails stays counted, since the row may be there.
      const challenge = await asked.catch(async (fault: unknown) => {
        const hold = mail.filter(({ rule }) => rule === 'resend');
        await this.#deps.limits.giveBack(app.id, hold).catch(() => undefined);
        throw fault;
      });
      if (!challenge) {
        // A mail that was not made after all costs nothing.
        await this.#deps.limits.giveBack(app.id, [bound, ...mail]);
        return undefined;
      }
      const { sends: send, sentAt, purpose } = challenge.data;
      await Promise.all([
        this.#deps.queueMail({ ...newMailOf(app.id, challenge), isSuppressed }),
        isSuppressed ? this.#recordAll(app.id, challenge, mailOf(challenge)) : undefined,
        reusable
          ? this.#record(app.id, challenge, { type: 'challenge.resent', send }, sentAt)
          : this.#record(app.id, challenge, { type: 'challenge.begun', purpose }, sentAt),
      ]);
      return { outcome: 'sent', challenge };
    }
    const by = heldBy(verdict.rule);
    // A row without a mail counts too.
    const isBound = reusable === undefined && !(await this.#deps.limits.take(app.id, [bound])).allowed;
    if (isBound) return { outcome: 'too_many' };
    const held = reusable ?? (await this.#create(input, same.length, 'held'));
    if (!held) return undefined;
    if (by !== 'resend') await this.#recordFew(app.id, held, { type: 'challenge.held', reason: by });
    return { outcome: 'held', by, challenge: held, retryAt: verdict.retryAt };
  }

  /** All challenges of one interaction, last asked for last; with `browser` only those that it asked for. */
  async ofInteraction(app: AppId, uid: string, browser?: string): Promise<readonly Challenge[]> {
    // The `interaction` limit keeps their number far below.
    const query = { group: groupOf(app, uid), limit: 100 };
    const rows = await this.#deps.store.records.list<ChallengeRow>(
      app,
      CHALLENGE,
      query,
      this.#deps.clock.now(),
    );
    return rows
      .filter((row) => browser === undefined || row.data.browser === browser)
      .sort((a, b) => a.data.lastAskedAt - b.data.lastAskedAt || a.data.createdAt - b.data.createdAt);
  }

  async find(app: AppId, id: string): Promise<Challenge | undefined> {
    if (!isIdForm(id)) return undefined;
    return this.#deps.store.records.find<ChallengeRow>(app, CHALLENGE, id, this.#deps.clock.now());
  }

  /** Whether the app still has what this mailbox was to be proved for. */
  isOn({ settings }: App, { data }: Challenge): boolean {
    return isPurposeOn(settings, data.purpose);
  }

  /** What a challenge is still good for in the asking browser. */
  standing(challenge: Challenge): 'open' | 'used' | 'expired' {
    return goneBecause(challenge, this.#deps.clock.now()) ?? 'open';
  }

  /** The interaction behind a challenge: for the landing page in the asking browser only. */
  uidOf(app: AppId, challenge: Challenge): string {
    return this.#deps.keyring.open(app, `challenge:${challenge.id}`, challenge.data.uid);
  }

  /** Checks a link secret presented in the asking browser, for the interaction the challenge belongs to (ML-45). */
  async checkLink(
    { id: app, settings }: App,
    uid: string,
    id: ChallengeId,
    secret: string,
    browser: string | undefined,
  ): Promise<Check> {
    const challenge = await this.find(app, id);
    const isOwn =
      challenge?.group === groupOf(app, uid) &&
      challenge.data.browser === browser &&
      isPurposeOn(settings, challenge.data.purpose);
    if (!challenge || !isOwn || !isLinkSecret(this.#deps.keyring, secretSource(app, challenge), secret)) {
      return { outcome: 'gone', reason: 'unknown' };
    }
    const reason = goneBecause(challenge, this.#deps.clock.now());
    return reason ? { outcome: 'gone', reason } : { outcome: 'right', challenge };
  }

  /** Checks a code typed in the asking browser against every open sibling of the newest challenge (ML-23, ML-28). */
  async checkCode(
    app: App,
    uid: string,
    typed: string | undefined,
    browser: string | undefined,
    typist: Typist,
  ): Promise<Check> {
    const siblings = browser === undefined ? [] : await this.ofInteraction(app.id, uid, browser);
    const newest = siblings.at(-1);
    if (!newest) return { outcome: 'gone', reason: 'unknown' };
    const now = this.#deps.clock.now();
    const open = siblings.filter(
      (sibling) =>
        isSame(sibling, newest.data.purpose, newest.data.addressKey) &&
        isOpen(sibling, now) &&
        isPurposeOn(app.settings, sibling.data.purpose),
    );
    if (open.length === 0) return { outcome: 'gone', reason: goneBecause(newest, now) ?? 'used' };
    if (!hasCode(app, newest)) return { outcome: 'code_closed' };
    return this.#evaluate(app.id, newest, open, await this.#codeClaims(app.id, newest, typist), typed);
  }

  /**
   * A code typed where the link was opened, in a browser that did not ask: the only thing that has an effect there. Spends
   * the challenge for this browser, in one write with its pass; the one that asked is not completed by it (ML-40). While
   * the pass is unspent this browser may repeat it, because its answer may have been lost (RL-07).
   * @param browserSecret a random value that only this browser has
   */
  async continueElsewhere(
    { id: app, ...rest }: App,
    id: string,
    typed: string | undefined,
    typist: Typist,
    browserSecret: string,
  ): Promise<Continued> {
    const challenge = await this.find(app, id);
    // Only a sign-in goes on at a client: whatever else is proved belongs to the window where it began.
    if (challenge?.data.purpose !== 'sign_in' || !isPurposeOn(rest.settings, 'sign_in'))
      return { outcome: 'gone', reason: 'unknown' };
    const now = this.#deps.clock.now();
    const source = secretSource(app, challenge);
    const pass = passToken(id, passSecret(this.#deps.keyring, source, browserSecret));
    // Nothing to guess: the pass shows that this browser typed the right one before.
    if (isPassOpen(challenge.data.pass, pass, now)) return { outcome: 'right', challenge, pass };
    const reason = goneBecause(challenge, now);
    if (reason || challenge.data.status !== 'pending') return { outcome: 'gone', reason: reason ?? 'used' };
    if (!hasCode(rest, challenge)) return { outcome: 'code_closed' };
    const claims = await this.#elsewhereClaims(app, challenge, typist);
    const check = await this.#evaluate(app, challenge, [challenge], claims, typed);
    if (check.outcome !== 'right') return check;
    if (await this.#isCutOff(app, challenge)) return { outcome: 'gone', reason: 'used' };
    const given = { hash: passHash(pass), endsAt: now + PASS_MS };
    const spent = await this.#spend(app, challenge, 'used', { type: 'challenge.continued' }, given);
    if (!spent) return { outcome: 'gone', reason: 'used' };
    await Promise.all([this.#recordAll(app, spent, spendOf(spent)), this.#mailArrived(app, spent)]);
    return { outcome: 'right', challenge: spent, pass };
  }

  /**
   * The spend. Exactly one caller moves `pending → proved` and is told `won`. The asking browser may repeat it (`again`)
   * while the interaction is not finished, because its reply may have been lost (RL-07).
   */
  async spend(app: AppId, challenge: Challenge, by: 'link' | 'code'): Promise<Spent> {
    if (await this.#isCutOff(app, challenge)) return { outcome: 'lost' };
    const won = await this.#spend(app, challenge, 'proved', { type: 'challenge.proved', by });
    const proved = won ?? (await this.find(app, challenge.id));
    if (proved?.data.status !== 'proved' || !isLive(proved, this.#deps.clock.now()))
      return { outcome: 'lost' };
    const at = proved.data.movedAt;
    await Promise.all([this.#recordAll(app, proved, spendOf(proved)), this.#mailArrived(app, proved)]);
    return { outcome: won ? 'won' : 'again', act: challenge.id, at };
  }

  /** What waits for this mailbox: for the browser that proved it, and for the mail. */
  waiting(app: AppId, { id, data }: Challenge): WaitingClaim | undefined {
    // Sealed by `#create` in exactly this form.
    return data.waiting === undefined
      ? undefined
      : (JSON.parse(this.#deps.keyring.open(app, `waiting:${id}`, data.waiting)) as WaitingClaim);
  }

  /**
   * The mailbox that this browser proved last in this interaction, for a purpose that goes on behind the proof (AC-13):
   * undefined unless link or code were right here, a short time ago, and nothing cut it off since.
   */
  async proven(
    app: App,
    uid: string,
    browser: string | undefined,
    purpose: MailboxPurpose,
  ): Promise<Proven | undefined> {
    if (browser === undefined || !isPurposeOn(app.settings, purpose)) return undefined;
    const newest = (await this.ofInteraction(app.id, uid, browser)).at(-1);
    if (newest?.data.purpose !== purpose || newest.data.status !== 'proved') return undefined;
    const { address, movedAt: at } = newest.data;
    if (this.#deps.clock.now() - at > PROVEN_MS || (await this.#isCutOff(app.id, newest))) return undefined;
    return { purpose, challengeId: newest.id, address, at };
  }

  /** The interaction is over: what proved it is used, its siblings are closed. */
  async settle(app: AppId, uid: string): Promise<void> {
    const siblings = await this.ofInteraction(app, uid);
    await Promise.all(
      siblings.map((sibling) => {
        // Whoever answered the request has written its events: nothing is left to look after.
        if (sibling.data.status === 'proved')
          return this.#move(app, sibling, 'proved', 'used', { dueAt: undefined });
        if (sibling.data.status === 'pending') return this.#move(app, sibling, 'pending', 'closed', {});
        return undefined;
      }),
    );
  }

  /** "This wasn't me": counted and written down, nothing else, because scanners press buttons too (ML-12). */
  async report(app: AppId, id: string): Promise<void> {
    const challenge = await this.find(app, id);
    if (challenge) await this.#recordFew(app, challenge, { type: 'challenge.reported' });
  }

  /** Whether a code may be typed now: in the asking browser, or `elsewhere`. */
  async codeEntry(
    app: App,
    challenge: Challenge,
    typist: Typist,
    where: 'here' | 'elsewhere',
  ): Promise<'open' | 'closed' | 'off'> {
    if (!hasCode(app, challenge)) return 'off';
    const claims =
      where === 'here'
        ? await this.#codeClaims(app.id, challenge, typist)
        : await this.#elsewhereClaims(app.id, challenge, typist);
    return (await this.#deps.limits.look(app.id, claims)).allowed ? 'open' : 'closed';
  }

  /** When the next mail for this address may be asked for, ms; now or earlier when it may be at once. */
  async resendAt(app: App, uid: string, challenge: Challenge, typist: Typist): Promise<number> {
    const { addressKey, mailbox } = challenge.data;
    const claims = await this.#mailClaimsOf(app, uid, addressKey, mailbox, typist);
    const verdict = await this.#deps.limits.look(app.id, claims);
    return verdict.allowed ? this.#deps.clock.now() : verdict.retryAt;
  }

  /**
   * What the mail of this send says; undefined when there is nothing to send any more: used, closed, or answered before a
   * crash. An older send than the newest still goes out: link and code are the same.
   */
  async mailContents(app: App, { challenge: id, send }: MailIntent): Promise<MailContents | undefined> {
    const challenge = await this.find(app.id, id);
    if (challenge?.data.status !== 'pending' || !isPurposeOn(app.settings, challenge.data.purpose))
      return undefined;
    const { data } = challenge;
    if (send === data.sends && !isMailUnsent(challenge)) return undefined;
    const source = secretSource(app.id, challenge);
    return {
      purpose: data.purpose,
      account: this.waiting(app.id, challenge)?.account,
      to: data.address,
      link: linkUrl(app, challenge, linkSecret(this.#deps.keyring, source)),
      code: hasCode(app, challenge) ? code(this.#deps.keyring, source) : undefined,
      locales: data.locales,
      device: data.device,
      askedAt: data.createdAt,
      sentAt: data.sentAt,
      endsAt: data.endsAt,
      keyVersion: data.keyVersion,
    };
  }

  /** What became of a mail; of older sends nothing is told any more. */
  async mailMoved(intent: MailIntent, report: MailReport): Promise<void> {
    const challenge = await this.find(intent.app, intent.challenge);
    if (!challenge || challenge.data.sends !== intent.send) return;
    if ((challenge.data.mailSeen ?? 0) >= report.seen) return;
    const now = this.#deps.clock.now();
    const data = { ...challenge.data, ...mailFields(challenge.data, report) };
    // Looked at once more when it ends, for events that a crash has swallowed; a spend brings that forward.
    const end = isMailUnsent({ data }) ? (data.mailRetryAt ?? now) + REPAIR_AFTER_MS : data.endsAt;
    const dueAt = data.status === 'pending' ? Math.max(end, now + 1) : challenge.dueAt;
    const written = await this.#deps.store.records.replace(
      intent.app,
      CHALLENGE,
      { ...challenge, dueAt, data },
      now,
    );
    if (!written) return this.mailMoved(intent, report);
    // The mail goes on although the process that asked for it died before it could write that down.
    await this.#recordAll(intent.app, written, [...sendsOf(written).slice(-1), ...mailOf(written)]);
  }

  /** Finishes what a process that died has left: mails without a job (RL-01), acts without their event (AD-10). */
  async repair(limit: number): Promise<void> {
    const now = this.#deps.clock.now();
    for (const { scope, ...row } of await this.#deps.store.records.due<ChallengeRow>(CHALLENGE, now, limit)) {
      const app = scope as AppId; // challenges are never kept in the system scope
      const isWaiting = isMailUnsent(row) && isLive(row, now);
      if (isWaiting) await this.#deps.queueMail(newMailOf(app, row));
      await this.#recordAll(app, row, [...sendsOf(row), ...mailOf(row), ...spendOf(row)]);
      const isOver = row.data.status === 'proved' && (await this.#repairSignIn(app, row));
      if (isOver) continue;
      const isOpenEnded = row.data.status === 'pending' || row.data.status === 'proved';
      // A spend may be repeated by its browser until the end, and then has more to tell.
      const end = isOpenEnded && isLive(row, now) ? row.data.endsAt + REPAIR_AFTER_MS : undefined;
      const dueAt = isWaiting ? now + REPAIR_AFTER_MS : end;
      await this.#deps.store.records.replace(app, CHALLENGE, { ...row, dueAt }, now);
    }
  }

  /** True when the interaction turned out to be over, so that the challenge was settled. */
  async #repairSignIn(app: AppId, challenge: Challenge): Promise<boolean> {
    const uid = this.uidOf(app, challenge);
    const { isOver, events } = await this.#deps.signInEvents(app, uid, challenge);
    await Promise.all(events.map((event) => this.#deps.audit.record(app, event)));
    if (isOver) await this.settle(app, uid);
    return isOver;
  }

  async #create(
    input: BeginInput,
    ordinal: number,
    mail: 'queued' | 'held' | 'suppressed',
  ): Promise<Challenge | undefined> {
    const { app, address } = input;
    const isAsked = mail !== 'held';
    const { store, keyring, clock, accounts } = this.#deps;
    const now = clock.now();
    const id = randomToken();
    const group = groupOf(app.id, input.uid);
    const user = await accounts.findByAddress(app.id, address);
    const data: ChallengeRow = {
      purpose: input.purpose,
      ...(input.waiting
        ? { waiting: keyring.seal(app.id, `waiting:${id}`, JSON.stringify(input.waiting)) }
        : {}),
      status: 'pending',
      address: user?.address ?? address.address,
      typed: address.address,
      addressKey: address.key,
      mailbox: mailboxHash(this.#deps.keyring, address),
      clientId: input.clientId,
      uid: keyring.seal(app.id, `challenge:${id}`, input.uid),
      browser: input.browser,
      salt: randomToken(),
      keyVersion: keyring.current,
      createdAt: now,
      lastAskedAt: now,
      endsAt: now + lifetimeOf(app),
      device: input.device,
      locales: input.locales,
      sends: isAsked ? 1 : 0,
      sendTimes: isAsked ? [now] : [],
      sentAt: now,
      movedAt: now,
      mail,
      ...(mail === 'suppressed' ? { mailAt: now } : {}),
    };
    const draft = {
      id,
      // One sibling per place in the row: of two concurrent requests the second finds the first (ML-50).
      key: hashOf('challenge', input.purpose, group, input.browser, address.key, String(ordinal)),
      group,
      data,
      dueAt: isAsked ? now + REPAIR_AFTER_MS : undefined,
      expiresAt: now + RETENTION_MS,
    };
    try {
      return await store.records.insert(app.id, CHALLENGE, draft, now);
    } catch (error) {
      if (error instanceof StoreConflict) return undefined;
      throw error;
    }
  }

  /**
   * Whoever changes the address and back means the first one again: its code is the one to compare. A lost race is as
   * good as a won one, because it was for the same.
   */
  async #turnTo(app: AppId, challenge: Challenge): Promise<Challenge> {
    const now = this.#deps.clock.now();
    const next = { ...challenge, data: { ...challenge.data, lastAskedAt: now } };
    return (await this.#deps.store.records.replace(app, CHALLENGE, next, now)) ?? challenge;
  }

  async #resend(
    app: App,
    challenge: Challenge,
    mail: 'queued' | 'suppressed',
  ): Promise<Challenge | undefined> {
    const now = this.#deps.clock.now();
    const data: ChallengeRow = {
      ...challenge.data,
      sends: challenge.data.sends + 1,
      sendTimes: [...challenge.data.sendTimes, now],
      lastAskedAt: now,
      sentAt: now,
      mail,
      mailAt: mail === 'suppressed' ? now : undefined,
      mailReason: undefined,
      mailRetryAt: undefined,
      mailSeen: undefined,
    };
    const next = { ...challenge, data, dueAt: now + REPAIR_AFTER_MS };
    return this.#deps.store.records.replace(app.id, CHALLENGE, next, now);
  }

  /**
   * Asked for before its user was disabled or removed (AC-21), or came to be (AC-04). Told to nobody but who has the secret
   * or the code.
   */
  async #isCutOff(app: AppId, challenge: Challenge): Promise<boolean> {
    const { createdAt, addressKey } = challenge.data;
    if (createdAt <= (await this.#deps.accounts.mailCutOff(app, addressKey))) return true;
    return this.#isOvertaken(app, challenge);
  }

  /**
   * What was to give its asker a password or a link to another provider ends when somebody else is the first to prove the
   * mailbox. A sign-in gives nothing that lasts: two at once are one person in two windows (AC-12).
   */
  async #isOvertaken(app: AppId, { id, data }: Challenge): Promise<boolean> {
    if (data.purpose === 'sign_in') return false;
    const firstAt = await this.#deps.accounts.firstProvedAt(app, data.addressKey);
    if (firstAt === undefined || firstAt <= data.createdAt) return false;
    // Read after it: when the first proof was this challenge's own, its spend stands there by now.
    const spent = data.spent ?? (await this.find(app, id))?.data.spent;
    return spent === undefined || firstAt < spent.at;
  }

  /** What our mail says was read: whatever bounced before, this mailbox takes mail. */
  async #mailArrived(app: AppId, { data }: Challenge): Promise<void> {
    const address = parseEmailAddress(data.address);
    if (address) await this.#deps.suppressions.proved(app, address);
  }

  /** The one write of a spend carries its event, and the time at which it is looked for in the log. */
  #spend(
    app: AppId,
    challenge: Challenge,
    to: 'proved' | 'used',
    act: DistributiveOmit<ChallengeSpend, 'at'>,
    pass?: ChallengePass,
  ): Promise<Challenge | undefined> {
    const now = this.#deps.clock.now();
    const change = { dueAt: now + REPAIR_AFTER_MS, spent: { ...act, at: now }, ...(pass ? { pass } : {}) };
    return this.#move(app, challenge, 'pending', to, change);
  }

  /** Compare-and-set of the status, retried only when something else of the row changed meanwhile (the mail's state). */
  async #move(
    app: AppId,
    challenge: Challenge,
    from: ChallengeStatus,
    to: ChallengeStatus,
    {
      spent,
      pass,
      ...row
    }: {
      readonly dueAt?: number | undefined;
      readonly spent?: ChallengeSpend;
      readonly pass?: ChallengePass;
    },
  ): Promise<Challenge | undefined> {
    let current: Challenge | undefined = challenge;
    const now = this.#deps.clock.now();
    while (current && current.data.status === from && (isLive(current, now) || to !== 'proved')) {
      const data = {
        ...current.data,
        status: to,
        movedAt: now,
        ...(spent ? { spent } : {}),
        ...(pass ? { pass } : {}),
      };
      const next: Challenge = { ...current, ...row, data };
      const written = await this.#deps.store.records.replace(app, CHALLENGE, next, now);
      if (written) return written;
      current = await this.find(app, challenge.id);
    }
    return undefined;
  }

  /** Counts before it compares, so that concurrent guesses cannot pass together (ML-26); a right code costs nothing. */
  async #evaluate(
    app: AppId,
    subject: Challenge,
    open: readonly Challenge[],
    claims: readonly Claim[],
    typed: string | undefined,
  ): Promise<Check> {
    // What cannot be a code is a slip of the hand, not a guess.
    const verdict = await (typed === undefined
      ? this.#deps.limits.look(app, claims)
      : this.#deps.limits.take(app, claims));
    if (!verdict.allowed) {
      const scope = CLOSED_BY[verdict.rule] ?? 'mailbox';
      await this.#recordFew(app, subject, { type: 'challenge.code_closed', scope });
      return { outcome: 'code_closed' };
    }
    // Every sibling is compared, so that the time tells nothing of which one matched.
    const matches = open.filter(
      (sibling) => typed !== undefined && isCode(this.#deps.keyring, secretSource(app, sibling), typed),
    );
    const challenge = matches.at(-1);
    if (challenge) {
      await this.#deps.limits.giveBack(app, claims);
      return { outcome: 'right', challenge };
    }
    const left = Math.min(...Object.values(verdict.left));
    if (typed !== undefined)
      await this.#record(app, subject, { type: 'challenge.code_wrong', triesLeft: left });
    return { outcome: 'wrong', left };
  }

  async #codeClaims(app: AppId, challenge: Challenge, typist: Typist): Promise<readonly Claim[]> {
    const subject = `${challenge.group}:${hashOf(challenge.data.addressKey)}`;
    return [{ rule: 'code', subject }, ...(await this.#mailboxCodeClaims(app, challenge, typist))];
  }

  async #elsewhereClaims(app: AppId, challenge: Challenge, typist: Typist): Promise<readonly Claim[]> {
    return [
      { rule: 'code_elsewhere', subject: challenge.id },
      ...(await this.#mailboxCodeClaims(app, challenge, typist)),
    ];
  }

  async #mailboxCodeClaims(app: AppId, challenge: Challenge, typist: Typist): Promise<readonly Claim[]> {
    const { addressKey, mailbox } = challenge.data;
    const known = await this.#knownAt(app, addressKey, typist);
    if (known !== undefined) return [{ rule: 'code_known', subject: `${known}:${mailbox}` }];
    return [{ rule: 'code_mailbox', subject: mailbox }, ...this.#networkClaims('code_network', typist)];
  }

  #mailClaims({ app, uid, address, typist }: BeginInput): Promise<readonly Claim[]> {
    return this.#mailClaimsOf(app, uid, address.key, mailboxHash(this.#deps.keyring, address), typist);
  }

  async #mailClaimsOf(
    app: App,
    uid: string,
    addressKey: string,
    mailbox: string,
    typist: Typist,
  ): Promise<readonly Claim[]> {
    const {
      resend_after: windowMs,
      mails_per_mailbox,
      mails_per_network,
      mails_per_app,
    } = app.settings.limits;
    const subject = `${groupOf(app.id, uid)}:${hashOf(addressKey)}`;
    const spacing: Claim = { rule: 'resend', subject, windowMs };
    const known = await this.#knownAt(app.id, addressKey, typist);
    if (known !== undefined)
      return [spacing, { rule: 'mailbox_known', subject: `${known}:${mailbox}`, max: mails_per_mailbox }];
    return [
      spacing,
      { rule: 'mailbox', subject: mailbox, max: mails_per_mailbox },
      ...this.#networkClaims('network', typist, mails_per_network),
      { rule: 'app', subject: '', max: mails_per_app },
    ];
  }

  /** The asking browser, if it signed in with this address before. */
  async #knownAt(app: AppId, addressKey: string, { knownBrowser }: Typist): Promise<string | undefined> {
    if (knownBrowser === undefined) return undefined;
    const isKnown = await this.#deps.accounts.isKnownBrowser(app, addressKey, knownBrowser);
    return isKnown ? knownBrowser : undefined;
  }

  /** Keyed like a mailbox: who asked from where is nobody's to read out of the counters. */
  #networkClaims(rule: 'network' | 'code_network', { network }: Typist, max?: number): readonly Claim[] {
    if (network === undefined) return [];
    const oldest = this.#deps.keyring.versions.at(-1);
    const subject = this.#deps.keyring.mac('*', 'network', [network], oldest).toString('base64url');
    return [{ rule, subject, ...(max === undefined ? {} : { max }) }];
  }

  /** With `at`, the time of an act that may be repeated: it is written down once. */
  async #record(app: AppId, challenge: Challenge, event: ChallengeEvent, at?: number): Promise<void> {
    const { clientId, mailbox } = challenge.data;
    await this.#deps.audit.record(app, {
      ...event,
      ...(at === undefined ? {} : { at, id: eventIdOf(at, challenge.id, event.type) }),
      challengeId: challengeIdOf(challenge),
      clientId,
      mailbox,
    });
  }

  async #recordAll(app: AppId, challenge: Challenge, events: readonly DatedEvent[]): Promise<void> {
    await Promise.all(events.map(({ at, ...event }) => this.#record(app, challenge, event, at)));
  }

  /** For what anybody can repeat at will: a few are written down, more would only fill the log. */
  async #recordFew(app: AppId, challenge: Challenge, event: ChallengeEvent): Promise<void> {
    const claim: Claim = { rule: 'noted', subject: `${challenge.id}:${event.type}` };
    if ((await this.#deps.limits.take(app, [claim])).allowed) await this.#record(app, challenge, event);
  }
}

type ChallengeEvent = Extract<AuditEntry, { type: `challenge.${string}` }>;

type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never;
type DatedEvent = ChallengeEvent & { readonly at: number };

/** What a row tells of its mails and its spend: the same events with the same ids, however often they are read. */
const sendsOf = ({ data }: Challenge): readonly DatedEvent[] =>
  data.sendTimes.map((at, index) =>
    index === 0 && at === data.createdAt
      ? { type: 'challenge.begun', purpose: data.purpose, at }
      : { type: 'challenge.resent', send: index + 1, at },
  );

function mailOf({ data }: Challenge): readonly DatedEvent[] {
  const { mail, mailAt: at, mailReason: reason = '', sends: send } = data;
  if (at === undefined) return [];
  switch (mail) {
    case 'handed_over':
    case 'accepted':
    case 'delayed':
      return [{ type: 'challenge.mail_accepted', send, at }];
    case 'suppressed':
      return [{ type: 'challenge.held', reason: 'suppressed', at }];
    case 'refused':
      return [{ type: 'challenge.mail_refused', send, reason, at }];
    case 'failed':
      return [{ type: 'challenge.mail_failed', send, reason, at }];
    case 'queued':
    case 'retrying':
    case 'held':
      return [];
    default:
      return unreachable(mail);
  }
}

/** `mailAt` is when it was first taken, whatever is told of it later: the event of that has its id from there. */
function mailFields(before: ChallengeRow, { mail, at, reason, retryAt, seen }: MailReport) {
  const isOnItsWay = mail === 'handed_over' || mail === 'accepted';
  const takenAt = before.mail === 'failed' || before.mail === 'refused' ? undefined : before.mailAt;
  const known = mail === 'delayed' ? takenAt : isOnItsWay ? (takenAt ?? at) : at;
  const mailAt = mail === 'queued' || mail === 'retrying' ? undefined : known;
  return { mail, mailAt, mailReason: reason, mailRetryAt: retryAt, mailSeen: seen };
}

const newMailOf = (app: AppId, challenge: Challenge): NewMail => ({
  app,
  challenge: challengeIdOf(challenge),
  send: challenge.data.sends,
  kind: challenge.data.purpose,
  askedAt: challenge.data.sentAt,
  traces: { to: challenge.data.address, keyVersion: challenge.data.keyVersion },
});

const spendOf = ({ data }: Challenge): readonly DatedEvent[] => (data.spent ? [data.spent] : []);

const CLOSED_BY: Partial<Record<RuleName, 'interaction' | 'elsewhere'>> = {
  code: 'interaction',
  code_elsewhere: 'elsewhere',
};

/** The secret in the fragment, where no server, proxy or Referer sees it; by path only where a gateway cuts it off. */
function linkUrl(app: App, challenge: Challenge, secret: string): string {
  const policy = app.settings.methods.magic_link?.link_secret ?? 'fragment';
  const domain = challenge.data.address.slice(challenge.data.address.lastIndexOf('@') + 1);
  const isByPath = typeof policy === 'string' ? policy === 'path' : policy.path_for.includes(domain);
  return `${app.issuer}/link/${challenge.id}${isByPath ? '/' : '#'}${secret}`;
}

/** An app without codes signs in by link alone; whatever else is proved by mail keeps them. */
const hasCode = ({ settings }: Pick<App, 'settings'>, { data }: Challenge): boolean =>
  data.purpose !== 'sign_in' || settings.methods.magic_link?.code === true;

/** A way to sign in that was switched off leaves nothing behind that still works. */
function isPurposeOn({ methods }: App['settings'], purpose: MailboxPurpose): boolean {
  switch (purpose) {
    case 'sign_in':
      return methods.magic_link !== undefined;
    case 'reset_password':
      return methods.password !== undefined;
    case 'verify_email':
      return true;
    default:
      return unreachable(purpose);
  }
}

const DEFAULT_LIFETIME_MS = 10 * MINUTE;

const lifetimeOf = ({ settings }: App): number =>
  settings.methods.magic_link?.lifetime ?? DEFAULT_LIFETIME_MS;

const isSame = ({ data }: Challenge, purpose: MailboxPurpose, addressKey: string): boolean =>
  data.purpose === purpose && data.addressKey === addressKey;

/** Interaction uids are live bearer values in a cookie: rows hold their hash only. */
const groupOf = (app: AppId, uid: string): string => hashOf('interaction', app, uid);

const interactionClaim = ({ app, uid }: BeginInput): Claim => ({
  rule: 'interaction',
  subject: groupOf(app.id, uid),
});

const heldBy = (rule: RuleName): 'resend' | 'mailbox' | 'network' | 'app' =>
  rule === 'resend' || rule === 'network' || rule === 'app' ? rule : 'mailbox';
