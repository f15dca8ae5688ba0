/**
 * Changes of clients between two starts, for the audit log. Owns one row per app (kind `client_settings`) with a hash of every
 * setting of every client as it was last seen. The row changes by compare-and-set: of several processes that start with the
 * same configuration one writes the events.
 */
import type { AuditEntry } from '../audit/events.ts';
import type { Clock } from '../core/clock.ts';
import { eventIdOf } from '../core/event-id.ts';
import { hashOf } from '../core/hash.ts';
import type { AppId } from '../core/ids.ts';
import { type Store, StoreConflict, type StoredRecord } from '../store/port.ts';
import type { App } from './apps.ts';

const KIND = 'client_settings';
const ID = 'clients';
/** 48 bits of a hash: enough to see a change, and of a secret (at least 32 characters) nothing is told. */
const HASH_LENGTH = 8;

type Fingerprints = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Seen {
  readonly clients: Fingerprints;
  /** Of the last change, until they are in the log: a crash in between loses none. */
  readonly events: readonly AuditEntry[];
}

type Row = StoredRecord<Seen>;

export interface ClientChangeDeps {
  readonly store: Store;
  readonly clock: Clock;
  record(app: AppId, entry: AuditEntry): Promise<unknown>;
}

/** Writes down what changed since the row was written; nothing when all is as it was. */
export async function noteClientChanges(app: App, deps: ClientChangeDeps): Promise<void> {
  const { store, clock } = deps;
  const now = clock.now();
  const row = await store.records.find<Seen>(app.id, KIND, ID, now);
  const clients = fingerprintsOf(app);
  const events = changes(row?.data.clients ?? {}, clients, now);
  if (row && events.length === 0 && row.data.events.length === 0) return;
  const next: Seen = { clients, events: [...(row?.data.events ?? []), ...events] };
  const written = await write(app.id, row, next, deps);
  // Another process was first; what it has seen is compared anew.
  if (!written) return noteClientChanges(app, deps);
  await Promise.all(written.data.events.map((event) => deps.record(app.id, event)));
  await store.records.replace(app.id, KIND, { ...written, data: { clients, events: [] } }, now);
}

async function write(
  app: AppId,
  row: Row | undefined,
  data: Seen,
  { store, clock }: ClientChangeDeps,
): Promise<Row | undefined> {
  const now = clock.now();
  if (row) return store.records.replace(app, KIND, { ...row, data }, now);
  try {
    return await store.records.insert<Seen>(app, KIND, { id: ID, data }, now);
  } catch (error) {
    if (error instanceof StoreConflict) return undefined;
    throw error;
  }
}

function fingerprintsOf(app: App): Fingerprints {
  const clients = Object.entries(app.settings.clients).map(([id, settings]) => {
    const hashes = Object.entries(settings)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, hashOf(app.id, name, JSON.stringify(value)).slice(0, HASH_LENGTH)]);
    return [id, Object.fromEntries(hashes)] as const;
  });
  return Object.fromEntries(clients);
}

function changes(before: Fingerprints, after: Fingerprints, at: number): readonly AuditEntry[] {
  const event = (clientId: string, entry: ClientEvent): AuditEntry => {
    const state = JSON.stringify(after[clientId] ?? null);
    return { ...entry, clientId, at, id: eventIdOf(at, clientId, entry.type, state) };
  };
  const removed = Object.keys(before)
    .filter((id) => !Object.hasOwn(after, id))
    .map((id) => event(id, { type: 'client.removed' }));
  const others = Object.entries(after).flatMap(([id, now]) => {
    const was = Object.hasOwn(before, id) ? before[id] : undefined;
    if (!was) return [event(id, { type: 'client.added', settings: Object.keys(now) })];
    const settings = [...new Set([...Object.keys(was), ...Object.keys(now)])].filter(
      (name) => was[name] !== now[name],
    );
    return settings.length === 0 ? [] : [event(id, { type: 'client.changed', settings })];
  });
  return [...removed, ...others];
}

type ClientEvent = Extract<AuditEntry, { type: `client.${string}` }>;
