/**
 * Mailboxes of one app that get no mail, each with its reasons and their end. Owns the rows of kind `suppression`: the
 * address stands in them as HMAC (to find) and sealed (to show it masked, and to find it under a new master secret).
 *
 * Only what is proved to be about a mail of ours leads here: see `feedback.ts`. A stranger must not be able to cut
 * somebody off from mail, and who proves the mailbox again is let back in.
 */
import type { Audit } from '../audit/audit.ts';
import type { KnownEntry } from '../audit/promises.ts';
import { type Clock, DAY } from '../core/clock.ts';
import type { EmailAddress } from '../core/email-address.ts';
import { PosternError } from '../core/errors.ts';
import { eventIdOf } from '../core/event-id.ts';
import type { AppId } from '../core/ids.ts';
import type { Keyring } from '../core/keyring.ts';
import { mailboxHash } from '../core/mailbox-hash.ts';
import { maskedAddress } from '../core/masked-address.ts';
import { type Store, StoreConflict, type StoredRecord } from '../store/port.ts';

export const SUPPRESSION = 'suppression';

/** Strongest first: the one that is told when several hold. */
export const REASONS = ['operator', 'complained', 'bounced'] as const;
export type SuppressionReason = (typeof REASONS)[number];

export interface Suppression {
  readonly reason: SuppressionReason;
  /** ms */
  readonly since: number;
  /** ms; undefined: until somebody takes it back. */
  readonly until: number | undefined;
  /** What said so: name of a transport, `dsn` or `operator`. */
  readonly by: string;
  /** In the words of the provider, without addresses. */
  readonly detail: string | undefined;
}

/** What an app says: `mail.suppression`. */
export interface SuppressionSettings {
  /** ms */
  readonly bounced: number;
  /** ms */
  readonly complained: number;
  /** On how many days of fourteen a mailbox may refuse for the time being before it counts as gone; 0: never. */
  readonly soft_bounce_days: number;
}

type Entry = Omit<Suppression, 'reason' | 'until' | 'detail'> & {
  readonly until?: number | undefined;
  readonly detail?: string | undefined;
};

interface SuppressionRow {
  readonly keyVersion: string;
  /** `EmailAddress.key`, sealed (AAD = id of the row). */
  readonly address: string;
  readonly reasons: Readonly<Partial<Record<SuppressionReason, Entry>>>;
  /** Days (UTC, counted from 1970) with a bounce that may pass. */
  readonly softDays: readonly number[];
  /** When it was last taken back; what happened before that is told too late. */
  readonly clearedAt?: number | undefined;
  /** Ids of its newest audit events: whoever keeps a promise looks here (AD-10). */
  readonly events: readonly string[];
}

type Row = StoredRecord<SuppressionRow>;
type Change = Pick<SuppressionRow, 'reasons' | 'softDays' | 'clearedAt'>;

export interface Listed extends Suppression {
  /** For `after`. */
  readonly id: string;
  readonly maskedAddress: string;
}

export interface SuppressionDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  readonly audit: Pick<Audit, 'promise' | 'keep'>;
  settingsOf(app: AppId): SuppressionSettings | undefined;
}

export interface Cause {
  readonly by: string;
  readonly detail?: string | undefined;
  /** When it happened, ms; default: now. */
  readonly at?: number | undefined;
}

/** Bounces that may pass are forgotten after so many days, and an end made of them lasts as long. */
const SOFT_WINDOW_DAYS = 14;
/** Providers tell again for days what was not taken the first time. */
const CLEARED_KEPT = 30 * DAY;
const MAX_ATTEMPTS = 10;
const MAX_EVENTS = 8;
const MAX_DETAIL = 200;
const DEFAULTS: SuppressionSettings = { bounced: 90 * DAY, complained: 365 * DAY, soft_bounce_days: 5 };

export class Suppressions {
  readonly #deps: SuppressionDeps;

  constructor(deps: SuppressionDeps) {
    this.#deps = deps;
  }

  /** Why this mailbox gets no mail of this app now; undefined when it does. */
  async find(app: AppId, address: EmailAddress): Promise<Suppression | undefined> {
    const row = await this.#rowOf(app, address);
    return row && strongest(row.data, this.#deps.clock.now());
  }

  /** True when the mailbox had not been held back for this reason; a later end replaces an earlier one. */
  async add(
    app: AppId,
    address: EmailAddress,
    { reason, by, detail, at }: Cause & { readonly reason: SuppressionReason },
  ): Promise<boolean> {
    const now = this.#deps.clock.now();
    const until = this.#untilOf(app, reason, now);
    return this.#change(app, address, ({ reasons, softDays, clearedAt }) => {
      if (reason !== 'operator' && at !== undefined && at <= (clearedAt ?? 0)) return undefined;
      const known = reasons[reason];
      const isNew = known === undefined || isOver(known, now);
      // Told again within the day: nothing new, and nothing for twenty callers to race for.
      if (!isNew && (until ?? now) - (known.until ?? now) < DAY) return undefined;
      const entry = { since: isNew ? now : known.since, until, by, detail: detail?.slice(0, MAX_DETAIL) };
      const change = { reasons: { ...reasons, [reason]: entry }, softDays, clearedAt };
      return { change, ...(isNew ? { event: { type: 'mail.suppressed', reason, by, until } as const } : {}) };
    });
  }

  /** A bounce that may pass. Suppresses nobody by itself; on enough days of fourteen it does (see the settings). */
  async softBounce(app: AppId, address: EmailAddress, { by, detail, at }: Cause): Promise<boolean> {
    const now = this.#deps.clock.now();
    const { soft_bounce_days: max } = this.#settings(app);
    if (max === 0) return false;
    return this.#change(app, address, ({ reasons, softDays, clearedAt }) => {
      if (at !== undefined && at <= (clearedAt ?? 0)) return undefined;
      const today = dayOf(at ?? now);
      const days = [...new Set([...softDays, today])].filter((day) => dayOf(now) - day < SOFT_WINDOW_DAYS);
      const { bounced } = reasons;
      const isTold = bounced !== undefined && !isOver(bounced, now);
      if (days.length < max || isTold) return { change: { reasons, softDays: days, clearedAt } };
      const until = now + SOFT_WINDOW_DAYS * DAY;
      const entry = { since: now, until, by, detail: detail?.slice(0, MAX_DETAIL) };
      const change = { reasons: { ...reasons, bounced: entry }, softDays: [], clearedAt };
      return { change, event: { type: 'mail.suppressed', reason: 'bounced', by, until } };
    });
  }

  /** The mailbox took a mail: refusals of the days before have passed. */
  async delivered(app: AppId, address: EmailAddress): Promise<void> {
    const row = await this.#rowOf(app, address);
    if (!row || row.data.softDays.length === 0) return;
    await this.#change(app, address, (data) => ({ change: { ...data, softDays: [] } }));
  }

  /** Somebody read a mail of ours there: a bounce is over. A complaint and the operator's word stand. */
  async proved(app: AppId, address: EmailAddress): Promise<boolean> {
    const row = await this.#rowOf(app, address);
    if (!row || (row.data.reasons.bounced === undefined && row.data.softDays.length === 0)) return false;
    return this.#clear(app, address, ['bounced'], 'proof');
  }

  /** The operator takes all of it back; false when there was nothing. */
  async remove(app: AppId, address: EmailAddress): Promise<boolean> {
    return (await this.#rowOf(app, address)) ? this.#clear(app, address, REASONS, 'operator') : false;
  }

  /** Mailboxes that get no mail now, by id; `last` is behind what to go on. */
  async list(
    app: AppId,
    { after, limit }: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<{ readonly found: readonly Listed[]; readonly last: string | undefined }> {
    const now = this.#deps.clock.now();
    const query = { limit, ...(after === undefined ? {} : { after }) };
    const rows = await this.#deps.store.records.list<SuppressionRow>(app, SUPPRESSION, query, now);
    const found = rows.flatMap((row): Listed[] => {
      const held = strongest(row.data, now);
      if (!held) return [];
      return [{ ...held, id: row.id, maskedAddress: maskedAddress(this.#addressOf(app, row)) }];
    });
    return { found, last: rows.length < limit ? undefined : rows.at(-1)?.id };
  }

  /** Names the rows under the newest master secret; gives how many were written anew. Servers may run meanwhile. */
  async reseal(app: AppId): Promise<number> {
    const { store, keyring, clock } = this.#deps;
    let done = 0;
    let after: string | undefined;
    for (;;) {
      const query = { limit: 100, ...(after === undefined ? {} : { after }) };
      const rows = await store.records.list<SuppressionRow>(app, SUPPRESSION, query, clock.now());
      for (const row of rows) {
        if (row.data.keyVersion === keyring.current) continue;
        const address = this.#addressOf(app, row);
        const id = this.#idOf(app, address, keyring.current);
        const data = { ...row.data, ...this.#naming(app, id, address) };
        try {
          await store.records.insert(app, SUPPRESSION, { ...row, id, data }, clock.now());
        } catch (error) {
          // Written under both: the newer one stands.
          if (!(error instanceof StoreConflict)) throw error;
        }
        await store.records.remove(app, SUPPRESSION, row.id);
        done += 1;
      }
      after = rows.at(-1)?.id;
      if (rows.length < query.limit) return done;
    }
  }

  #clear(
    app: AppId,
    address: EmailAddress,
    taken: readonly SuppressionReason[],
    by: 'operator' | 'proof',
  ): Promise<boolean> {
    const now = this.#deps.clock.now();
    return this.#change(app, address, ({ reasons }) => {
      const gone = taken.filter((reason) => reasons[reason] && !isOver(reasons[reason], now));
      const kept = Object.fromEntries(
        Object.entries(reasons).filter(([reason]) => !taken.some((one) => one === reason)),
      );
      const change = { reasons: kept, softDays: [], clearedAt: now };
      return gone.length === 0
        ? { change }
        : { change, event: { type: 'mail.unsuppressed', reasons: gone, by } as const };
    });
  }

  /** Compare-and-set with its event; gives whether there was one. `step` says undefined when nothing is to be done. */
  async #change(
    app: AppId,
    address: EmailAddress,
    step: (data: Change) => { readonly change: Change; readonly event?: SuppressionEvent } | undefined,
  ): Promise<boolean> {
    const { store, keyring, clock, audit } = this.#deps;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const now = clock.now();
      const row = await this.#rowOf(app, address);
      const next = step(row?.data ?? { reasons: {}, softDays: [] });
      if (!next) return false;
      const id = row?.id ?? this.#idOf(app, address.key, keyring.current);
      const entry: KnownEntry | undefined = next.event && {
        ...next.event,
        id: eventIdOf(now, id, next.event.type),
        at: now,
        mailbox: mailboxHash(keyring, address),
      };
      if (entry) await audit.promise(app, entry, { record: SUPPRESSION, id });
      const data: SuppressionRow = {
        ...(row?.data ?? this.#naming(app, id, address.key)),
        ...next.change,
        events: [...(row?.data.events ?? []), ...(entry ? [entry.id] : [])].slice(-MAX_EVENTS),
      };
      const draft = { id, data, expiresAt: endOf(next.change, now) };
      const isWritten = row
        ? await store.records.replace(app, SUPPRESSION, { ...row, ...draft }, now)
        : await store.records.insert(app, SUPPRESSION, draft, now).catch(lost);
      if (!isWritten) continue;
      if (entry) await audit.keep(app, entry);
      return entry !== undefined;
    }
    throw new PosternError('unavailable', { detail: 'lost every race for a suppression' });
  }

  async #rowOf(app: AppId, address: EmailAddress): Promise<Row | undefined> {
    const { store, keyring, clock } = this.#deps;
    const rows = await Promise.all(
      keyring.versions.map((version) =>
        store.records.find<SuppressionRow>(
          app,
          SUPPRESSION,
          this.#idOf(app, address.key, version),
          clock.now(),
        ),
      ),
    );
    return rows.find((row) => row !== undefined);
  }

  #idOf(app: AppId, key: string, version: string): string {
    return this.#deps.keyring.mac(app, 'suppression', [key], version).toString('base64url');
  }

  #naming(app: AppId, id: string, key: string): Pick<SuppressionRow, 'keyVersion' | 'address'> {
    const { keyring } = this.#deps;
    return { keyVersion: keyring.current, address: keyring.seal(app, `${SUPPRESSION}:${id}`, key) };
  }

  #addressOf(app: AppId, row: Row): string {
    return this.#deps.keyring.open(app, `${SUPPRESSION}:${row.id}`, row.data.address);
  }

  #settings(app: AppId): SuppressionSettings {
    return this.#deps.settingsOf(app) ?? DEFAULTS;
  }

  #untilOf(app: AppId, reason: SuppressionReason, now: number): number | undefined {
    return reason === 'operator' ? undefined : now + this.#settings(app)[reason];
  }
}

type SuppressionEvent =
  | {
      readonly type: 'mail.suppressed';
      readonly reason: SuppressionReason;
      readonly by: string;
      readonly until: number | undefined;
    }
  | {
      readonly type: 'mail.unsuppressed';
      readonly reasons: readonly SuppressionReason[];
      readonly by: 'operator' | 'proof';
    };

const lost = (error: unknown): undefined => {
  if (error instanceof StoreConflict) return undefined;
  throw error;
};

const dayOf = (at: number): number => Math.floor(at / DAY);

const isOver = ({ until }: Entry, now: number): boolean => until !== undefined && until <= now;

function strongest({ reasons }: SuppressionRow, now: number): Suppression | undefined {
  for (const reason of REASONS) {
    const entry = reasons[reason];
    if (entry && !isOver(entry, now))
      return { reason, since: entry.since, until: entry.until, by: entry.by, detail: entry.detail };
  }
  return undefined;
}

/** Undefined while the operator's word stands: that has no end. */
function endOf({ reasons, softDays, clearedAt }: Change, now: number): number | undefined {
  if (reasons.operator) return undefined;
  const untils = REASONS.map((reason) => reasons[reason]?.until ?? 0);
  const soft = softDays.length === 0 ? 0 : now + SOFT_WINDOW_DAYS * DAY;
  return Math.max(...untils, soft, clearedAt === undefined ? 0 : clearedAt + CLEARED_KEPT, now + DAY);
}
