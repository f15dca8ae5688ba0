/**
 * Users of an app: turns the proof of a mailbox into one user. One per mailbox and app, made at first proof.
 *
 * Owns what a user is and who may become one. Does not own how a proof came about.
 */
import type { App } from '../apps/apps.ts';
import type { Clock } from '../core/clock.ts';
import type { EmailAddress } from '../core/email-address.ts';
import { eventIdOf } from '../core/event-id.ts';
import type { AppId } from '../core/ids.ts';
import { randomToken } from '../core/random.ts';
import { type Store, StoreConflict, type StoredRecord } from '../store/port.ts';
import { mailCutOff } from './user-admin.ts';

export interface UserRow {
  /** The spelling that was proved first; mail goes to this one (ML-65). */
  readonly address: string;
  readonly status: 'active' | 'blocked';
  readonly createdAt: number;
  /** When an operator last disabled or enabled this user, ms: what was proved until then signs nobody in. */
  readonly changedAt?: number;
  /** SHA-256 of the `known` cookies of the last browsers that signed in, newest last. */
  readonly known: readonly string[];
}

/** What a method established: control of a mailbox, in a browser. */
export interface Proof {
  readonly method: 'magic_link';
  readonly address: EmailAddress;
}

export type SignIn =
  | { readonly outcome: 'signed_in'; readonly userId: string; readonly createdAt: number }
  | { readonly outcome: 'refused'; readonly reason: 'sign_up_closed' | 'blocked' };

/** Browsers kept per user (design §2). */
const KNOWN_BROWSERS = 10;
const KIND = 'user';

export class Accounts {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
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

  /** Whether the user of this address signed in before in the browser with this hash of a `known` cookie. */
  async isKnownBrowser(app: AppId, addressKey: string, browser: string): Promise<boolean> {
    return (await this.#byKey(app, addressKey))?.data.known.includes(browser) ?? false;
  }

  /**
   * The user of this proof; made now if the app's sign-up policy admits the address. `browser` is the hash of the `known`
   * cookie that this browser gets: a new user knows it from the start.
   */
  async signIn(app: App, proof: Proof, browser: string): Promise<SignIn> {
    const known = await this.#byKey(app.id, proof.address.key);
    if (known?.data.status === 'blocked') return { outcome: 'refused', reason: 'blocked' };
    if (known) return { outcome: 'signed_in', userId: known.id, createdAt: known.data.createdAt };
    if (!maySignUp(app, proof.address)) return { outcome: 'refused', reason: 'sign_up_closed' };
    const now = this.#clock.now();
    const data: UserRow = {
      address: proof.address.address,
      status: 'active',
      createdAt: now,
      known: [browser],
    };
    try {
      const row = await this.#store.records.insert<UserRow>(
        app.id,
        KIND,
        { id: randomToken(), key: proof.address.key, data },
        now,
      );
      return { outcome: 'signed_in', userId: row.id, createdAt: now };
    } catch (error) {
      // Another first sign-in of the same mailbox was faster: the same user for both (AC-12).
      if (!(error instanceof StoreConflict)) throw error;
      return this.signIn(app, proof, browser);
    }
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

  #byKey(app: AppId, key: string): Promise<StoredRecord<UserRow> | undefined> {
    return this.#store.records.findByKey<UserRow>(app, KIND, key, this.#clock.now());
  }
}

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
