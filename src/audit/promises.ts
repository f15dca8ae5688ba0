/**
 * Promises of events: for acts on rows that nobody looks at again by themselves, such as the tombstone of a Grant.
 *
 * The order is promise, act, event. The act writes the event's id into its own row; whoever finds the promise after a crash
 * looks there. No id, no act: then nothing happened and nothing is written down. A loser of the race for the act finds
 * another id there, and drops its promise.
 */
import { type Clock, HOUR, MINUTE, SECOND } from '../core/clock.ts';
import type { AppId } from '../core/ids.ts';
import { type Store, StoreConflict, TOMBSTONE } from '../store/port.ts';
import type { AuditEntry } from './events.ts';

const KIND = 'audit_promise';
/** Longer than any act takes; whoever is alive keeps its promise itself. */
const LOOK_AFTER = 10 * SECOND;
const LOOK_AGAIN_AFTER = MINUTE;
/** No process is paused for so long and then goes on with the act: requests are cut off long before. */
const GIVE_UP_AFTER = HOUR;

/** Where the act is to be seen. */
export type Proof =
  /** `event` in the tombstone of this artifact. */
  | { readonly tombstoneOf: string; readonly id: string }
  /** `event` in the data of this record; or one of `events`, where one act may follow another before anybody looks. */
  | { readonly record: string; readonly id: string };

export type KnownEntry = AuditEntry & { readonly id: string };

interface PromiseRow {
  readonly entry: KnownEntry;
  readonly proof: Proof;
  readonly madeAt: number;
}

export class Promises {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #record: (app: AppId, entry: AuditEntry) => Promise<unknown>;

  constructor(store: Store, clock: Clock, record: (app: AppId, entry: AuditEntry) => Promise<unknown>) {
    this.#store = store;
    this.#clock = clock;
    this.#record = record;
  }

  async make(app: AppId, entry: KnownEntry, proof: Proof): Promise<void> {
    const now = this.#clock.now();
    const data: PromiseRow = { entry, proof, madeAt: now };
    const draft = { id: entry.id, data, dueAt: now + LOOK_AFTER, expiresAt: now + 2 * GIVE_UP_AFTER };
    try {
      await this.#store.records.insert(app, KIND, draft, now);
    } catch (error) {
      // The same act at the same moment, in another process: one promise is enough.
      if (!(error instanceof StoreConflict)) throw error;
    }
  }

  async keep(app: AppId, entry: KnownEntry): Promise<void> {
    await this.#record(app, entry);
    await this.#store.records.remove(app, KIND, entry.id);
  }

  async keepDue(limit: number): Promise<void> {
    const now = this.#clock.now();
    for (const { scope, ...row } of await this.#store.records.due<PromiseRow>(KIND, now, limit)) {
      const app = scope as AppId; // promises are never made in the system scope
      const { entry, proof, madeAt } = row.data;
      const event = await this.#eventIn(app, proof, entry.id);
      if (event === entry.id) await this.keep(app, entry);
      else if (event !== undefined || now - madeAt > GIVE_UP_AFTER) {
        await this.#store.records.remove(app, KIND, row.id);
      } else {
        const next = { ...row, dueAt: now + LOOK_AGAIN_AFTER };
        await this.#store.records.replace(app, KIND, next, now);
      }
    }
  }

  /** Id of the event that the act names; undefined while it was not done. */
  async #eventIn(app: AppId, proof: Proof, expected: string): Promise<unknown> {
    const now = this.#clock.now();
    if ('record' in proof) {
      type Acted = { readonly event?: unknown; readonly events?: readonly string[] };
      const row = await this.#store.records.find<Acted>(app, proof.record, proof.id, now);
      return row?.data.events?.includes(expected) ? expected : row?.data.event;
    }
    const row = await this.#store.artifacts.find(app, proof.tombstoneOf, proof.id, now);
    return row?.marks[TOMBSTONE]?.event;
  }
}
