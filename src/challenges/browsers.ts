/**
 * The browser that asked. Challenges point to a browser's id; the row keeps the SHA-256 of its asking cookie, so that
 * replacing the cookie after a sign-in is one write and every open challenge follows (design §2).
 */
import { type Clock, DAY } from '../core/clock.ts';
import { hashOf } from '../core/hash.ts';
import type { AppId } from '../core/ids.ts';
import type { Keyring } from '../core/keyring.ts';
import { randomToken } from '../core/random.ts';
import { type Store, StoreConflict } from '../store/port.ts';

export const ASKING_COOKIE_MS = DAY;
const KIND = 'browser';

export interface AskingBrowser {
  readonly id: string;
  readonly cookie: string;
}

export class Browsers {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #keyring: Keyring;

  constructor(store: Store, clock: Clock, keyring: Keyring) {
    this.#store = store;
    this.#clock = clock;
    this.#keyring = keyring;
  }

  /** Id of the browser that holds this asking cookie. */
  async find(app: AppId, cookie: string | undefined): Promise<string | undefined> {
    if (cookie === undefined) return undefined;
    const row = await this.#store.records.findByKey(app, KIND, keyOf(cookie), this.#clock.now());
    return row?.id;
  }

  /**
   * A browser that has no asking cookie yet. Id and cookie are derived from `seed`, a random host-only cookie of the same
   * browser, so that two first forms sent at once (a double click) make one browser and not two.
   */
  async create(app: AppId, seed: string): Promise<AskingBrowser> {
    const derive = (label: string) => this.#keyring.mac(app, 'csrf', [label, seed]);
    const derived = {
      id: derive('asking-id').subarray(0, 16).toString('base64url'),
      cookie: derive('asking-cookie').toString('base64url'),
    };
    if (await this.#insert(app, derived)) return derived;
    const row = await this.#store.records.find(app, KIND, derived.id, this.#clock.now());
    if (row?.key === keyOf(derived.cookie)) return derived;
    // The cookie of that browser was replaced and lost since: a new one.
    const fresh = { id: randomToken(), cookie: randomToken(32) };
    await this.#insert(app, fresh);
    return fresh;
  }

  /** True when the row was about to expire and lives for another day: the cookie has to be set again. */
  async extend(app: AppId, id: string): Promise<boolean> {
    const now = this.#clock.now();
    const row = await this.#store.records.find(app, KIND, id, now);
    if (row?.expiresAt === undefined || row.expiresAt - now > ASKING_COOKIE_MS / 2) return false;
    const next = { ...row, expiresAt: now + ASKING_COOKIE_MS };
    return (await this.#store.records.replace(app, KIND, next, now)) !== undefined;
  }

  /** A fresh cookie for the same browser: whoever planted or saw the old one holds nothing (ML-43). */
  async replaceCookie(app: AppId, id: string): Promise<string | undefined> {
    const now = this.#clock.now();
    const row = await this.#store.records.find(app, KIND, id, now);
    if (!row) return undefined;
    const cookie = randomToken(32);
    const next = { ...row, key: keyOf(cookie), expiresAt: now + ASKING_COOKIE_MS };
    return (await this.#store.records.replace(app, KIND, next, now)) ? cookie : undefined;
  }

  /** False when there is a browser of this id. */
  async #insert(app: AppId, { id, cookie }: AskingBrowser): Promise<boolean> {
    const now = this.#clock.now();
    const row = { id, key: keyOf(cookie), data: {}, expiresAt: now + ASKING_COOKIE_MS };
    try {
      await this.#store.records.insert(app, KIND, row, now);
      return true;
    } catch (error) {
      if (error instanceof StoreConflict) return false;
      throw error;
    }
  }
}

const keyOf = (cookie: string): string => hashOf('asking', cookie);
