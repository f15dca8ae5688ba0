/**
 * What a user signs in with beside the mailbox: passwords, passkeys, links to other providers. One row each, of one owner,
 * unique within the app by what it is known by (credential id, provider and subject), changed by compare-and-set alone.
 *
 * Owns the rows. Does not own what is in them: `material` belongs to the method that made it, and is hashed or public.
 */
import type { Clock } from '../core/clock.ts';
import { hashOf } from '../core/hash.ts';
import type { AppId, UserId } from '../core/ids.ts';
import { asUserId } from '../core/ids.ts';
import { randomToken } from '../core/random.ts';
import { type JsonObject, type Store, StoreConflict, type StoredRecord } from '../store/port.ts';

export type CredentialKind = 'password' | 'passkey' | 'upstream' | 'phone' | 'otp' | 'recovery';

interface CredentialRow {
  readonly kind: CredentialKind;
  readonly owner: string;
  /** What the owner calls it, or sees it as. */
  readonly label: string;
  readonly createdAt: number;
  readonly lastUsedAt?: number | undefined;
  /** Hashed or public; never what signs anybody in as it stands. */
  readonly material: JsonObject;
  /** Ids of the events of the last acts on this row, for `audit.promise`. */
  readonly events?: readonly string[] | undefined;
}

export interface Credential {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly owner: UserId;
  readonly label: string;
  /** ms */
  readonly createdAt: number;
  readonly lastUsedAt: number | undefined;
  readonly material: JsonObject;
  readonly events: readonly string[];
  /** For the compare-and-set of `replace` and `remove`. */
  readonly version: number;
}

export interface CredentialDraft {
  /** When the caller has to know it before, for the event of the act; random otherwise. */
  readonly id?: string;
  readonly kind: CredentialKind;
  readonly owner: UserId;
  /** What no other credential of this kind in the app has: the credential id, provider and subject. Kept as a hash. */
  readonly unique: readonly string[];
  readonly label: string;
  readonly material: JsonObject;
  readonly events?: readonly string[];
}

export interface CredentialChange {
  readonly events?: readonly string[];
  readonly label?: string;
  readonly lastUsedAt?: number;
  readonly material?: JsonObject;
}

const KIND = 'credential';
/** Far more than anybody has; a bound for one list. */
const MAX_PER_USER = 200;

export class Credentials {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Undefined when another credential of this kind is known by the same: nothing was written (AC-18). */
  async insert(app: AppId, draft: CredentialDraft): Promise<Credential | undefined> {
    const now = this.#clock.now();
    const { unique, id = randomToken(), ...row } = draft;
    const data: CredentialRow = { ...row, createdAt: now };
    const record = { id, key: keyOf(draft.kind, unique), group: draft.owner, data };
    try {
      return credentialOf(await this.#store.records.insert<CredentialRow>(app, KIND, record, now));
    } catch (error) {
      if (error instanceof StoreConflict) return undefined;
      throw error;
    }
  }

  async find(app: AppId, id: string): Promise<Credential | undefined> {
    const row = await this.#store.records.find<CredentialRow>(app, KIND, id, this.#clock.now());
    return row && credentialOf(row);
  }

  async findUnique(
    app: AppId,
    kind: CredentialKind,
    unique: readonly string[],
  ): Promise<Credential | undefined> {
    const key = keyOf(kind, unique);
    const row = await this.#store.records.findByKey<CredentialRow>(app, KIND, key, this.#clock.now());
    return row && credentialOf(row);
  }

  /** Oldest first. */
  async ofUser(app: AppId, owner: UserId, kind?: CredentialKind): Promise<readonly Credential[]> {
    const query = { group: owner, limit: MAX_PER_USER };
    const rows = await this.#store.records.list<CredentialRow>(app, KIND, query, this.#clock.now());
    return rows
      .map(credentialOf)
      .filter((credential) => kind === undefined || credential.kind === kind)
      .sort((a, b) => a.createdAt - b.createdAt);
  }

  /** Some of an app, of whomever: for checks at the start. */
  async some(app: AppId, kind: CredentialKind): Promise<readonly Credential[]> {
    const rows = await this.#store.records.list<CredentialRow>(
      app,
      KIND,
      { limit: MAX_PER_USER },
      this.#clock.now(),
    );
    return rows.map(credentialOf).filter((credential) => credential.kind === kind);
  }

  /** Compare-and-set: undefined when it changed or went meanwhile. */
  async replace(
    app: AppId,
    credential: Credential,
    change: CredentialChange,
  ): Promise<Credential | undefined> {
    const now = this.#clock.now();
    const row = await this.#store.records.find<CredentialRow>(app, KIND, credential.id, now);
    if (row?.version !== credential.version) return undefined;
    const written = await this.#store.records.replace(
      app,
      KIND,
      { ...row, data: { ...row.data, ...change } },
      now,
    );
    return written && credentialOf(written);
  }

  /** True for the one caller that removed it. */
  remove(app: AppId, { id }: Pick<Credential, 'id'>): Promise<boolean> {
    return this.#store.records.remove(app, KIND, id);
  }

  /** All of one user, with the user's deletion. Repeated safely. */
  async forget(app: AppId, owner: UserId): Promise<void> {
    for (;;) {
      const found = await this.ofUser(app, owner);
      await Promise.all(found.map((credential) => this.remove(app, credential)));
      if (found.length < MAX_PER_USER) return;
    }
  }
}

const keyOf = (kind: CredentialKind, unique: readonly string[]): string =>
  hashOf('credential', kind, ...unique);

const credentialOf = ({ id, version, data }: StoredRecord<CredentialRow>): Credential => ({
  ...data,
  id,
  version,
  owner: asUserId(data.owner),
  lastUsedAt: data.lastUsedAt,
  events: data.events ?? [],
});
