/**
 * What an operator does to a user: disable, enable, remove (AC-21). Each is repeated safely after a crash.
 *
 * The status comes first, because everything that signs in or renews reads it: from that write on nothing new is given,
 * at any process. Then what was given ends. Does not own sessions, tokens or consents: `app.ts` and the commands pass in
 * what ends them.
 */
import type { App } from '../apps/apps.ts';
import type { Audit } from '../audit/audit.ts';
import { type Clock, MINUTE } from '../core/clock.ts';
import { hashOf } from '../core/hash.ts';
import { type AppId, asUserId } from '../core/ids.ts';
import { type Store, StoreConflict, type StoredRecord } from '../store/port.ts';
import type { UserRow } from './accounts.ts';

export interface UserAdminDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Pick<Audit, 'record'>;
  /** Ends every session and everything that was given to this user, on every device. */
  endAll(app: App, userId: string, reason: 'user_disabled' | 'user_removed'): Promise<void>;
  /** Forgets passwords, passkeys and links to other providers. */
  forgetCredentials(app: App, userId: string): Promise<void>;
  /** Forgets what this user allowed to clients. */
  forgetConsents(app: App, userId: string): Promise<void>;
}

export interface UserView {
  readonly id: string;
  readonly address: string;
  readonly status: UserRow['status'];
  /** ms */
  readonly createdAt: number;
}

const KIND = 'user';
const CUT_OFF = 'mail_cut_off';
/** Longer than any link, code or pass lives. */
const CUT_OFF_MS = 30 * MINUTE;

export class UserAdmin {
  readonly #deps: UserAdminDeps;

  constructor(deps: UserAdminDeps) {
    this.#deps = deps;
  }

  /** By ascending id, starting behind `after`. */
  async list(
    app: App,
    query: { readonly after?: string; readonly limit: number },
  ): Promise<readonly UserView[]> {
    const { store, clock } = this.#deps;
    return (await store.records.list<UserRow>(app.id, KIND, query, clock.now())).map(viewOf);
  }

  async find(app: App, userId: string): Promise<UserView | undefined> {
    const row = await this.#find(app.id, userId);
    return row && viewOf(row);
  }

  /** False when there is no such user. A user who is disabled already has what is left ended once more. */
  async disable(app: App, userId: string): Promise<boolean> {
    const changed = await this.#setStatus(app, userId, 'blocked');
    if (changed === undefined) return false;
    await this.#deps.endAll(app, userId, 'user_disabled');
    if (changed) await this.#deps.audit.record(app.id, { type: 'user.disabled', userId: asUserId(userId) });
    return true;
  }

  /** Signs nobody in: whatever was given before stays over. */
  async enable(app: App, userId: string): Promise<boolean> {
    // What an authorization under way stored while the user was being disabled must not come to life now.
    if ((await this.#find(app.id, userId))?.data.status === 'blocked')
      await this.#deps.endAll(app, userId, 'user_disabled');
    const changed = await this.#setStatus(app, userId, 'active');
    if (changed) await this.#deps.audit.record(app.id, { type: 'user.enabled', userId: asUserId(userId) });
    return changed !== undefined;
  }

  /** The address may sign up again and is then another user: ids are random and never given twice (OA-42). */
  async remove(app: App, userId: string): Promise<boolean> {
    if ((await this.#setStatus(app, userId, 'blocked')) === undefined) return false;
    await this.#deps.endAll(app, userId, 'user_removed');
    await this.#deps.forgetCredentials(app, userId);
    await this.#deps.forgetConsents(app, userId);
    if (!(await this.#deps.store.records.remove(app.id, KIND, userId))) return false;
    await this.#deps.audit.record(app.id, { type: 'user.removed', userId: asUserId(userId) });
    return true;
  }

  /** Whether it changed; undefined when there is no such user. */
  async #setStatus(app: App, userId: string, status: UserRow['status']): Promise<boolean | undefined> {
    const row = await this.#find(app.id, userId);
    if (!row) return undefined;
    if (status === 'blocked' && row.key !== undefined) await this.#cutOff(app.id, row.key);
    if (row.data.status === status) return false;
    const { store, clock } = this.#deps;
    const now = clock.now();
    const next = { ...row, data: { ...row.data, status, changedAt: now } };
    const written = await store.records.replace(app.id, KIND, next, now);
    return written ? true : this.#setStatus(app, userId, status);
  }

  /** Mails that are on their way sign nobody in any more, whatever becomes of the user. */
  async #cutOff(app: AppId, addressKey: string): Promise<void> {
    const { records } = this.#deps.store;
    const now = this.#deps.clock.now();
    const draft = { id: cutOffId(addressKey), data: { at: now }, expiresAt: now + CUT_OFF_MS };
    const before = await records.find<{ at: number }>(app, CUT_OFF, draft.id, now);
    try {
      if (!before) await records.insert(app, CUT_OFF, draft, now);
      else if (!(await records.replace(app, CUT_OFF, { ...before, ...draft }, now)))
        await this.#cutOff(app, addressKey);
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
      await this.#cutOff(app, addressKey);
    }
  }

  #find(app: AppId, userId: string): Promise<StoredRecord<UserRow> | undefined> {
    return this.#deps.store.records.find<UserRow>(app, KIND, userId, this.#deps.clock.now());
  }
}

/** When mails to this address were last cut off, ms; -1 when they were not. */
export async function mailCutOff(store: Store, app: AppId, addressKey: string, now: number): Promise<number> {
  const row = await store.records.find<{ at: number }>(app, CUT_OFF, cutOffId(addressKey), now);
  return row?.data.at ?? -1;
}

const cutOffId = (addressKey: string): string => hashOf('mail_cut_off', addressKey);

const viewOf = ({ id, data: { address, status, createdAt } }: StoredRecord<UserRow>): UserView => ({
  id,
  address,
  status,
  createdAt,
});
