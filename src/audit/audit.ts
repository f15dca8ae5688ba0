/**
 * The audit log: who signed in when, and how. Owns the rows of kind `audit`; append-only, hence no way to change or
 * remove an event here: retention is the row's expiry.
 *
 * An event that must not be lost by a crash is embedded in the row of the act and recorded from there, with its id:
 * recording it twice is harmless.
 */
import { type Clock, DAY } from '../core/clock.ts';
import { newEventId, timePrefix } from '../core/event-id.ts';
import type { AppId, UserId } from '../core/ids.ts';
import { type Store, StoreConflict } from '../store/port.ts';
import type { AuditEntry, AuditEvent } from './events.ts';

const KIND = 'audit';
const MAX_LIST = 1000;

export interface AuditQuery {
  /** Id of the last event already seen. */
  readonly after?: string;
  /** ms; events of this moment and later, when there is no `after`. */
  readonly since?: number;
  /** Only events that name this user. */
  readonly userId?: UserId;
  /** 1 to 1000. */
  readonly limit: number;
}

export interface Audit {
  /** Writes the event unless one of this id is there. Gives its id, for logs. */
  record(app: AppId, entry: AuditEntry): Promise<string>;
  /** Oldest first. */
  list(app: AppId, query: AuditQuery): Promise<readonly AuditEvent[]>;
}

export function createAudit(options: {
  readonly store: Store;
  readonly clock: Clock;
  /** How long events are kept, ms; 400 days unless given, so that a yearly review finds the whole year. */
  readonly retention?: number;
  /** Told of every event that is written for the first time. */
  readonly onEvent?: (app: AppId, event: AuditEvent) => void;
}): Audit {
  const { clock, retention = 400 * DAY, onEvent } = options;
  const { records } = options.store;

  return {
    async record(app, entry) {
      const now = clock.now();
      const at = entry.at ?? now;
      const id = entry.id ?? newEventId(at);
      const event: AuditEvent = { ...entry, id, at, app };
      try {
        const draft = { id, data: event, group: entry.userId, expiresAt: at + retention };
        await records.insert(app, KIND, draft, now);
        onEvent?.(app, event);
      } catch (thrown) {
        if (!(thrown instanceof StoreConflict)) throw thrown;
      }
      return id;
    },

    async list(app, { after, since, userId, limit }) {
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
      return rows.map((row) => row.data);
    },
  };
}
