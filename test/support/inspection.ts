/** What a server left in its store, read through a second connection: for "exactly one session, exactly one code". */
import type { UserRow } from '../../src/accounts/accounts.ts';
import type { ChallengeRow } from '../../src/challenges/challenge.ts';
import type { AppId } from '../../src/core/ids.ts';
import type { ConsentRow } from '../../src/oidc/consent.ts';
import { openStore } from '../../src/store/open.ts';
import { type Artifact, type Store, type StoredRecord, TOMBSTONE } from '../../src/store/port.ts';
import type { Harness } from './harness.ts';

export class Inspection {
  readonly #store: Store;
  readonly #harness: Harness;

  private constructor(store: Store, harness: Harness) {
    this.#store = store;
    this.#harness = harness;
  }

  static async open(harness: Harness): Promise<Inspection> {
    const store = openStore(harness.config.storeUrl);
    await store.prepare();
    return new Inspection(store, harness);
  }

  /** Live sessions of a user. */
  async sessionsOf(userId: string, slug = 'shop'): Promise<number> {
    return (await this.#artifacts('Session', 'accountId', userId, slug)).length;
  }

  /** Authorization codes that were issued for a user, whether redeemed or not. */
  async codesOf(userId: string, slug = 'shop'): Promise<number> {
    const grants = await this.#artifacts('Grant', 'accountId', userId, slug);
    const codes = await Promise.all(
      grants.map(({ id }) => this.#artifacts('AuthorizationCode', 'grantId', id, slug)),
    );
    return codes.flat().length;
  }

  /** Grants of a user that were ended. */
  tombstones(userId: string, slug = 'shop'): Promise<number> {
    return this.#ended('Grant', userId, slug);
  }

  endedSessions(userId: string, slug = 'shop'): Promise<number> {
    return this.#ended('Session', userId, slug);
  }

  async #ended(model: string, userId: string, slug: string): Promise<number> {
    const now = this.#harness.clock.now();
    const found = await this.#store.artifacts.findBy(this.#app(slug), model, 'accountId', userId, now);
    return found.filter(({ marks }) => marks[TOMBSTONE] !== undefined).length;
  }

  users(slug = 'shop'): Promise<readonly StoredRecord<UserRow>[]> {
    return this.#records<UserRow>('user', slug);
  }

  async userOf(addressKey: string, slug = 'shop'): Promise<StoredRecord<UserRow> | undefined> {
    return (await this.users(slug)).find(({ key }) => key === addressKey);
  }

  /** What an operator will do to an account that must not sign in. */
  async block(addressKey: string, slug = 'shop'): Promise<void> {
    const row = await this.userOf(addressKey, slug);
    if (!row) throw new Error(`no user ${addressKey}`);
    const next = { ...row, data: { ...row.data, status: 'blocked' as const } };
    await this.#store.records.replace(this.#app(slug), 'user', next, this.#harness.clock.now());
  }

  async consentsOf(userId: string, slug = 'shop'): Promise<readonly ConsentRow[]> {
    const rows = await this.#records<ConsentRow>('consent', slug);
    return rows.map(({ data }) => data).filter((row) => row.userId === userId);
  }

  challenges(slug = 'shop'): Promise<readonly StoredRecord<ChallengeRow>[]> {
    return this.#records<ChallengeRow>('challenge', slug);
  }

  async statusOf(challengeId: string, slug = 'shop'): Promise<string | undefined> {
    return (await this.challenges(slug)).find(({ id }) => id === challengeId)?.data.status;
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #artifacts(
    model: string,
    index: 'accountId' | 'grantId',
    value: string,
    slug: string,
  ): Promise<readonly Artifact[]> {
    const now = this.#harness.clock.now();
    const found = await this.#store.artifacts.findBy(this.#app(slug), model, index, value, now);
    return found.filter(({ marks }) => marks[TOMBSTONE] === undefined);
  }

  #records<Data extends object>(kind: string, slug: string): Promise<readonly StoredRecord<Data>[]> {
    return this.#store.records.list<Data>(this.#app(slug), kind, { limit: 1000 }, this.#harness.clock.now());
  }

  #app(slug: string): AppId {
    const app = this.#harness.server.apps.bySlug(slug);
    if (!app) throw new Error(`no app ${slug}`);
    return app.id;
  }
}
