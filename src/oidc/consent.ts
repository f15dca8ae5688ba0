/**
 * Consent is a record of its own (user, client, scopes, host), apart from the Grants: each login's Grant is built from
 * it, so that the death of one token family ends that login only (design §4).
 *
 * Withdrawing counts up a number in the record before it ends what the client holds. A Grant remembers the number it was
 * built under, so that an authorization which read the consent before and stored its Grant after is worth nothing (OA-26).
 */
import type { AuditEntry } from '../audit/events.ts';
import type { Clock } from '../core/clock.ts';
import { hashOf } from '../core/hash.ts';
import { type AppId, asUserId } from '../core/ids.ts';
import { type Store, StoreConflict, type StoredRecord } from '../store/port.ts';
import type { Families } from './families.ts';

interface Allowed {
  readonly userId: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Host of the redirect URI that the person was shown; another host asks again (OA-49). */
  readonly host: string;
}

export interface ConsentRow extends Allowed {
  readonly at: number;
  /** How often it was withdrawn; absent in rows of before that could be done. */
  readonly withdrawals?: number;
}

export type ConsentView = Omit<ConsentRow, 'withdrawals'>;

export interface Granted {
  readonly scopes: readonly string[];
  readonly withdrawals: number;
}

export interface WithdrawalRequest {
  readonly userId: string;
  readonly clientId: string;
  readonly by: 'user' | 'operator';
}

export interface WithdrawalDeps {
  readonly families: Pick<Families, 'revokeAll'>;
  readonly record: (app: AppId, entry: AuditEntry) => Promise<unknown>;
}

export interface Withdrawal {
  /** Whether anything was allowed. */
  readonly withdrawn: boolean;
  /** Logins that were ended. */
  readonly ended: number;
}

const KIND = 'consent';
/** Of one user; the index is by user. */
const MAX_LIST = 1000;

export class Consents {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Scopes that the user has granted to this client at this host. */
  async granted(app: AppId, userId: string, clientId: string, host: string): Promise<Granted> {
    const row = await this.#find(app, userId, clientId);
    return {
      scopes: row?.data.host === host ? row.data.scopes : [],
      withdrawals: row?.data.withdrawals ?? 0,
    };
  }

  async withdrawals(app: AppId, userId: string, clientId: string): Promise<number> {
    return (await this.#find(app, userId, clientId))?.data.withdrawals ?? 0;
  }

  /** Adds scopes to what was granted before at the same host; another host starts anew. */
  async grant(app: AppId, allowed: Allowed): Promise<void> {
    const before = await this.#find(app, allowed.userId, allowed.clientId);
    const kept = before?.data.host === allowed.host ? before.data.scopes : [];
    const scopes = [...new Set([...kept, ...allowed.scopes])];
    const withdrawals = before?.data.withdrawals ?? 0;
    if (!(await this.#write(app, before, { ...allowed, scopes, at: this.#clock.now(), withdrawals })))
      await this.grant(app, allowed);
  }

  /** What a user allows at present, by client. */
  async list(app: AppId, userId: string): Promise<readonly ConsentView[]> {
    const rows = await this.#rowsOf(app, userId);
    return rows
      .map(({ data: { withdrawals: _, ...view } }) => view)
      .filter(({ scopes }) => scopes.length > 0);
  }

  /** Withdraws everything from one client and ends what it holds of this user, `offline_access` included. */
  async withdraw(app: AppId, request: WithdrawalRequest, ends: WithdrawalDeps): Promise<Withdrawal> {
    const { userId, clientId, by } = request;
    const before = await this.#find(app, userId, clientId);
    const withdrawn = (before?.data.scopes.length ?? 0) > 0;
    if (before) {
      const withdrawals = (before.data.withdrawals ?? 0) + 1;
      const at = this.#clock.now();
      if (!(await this.#write(app, before, { ...before.data, scopes: [], at, withdrawals })))
        return this.withdraw(app, request, ends);
    }
    const ended = await ends.families.revokeAll({ userId, clientId }, 'consent_withdrawn');
    if (withdrawn) {
      await ends.record(app, { type: 'consent.withdrawn', clientId, userId: asUserId(userId), by });
    }
    return { withdrawn, ended };
  }

  /** For a user who is removed: nothing of it can be asked for again. */
  async forget(app: AppId, userId: string): Promise<void> {
    const rows = await this.#rowsOf(app, userId);
    await Promise.all(rows.map(({ id }) => this.#store.records.remove(app, KIND, id)));
    if (rows.length === MAX_LIST) await this.forget(app, userId);
  }

  #rowsOf(app: AppId, userId: string): Promise<readonly StoredRecord<ConsentRow>[]> {
    const query = { group: userId, limit: MAX_LIST };
    return this.#store.records.list<ConsentRow>(app, KIND, query, this.#clock.now());
  }

  /** False when somebody else wrote it meanwhile. */
  async #write(app: AppId, before: StoredRecord<ConsentRow> | undefined, data: ConsentRow): Promise<boolean> {
    const now = this.#clock.now();
    if (before) return (await this.#store.records.replace(app, KIND, { ...before, data }, now)) !== undefined;
    try {
      const id = consentId(data.userId, data.clientId);
      await this.#store.records.insert<ConsentRow>(app, KIND, { id, group: data.userId, data }, now);
      return true;
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
      return false;
    }
  }

  #find(app: AppId, userId: string, clientId: string): Promise<StoredRecord<ConsentRow> | undefined> {
    return this.#store.records.find<ConsentRow>(app, KIND, consentId(userId, clientId), this.#clock.now());
  }
}

const consentId = (userId: string, clientId: string): string => hashOf('consent', userId, clientId);
