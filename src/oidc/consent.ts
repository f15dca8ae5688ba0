/**
 * Consent is a record of its own (user, client, scopes, host), apart from the Grants: each login's Grant is built from
 * it, so that the death of one token family ends that login only (design §4).
 */

import type { Clock } from '../core/clock.ts';
import { hashOf } from '../core/hash.ts';
import type { AppId } from '../core/ids.ts';
import { type Store, StoreConflict } from '../store/port.ts';

export interface ConsentRow {
  readonly userId: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Host of the redirect URI that the person was shown; another host asks again (OA-49). */
  readonly host: string;
  readonly at: number;
}

export class Consents {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Scopes that the user has granted to this client at this host. */
  async granted(app: AppId, userId: string, clientId: string, host: string): Promise<readonly string[]> {
    const row = await this.#find(app, userId, clientId);
    return row?.data.host === host ? row.data.scopes : [];
  }

  /** Adds scopes to what was granted before at the same host; another host starts anew. */
  async grant(app: AppId, row: Omit<ConsentRow, 'at'>): Promise<void> {
    const now = this.#clock.now();
    const before = await this.#find(app, row.userId, row.clientId);
    const kept = before?.data.host === row.host ? before.data.scopes : [];
    const data: ConsentRow = { ...row, scopes: [...new Set([...kept, ...row.scopes])], at: now };
    if (before) {
      const written = await this.#store.records.replace(app, 'consent', { ...before, data }, now);
      if (!written) await this.grant(app, row);
      return;
    }
    try {
      const id = consentId(row.userId, row.clientId);
      await this.#store.records.insert<ConsentRow>(app, 'consent', { id, group: row.userId, data }, now);
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
      await this.grant(app, row);
    }
  }

  #find(app: AppId, userId: string, clientId: string) {
    return this.#store.records.find<ConsentRow>(
      app,
      'consent',
      consentId(userId, clientId),
      this.#clock.now(),
    );
  }
}

const consentId = (userId: string, clientId: string): string => hashOf('consent', userId, clientId);
