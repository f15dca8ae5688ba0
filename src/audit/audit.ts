/**
 * The audit log: who signed in when, and how. Owns the rows of kind `audit`; append-only, hence no way to change or
 * remove an event here: retention is the row's expiry.
 *
 * What happened and what is written down must not come apart when a process dies (AD-10). Every act therefore carries its
 * event: in its own row (`challenges`, `key_set`, the result of an interaction), or, where the row has no room or nobody looks
 * at it again, as a promise (`promises.ts`) that is stored before the act. Whoever finds either after a crash records the
 * event from there; its id is derived from the act, so that recording it twice is harmless.
 */
import { type Clock, DAY } from '../core/clock.ts';
import { newEventId, timePrefix } from '../core/event-id.ts';
import type { AppId, UserId } from '../core/ids.ts';
import { type Log, silentLog } from '../lib/log.ts';
import { type Store, StoreConflict } from '../store/port.ts';
import type { AuditEntry, AuditEvent, AuditType } from './events.ts';
import { Promises, type Proof } from './promises.ts';

const KIND = 'audit';
const MAX_LIST = 1000;
/** So that a yearly review finds the whole year. */
const RETENTION = 400 * DAY;

export interface AuditQuery {
  /** Id of the last event already seen. */
  readonly after?: string;
  /** ms; events of this moment and later, when there is no `after`. */
  readonly since?: number;
  /** Only events that name this user. */
  readonly userId?: UserId;
  /** Only events of these types; fewer than `limit` may come back although there are more behind. */
  readonly types?: readonly AuditType[];
  /** 1 to 1000. */
  readonly limit: number;
}

export interface AuditPage {
  readonly events: readonly AuditEvent[];
  /** Id of the last event that was looked at, for `after`; undefined when there was none. */
  readonly last: string | undefined;
}

export interface Audit {
  /** Writes the event unless one of this id is there. Gives its id, for logs. */
  record(app: AppId, entry: AuditEntry): Promise<string>;
  /**
   * Before an act that cannot carry its event: if the act turns out to be done, the event will be recorded, by whatever
   * process is alive. `proof` says where the act is seen; the act has to write the entry's id there.
   */
  promise(app: AppId, entry: AuditEntry & { readonly id: string }, proof: Proof): Promise<void>;
  /** After the act: records the event and lets go of the promise. */
  keep(app: AppId, entry: AuditEntry & { readonly id: string }): Promise<void>;
  /** Keeps promises that nobody kept, because a process died. */
  keepDue(limit: number): Promise<void>;
  /** Oldest first. */
  list(app: AppId, query: AuditQuery): Promise<readonly AuditEvent[]>;
  page(app: AppId, query: AuditQuery): Promise<AuditPage>;
}

/** What an app says about its own log. */
export interface AuditSettings {
  /** ms */
  readonly retention: number;
  /** Whether every event also becomes a line of the log. */
  readonly log: boolean;
}

export function createAudit(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log?: Log;
  settingsOf?(app: AppId): AuditSettings | undefined;
  /** Told of every event that is written for the first time. */
  readonly onEvent?: (app: AppId, event: AuditEvent) => void;
}): Audit {
  const { clock, log = silentLog, onEvent } = options;
  const { records } = options.store;
  const settingsOf = (app: AppId): AuditSettings =>
    options.settingsOf?.(app) ?? { retention: RETENTION, log: false };

  async function record(app: AppId, entry: AuditEntry): Promise<string> {
    const now = clock.now();
    const at = entry.at ?? now;
    const id = entry.id ?? newEventId(at);
    const event: AuditEvent = { ...entry, id, at, app };
    const { retention, log: isLogged } = settingsOf(app);
    try {
      const draft = { id, data: event, group: entry.userId, expiresAt: at + retention };
      await records.insert(app, KIND, draft, now);
      onEvent?.(app, event);
      if (isLogged) log.info({ audit: event }, 'audit');
    } catch (thrown) {
      if (!(thrown instanceof StoreConflict)) throw thrown;
    }
    return id;
  }

  const promises = new Promises(options.store, clock, record);

  async function page(app: AppId, query: AuditQuery): Promise<AuditPage> {
    const { after, since, userId, types, limit } = query;
    // No id is a bare time prefix, and it sorts before all ids of its millisecond.
    const start = after ?? (since === undefined ? undefined : timePrefix(since));
    const rows = await records.list<AuditEvent>(
      app,
      KIND,
      {
        limit: Math.max(1, Math.min(limit, MAX_LIST)),
        ...(start === undefined ? {} : { after: start }),
        ...(userId === undefined ? {} : { group: userId }),
      },
      clock.now(),
    );
    const events = rows.map((row) => row.data);
    return {
      events: types === undefined ? events : events.filter(({ type }) => types.includes(type)),
      last: rows.at(-1)?.id,
    };
  }

  return {
    record,
    page,
    promise: (app, entry, proof) => promises.make(app, entry, proof),
    keep: (app, entry) => promises.keep(app, entry),
    keepDue: (limit) => promises.keepDue(limit),
    list: async (app, query) => (await page(app, query)).events,
  };
}
