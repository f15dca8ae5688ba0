/**
 * Consent is a record of its own (user, client, scopes, host), apart from the Grants: each login's Grant is built from
 * it, so that the death of one token family ends that login only (design §4).
 *
 * Withdrawing counts up a number in the record before it ends what the client holds. A Grant remembers the number it was
 * built under, so that an authorization which read the consent before and stored its Grant after is worth nothing (OA-26).
 */
import type { Audit } from '../audit/audit.ts';
import type { AuditSubject } from '../audit/events.ts';
import type { Clock } from '../core/clock.ts';
import { newEventId } from '../core/event-id.ts';
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
  /** Ids of the last events about it: a promise of one is kept if the id stands here (AD-10). */
  readonly events?: readonly string[];
}

export type ConsentView = Omit<ConsentRow, 'withdrawals' | 'events'>;

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
  readonly audit: ActLog;
}

/** A row of this kind is not looked at again by itself: its events are promised before the act (ADR 29). */
export type ActLog = Pick<Audit, 'promise' | 'keep'>;

export interface Withdrawal {
  /** Whether anything was allowed. */
  readonly withdrawn: boolean;
  /** Logins that were ended. */
  readonly ended: number;
}

const KIND = 'consent';
/** Of one user; the index is by user. */
const MAX_LIST = 1000;
/** More than there are acts on one consent within the seconds that a promise waits for its proof. */
const KEPT_EVENTS = 8;

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
  async grant(app: AppId, allowed: Allowed, audit: ActLog, origin: AuditSubject = {}): Promise<void> {
    const { userId, clientId } = allowed;
    const at = this.#clock.now();
    const entry = {
      ...origin,
      type: 'consent.granted',
      id: newEventId(at),
      at,
      clientId,
      userId: asUserId(userId),
      scopes: allowed.scopes,
    } as const;
    await audit.promise(app, entry, { record: KIND, id: consentId(userId, clientId) });
    for (;;) {
      const before = await this.#find(app, userId, clientId);
      const kept = before?.data.host === allowed.host ? before.data.scopes : [];
      const scopes = [...new Set([...kept, ...allowed.scopes])];
      const withdrawals = before?.data.withdrawals ?? 0;
      const data = { ...allowed, scopes, at, withdrawals, events: eventsWith(before, entry.id) };
      if (await this.#write(app, before, data)) break;
    }
    await audit.keep(app, entry);
  }

  /** What a user allows at present, by client. */
  async list(app: AppId, userId: string): Promise<readonly ConsentView[]> {
    const rows = await this.#rowsOf(app, userId);
    return rows
      .map(({ data: { withdrawals: _, events: __, ...view } }) => view)
      .filter(({ scopes }) => scopes.length > 0);
  }

  /** Withdraws everything from one client and ends what it holds of this user, `offline_access` included. */
  async withdraw(app: AppId, request: WithdrawalRequest, ends: WithdrawalDeps): Promise<Withdrawal> {
    const { userId, clientId, by } = request;
    const before = await this.#find(app, userId, clientId);
    const withdrawn = (before?.data.scopes.length ?? 0) > 0;
    if (before) {
      const at = this.#clock.now();
      const entry = {
        type: 'consent.withdrawn',
        id: newEventId(at),
        at,
        clientId,
        userId: asUserId(userId),
        by,
      } as const;
      if (withdrawn) await ends.audit.promise(app, entry, { record: KIND, id: before.id });
      const withdrawals = (before.data.withdrawals ?? 0) + 1;
      const events = withdrawn ? eventsWith(before, entry.id) : (before.data.events ?? []);
      if (!(await this.#write(app, before, { ...before.data, scopes: [], at, withdrawals, events })))
        return this.withdraw(app, request, ends);
      if (withdrawn) await ends.audit.keep(app, entry);
    }
    const ended = await ends.families.revokeAll({ userId, clientId }, 'consent_withdrawn');
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

const eventsWith = (before: StoredRecord<ConsentRow> | undefined, id: string): readonly string[] => [
  ...(before?.data.events ?? []).slice(1 - KEPT_EVENTS),
  id,
];
