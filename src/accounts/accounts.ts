/**
 * Users of an app: turns a proof into one user. One per mailbox and app, made when the mailbox is first proved. A credential
 * is its owner's; a subject of another provider is whoever was linked to it by proof, never by guess (AC-06).
 *
 * Owns what a user is and who may become one. Does not own how a proof came about.
 */
import type { App } from '../apps/apps.ts';
import type { Clock } from '../core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../core/email-address.ts';
import { unreachable } from '../core/errors.ts';
import { eventIdOf } from '../core/event-id.ts';
import { type AppId, asUserId, type UserId } from '../core/ids.ts';
import { randomToken } from '../core/random.ts';
import { type Store, StoreConflict, type StoredRecord } from '../store/port.ts';
import type { Credential, Credentials } from './credentials.ts';
import type { Enrolment, Proof, UpstreamSubject, Who } from './proof.ts';
import { mailCutOff } from './user-admin.ts';

export interface UserRow {
  /** The spelling that was proved first; mail goes to this one (ML-65). */
  readonly address: string;
  readonly status: 'active' | 'blocked';
  readonly createdAt: number;
  /** When this user was last disabled, enabled or given another password, ms: what was proved until then signs nobody in. */
  readonly changedAt?: number;
  /** The address came from elsewhere and nobody has proved it here: it signs nobody in by itself (AC-01). */
  readonly unproven?: true | undefined;
  /** Came from another system and has not proved the mailbox here: an import may finish what it began. */
  readonly imported?: true | undefined;
  /** When the mailbox was first proved: of what was attached before, only `except` lives on (AC-01, AC-03). */
  readonly cleared?: { readonly at: number; readonly except?: string | undefined } | undefined;
  /** SHA-256 of the `known` cookies of the last browsers that signed in, newest last. */
  readonly known: readonly string[];
}

export type SignIn =
  | {
      readonly outcome: 'signed_in';
      readonly userId: string;
      readonly createdAt: number;
      readonly changes?: AccountChanges;
    }
  | { readonly outcome: 'refused'; readonly reason: 'sign_up_closed' | 'blocked' }
  /** The credential is no more: removed between its check and now. */
  | { readonly outcome: 'gone' }
  /** Nothing that was proved so far tells a mailbox: it has to be proved here first (AC-05). */
  | { readonly outcome: 'prove_mailbox'; readonly suggested: EmailAddress | undefined };

/** What one sign-in changed of an account besides: told in its events. */
export interface AccountChanges {
  /** Now linked to a person of this provider. */
  readonly linked?: string;
  readonly password?: 'set' | 'replaced';
  /** What was proved until then, ms, signs nobody in any more: by the old password, and not taken up yet. */
  readonly outdatedAt?: number;
  /** The mailbox was proved for the first time: so much that was attached before is gone. */
  readonly dropped?: number;
}

type SignedIn = Extract<SignIn, { outcome: 'signed_in' }>;

/** Browsers kept per user (design §2). */
const KNOWN_BROWSERS = 10;
const KIND = 'user';

export class Accounts {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #credentials: Credentials;

  constructor(store: Store, clock: Clock, credentials: Credentials) {
    this.#store = store;
    this.#clock = clock;
    this.#credentials = credentials;
  }

  async findById(app: AppId, id: string): Promise<(UserRow & { readonly id: string }) | undefined> {
    const row = await this.#store.records.find<UserRow>(app, KIND, id, this.#clock.now());
    return row && row.data.status === 'active' ? { ...row.data, id } : undefined;
  }

  /** By address key; blocked users too, because asking must not tell them apart (ML-53). */
  async findByAddress(
    app: AppId,
    address: EmailAddress,
  ): Promise<(UserRow & { readonly id: string }) | undefined> {
    const row = await this.#byKey(app, address.key);
    return row && { ...row.data, id: row.id };
  }

  /** When somebody first proved this mailbox here, ms; undefined while nobody has (AC-04). */
  async firstProvedAt(app: AppId, addressKey: string): Promise<number | undefined> {
    const user = (await this.#byKey(app, addressKey))?.data;
    return user && !user.unproven ? (user.cleared?.at ?? user.createdAt) : undefined;
  }

  /** Whether the user of this address signed in before in the browser with this hash of a `known` cookie. */
  async isKnownBrowser(app: AppId, addressKey: string, browser: string): Promise<boolean> {
    return (await this.#byKey(app, addressKey))?.data.known.includes(browser) ?? false;
  }

  /**
   * The user of this proof; made now if the app's sign-up policy admits the address. `browser` is the hash of the `known`
   * cookie that this browser gets: a new user knows it from the start.
   */
  async signIn(app: App, proof: Proof, browser: string): Promise<SignIn> {
    if (await this.#isOfTwo(app.id, proof)) return { outcome: 'gone' };
    const found = await this.#resolve(app, proof, browser);
    if (found.outcome !== 'signed_in') return found;
    const { claimed, enrols } = proof;
    let changes = found.changes;
    if (claimed?.by === 'upstream') {
      const linked = await this.#credentials.findUnique(app.id, 'upstream', uniqueOf(claimed));
      // Linked to somebody else since: whose it is, is not decided by a mailbox any more.
      if (linked ? linked.owner !== found.userId : !(await this.#link(app.id, claimed, found.userId)))
        return { outcome: 'gone' };
      if (!linked) changes = { ...changes, linked: claimed.provider };
    }
    if (enrols) {
      const owner = asUserId(found.userId);
      if (await this.#isOutdated(app.id, owner, proof, enrols)) return { outcome: 'gone' };
      // First: whatever a crash leaves undone, older proofs are dead before the new password lives.
      const outdatedAt = await this.#outdate(app.id, owner);
      changes = { ...changes, outdatedAt, password: await this.#enrol(app.id, enrols, owner) };
    }
    return changes ? { ...found, changes } : found;
  }

  /** A credential of one person and the mailbox of another: together they prove nothing of either (AC-20). */
  async #isOfTwo(app: AppId, { who, claimed }: Proof): Promise<boolean> {
    if (who.by !== 'mailbox' || claimed?.by !== 'credential') return false;
    const [user, credential] = await Promise.all([
      this.#byKey(app, who.address.key),
      this.#credentials.find(app, claimed.credentialId),
    ]);
    return user === undefined || user.id !== credential?.owner;
  }

  #resolve(app: App, { who, claimed }: Proof, browser: string): Promise<SignIn> {
    switch (who.by) {
      case 'mailbox': {
        const kept = claimed?.by === 'credential' ? claimed.credentialId : undefined;
        return this.#byMailbox(app, who.address, browser, kept);
      }
      case 'credential':
        return this.#byId(app, who.credentialId);
      case 'upstream':
        return this.#byUpstream(app, who, browser);
      default:
        return unreachable(who);
    }
  }

  /** Whose proof this is, if it is anybody's yet; makes nobody. */
  async ownerOf(app: AppId, who: Who): Promise<(UserRow & { readonly id: string }) | undefined> {
    if (who.by === 'mailbox') return this.findByAddress(app, who.address);
    const credential =
      who.by === 'credential'
        ? await this.#credentials.find(app, who.credentialId)
        : await this.#credentials.findUnique(app, 'upstream', uniqueOf(who));
    if (credential) return this.#find(app, credential.owner);
    const isTrusted = who.by === 'upstream' && who.isAddressTrusted;
    return isTrusted && who.address ? this.findByAddress(app, who.address) : undefined;
  }

  async #byId(app: App, credentialId: string): Promise<SignIn> {
    return this.#byCredential(app, await this.#credentials.find(app.id, credentialId));
  }

  async #byMailbox(app: App, address: EmailAddress, browser: string, kept?: string): Promise<SignIn> {
    const known = await this.#byKey(app.id, address.key);
    if (known?.data.status === 'blocked') return { outcome: 'refused', reason: 'blocked' };
    if (known?.data.unproven)
      return this.#firstProof(app, known, kept, () => this.#byMailbox(app, address, browser, kept));
    if (known) return { outcome: 'signed_in', userId: known.id, createdAt: known.data.createdAt };
    if (!maySignUp(app, address)) return { outcome: 'refused', reason: 'sign_up_closed' };
    const now = this.#clock.now();
    const data: UserRow = { address: address.address, status: 'active', createdAt: now, known: [browser] };
    try {
      const draft = { id: randomToken(), key: address.key, data };
      const row = await this.#store.records.insert<UserRow>(app.id, KIND, draft, now);
      return { outcome: 'signed_in', userId: row.id, createdAt: now };
    } catch (error) {
      // Another first sign-in of the same mailbox was faster: the same user for both (AC-12).
      if (!(error instanceof StoreConflict)) throw error;
      return this.#byMailbox(app, address, browser, kept);
    }
  }

  /**
   * One write makes the mailbox proved and everything dead that somebody attached before; what it leaves behind is removed
   * after it. `kept` was proved by the same person in the same breath.
   */
  async #firstProof(
    app: App,
    row: StoredRecord<UserRow>,
    kept: string | undefined,
    again: () => Promise<SignIn>,
  ): Promise<SignIn> {
    const now = this.#clock.now();
    const { unproven: _unproven, imported: _imported, ...rest } = row.data;
    const data: UserRow = { ...rest, known: [], cleared: { at: now, except: kept } };
    const written = await this.#store.records.replace(app.id, KIND, { ...row, data }, now);
    if (!written) return again();
    const attached = await this.#credentials.ofUser(app.id, asUserId(row.id));
    const dead = attached.filter(({ id }) => id !== kept);
    await Promise.all(dead.map((credential) => this.#credentials.remove(app.id, credential)));
    const signedIn = { outcome: 'signed_in', userId: row.id, createdAt: data.createdAt } as const;
    return { ...signedIn, changes: { dropped: dead.length } };
  }

  async #byCredential(app: App, credential: Credential | undefined): Promise<SignIn> {
    const owner = credential && (await this.#find(app.id, credential.owner));
    if (!credential || !owner || isCleared(owner, credential)) return { outcome: 'gone' };
    if (owner.status === 'blocked') return { outcome: 'refused', reason: 'blocked' };
    if (owner.unproven) return { outcome: 'prove_mailbox', suggested: parseEmailAddress(owner.address) };
    return { outcome: 'signed_in', userId: owner.id, createdAt: owner.createdAt };
  }

  async #byUpstream(app: App, subject: UpstreamSubject, browser: string): Promise<SignIn> {
    const linked = await this.#credentials.findUnique(app.id, 'upstream', uniqueOf(subject));
    if (linked) return this.#byCredential(app, linked);
    if (!subject.address || !subject.isAddressTrusted)
      return { outcome: 'prove_mailbox', suggested: subject.address };
    const signedIn = await this.#byMailbox(app, subject.address, browser);
    if (signedIn.outcome !== 'signed_in') return signedIn;
    return this.#linked(app, subject, signedIn, browser);
  }

  async #linked(app: App, subject: UpstreamSubject, signedIn: SignedIn, browser: string): Promise<SignIn> {
    if (!(await this.#link(app.id, subject, signedIn.userId))) return this.#byUpstream(app, subject, browser);
    return { ...signedIn, changes: { ...signedIn.changes, linked: subject.provider } };
  }

  /**
   * The account was changed after this was proved: by its owner, whose mailbox somebody else had for a moment (AC-14). The
   * same act may be repeated, because its answer may have been lost.
   */
  async #isOutdated(app: AppId, owner: UserId, { factors }: Proof, enrols: Enrolment): Promise<boolean> {
    const user = await this.#find(app, owner);
    if ((user?.changedAt ?? -1) < factors[0].at) return false;
    const present = await this.#credentials.findUnique(app, enrols.kind, [owner]);
    return present?.material.act !== enrols.act;
  }

  /** Everybody has one of it: a new one takes the place of the old. */
  async #enrol(app: AppId, enrols: Enrolment, owner: UserId): Promise<'set' | 'replaced'> {
    const { kind, label, act } = enrols;
    const material = { ...enrols.material, act };
    const [user, found] = await Promise.all([
      this.#find(app, owner),
      this.#credentials.findUnique(app, kind, [owner]),
    ]);
    // Left behind by a first proof that was broken off: in its place the new one would be as dead.
    const isDead = found !== undefined && user !== undefined && isCleared(user, found);
    if (isDead) await this.#credentials.remove(app, found);
    const before = isDead ? undefined : found;
    const written = before
      ? await this.#credentials.replace(app, before, { material, label })
      : await this.#credentials.insert(app, { kind, label, material, owner, unique: [owner] });
    if (!written) return this.#enrol(app, enrols, owner);
    return before ? 'replaced' : 'set';
  }

  /** The engine asks anew whoever proved something before this moment and has no session yet (AC-14). */
  async #outdate(app: AppId, userId: string): Promise<number> {
    const now = this.#clock.now();
    const row = await this.#store.records.find<UserRow>(app, KIND, userId, now);
    if (!row) return now;
    const next = { ...row, data: { ...row.data, changedAt: now } };
    return (await this.#store.records.replace(app, KIND, next, now)) ? now : this.#outdate(app, userId);
  }

  /**
   * The one credential of this kind of whoever has this address, for a method that verifies it. As many reads for an
   * address that nobody has (ML-54).
   */
  async credentialOf(
    app: AppId,
    address: EmailAddress,
    kind: Enrolment['kind'],
  ): Promise<Credential | undefined> {
    const user = await this.#byKey(app, address.key);
    const credential = await this.#credentials.findUnique(app, kind, [user?.id ?? NOBODY]);
    return user && credential && !isCleared(user.data, credential) ? credential : undefined;
  }

  /** False when the subject was linked meanwhile: whose it is then has to be read anew. */
  async #link(app: AppId, subject: UpstreamSubject, userId: string): Promise<boolean> {
    const { provider, issuer, claims, providerName } = subject;
    const made = await this.#credentials.insert(app, {
      kind: 'upstream',
      owner: asUserId(userId),
      unique: uniqueOf(subject),
      label: providerName,
      material: { provider, issuer, subject: subject.subject, claims },
    });
    return made !== undefined;
  }

  /** When mails to this address were last cut off, because its user was disabled or removed, ms; -1 when they were not. */
  mailCutOff(app: AppId, addressKey: string): Promise<number> {
    return mailCutOff(this.#store, app, addressKey, this.#clock.now());
  }

  /** Remembers a browser by the hash of its `known` cookie; the eleventh displaces the oldest. */
  async rememberBrowser(app: AppId, userId: string, browser: string): Promise<void> {
    const now = this.#clock.now();
    const row = await this.#store.records.find<UserRow>(app, KIND, userId, now);
    if (!row || row.data.known.includes(browser)) return;
    const known = [...row.data.known, browser].slice(-KNOWN_BROWSERS);
    const written = await this.#store.records.replace(
      app,
      KIND,
      { ...row, data: { ...row.data, known } },
      now,
    );
    if (!written) await this.rememberBrowser(app, userId, browser);
  }

  async #find(app: AppId, id: string): Promise<(UserRow & { readonly id: string }) | undefined> {
    const row = await this.#store.records.find<UserRow>(app, KIND, id, this.#clock.now());
    return row && { ...row.data, id };
  }

  #byKey(app: AppId, key: string): Promise<StoredRecord<UserRow> | undefined> {
    return this.#store.records.findByKey<UserRow>(app, KIND, key, this.#clock.now());
  }
}

/** No user id has this form. */
const NOBODY = 'nobody';

/** An import that was under way while the mailbox was proved may write its password later. */
const isCleared = ({ cleared }: UserRow, { id, createdAt, material }: Credential): boolean =>
  cleared !== undefined && id !== cleared.except && (createdAt < cleared.at || material.imported === true);

/** By provider, issuer and subject: another issuer with the same subject is somebody else (AC-06). */
const uniqueOf = ({ provider, issuer, subject }: UpstreamSubject): readonly string[] => [
  provider,
  issuer,
  subject,
];

/** Id and time of the event of a new user: the same for the request that made it and for a repair after a crash. */
export const userCreated = (userId: string, at: number): { readonly id: string; readonly at: number } => ({
  id: eventIdOf(at, userId, 'user.created'),
  at,
});

function maySignUp(app: App, address: EmailAddress): boolean {
  const policy = app.settings.sign_up;
  if (policy === 'open') return true;
  if (policy === 'invited') return false;
  return policy.domains.includes(address.domain);
}
