/** Records in a Map, just enough of the port for jobs, outbox and audit; counts writes, which the queue promises few of. */
import {
  type DueRecord,
  type RecordDraft,
  type Records,
  type Scope,
  type Store,
  StoreConflict,
  type StoredRecord,
} from '../../../src/store/port.ts';

interface Row {
  readonly scope: Scope;
  readonly kind: string;
  readonly record: StoredRecord<object>;
}

export interface MemoryStore extends Store {
  readonly writes: { insert: number; replace: number; remove: number };
  /** All rows as one text, for searching what must not be there. */
  dump(): string;
  rows(kind: string): readonly StoredRecord<object>[];
  /** While set, every operation fails with it. */
  fault: Error | undefined;
}

export class TestClock {
  #now = 1_800_000_000_000;
  readonly now = (): number => this.#now;
  move(ms: number): void {
    this.#now += ms;
  }
}

export function memoryStore(): MemoryStore {
  const rows = new Map<string, Row>();
  const writes = { insert: 0, replace: 0, remove: 0 };
  const keyOf = (scope: Scope, kind: string, id: string) => JSON.stringify([scope, kind, id]);
  const isLive = (row: Row, now: number) => (row.record.expiresAt ?? Number.POSITIVE_INFINITY) > now;
  // Rows are JSON in every real store.
  const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value));

  const guard = async () => {
    await Promise.resolve();
    if (store.fault) throw store.fault;
  };

  const records: Records = {
    async insert<D extends object>(scope: Scope, kind: string, draft: RecordDraft<D>, now: number) {
      await guard();
      const key = keyOf(scope, kind, draft.id);
      const present = rows.get(key);
      if (present && isLive(present, now)) throw new StoreConflict();
      writes.insert += 1;
      const record: StoredRecord<D> = copy({ ...draft, version: 1 });
      rows.set(key, { scope, kind, record });
      return copy(record);
    },
    async find<D extends object>(scope: Scope, kind: string, id: string, now: number) {
      await guard();
      const row = rows.get(keyOf(scope, kind, id));
      return row && isLive(row, now) ? (copy(row.record) as StoredRecord<D>) : undefined; // as written
    },
    async findByKey() {
      throw new Error('not needed here');
    },
    async replace<D extends object>(scope: Scope, kind: string, next: StoredRecord<D>, now: number) {
      await guard();
      const key = keyOf(scope, kind, next.id);
      const row = rows.get(key);
      if (!row || !isLive(row, now) || row.record.version !== next.version) return undefined;
      writes.replace += 1;
      const record: StoredRecord<D> = copy({ ...next, version: next.version + 1 });
      rows.set(key, { scope, kind, record });
      return copy(record);
    },
    async remove(scope, kind, id, version) {
      await guard();
      const key = keyOf(scope, kind, id);
      const row = rows.get(key);
      if (!row || (version !== undefined && row.record.version !== version)) return false;
      writes.remove += 1;
      return rows.delete(key);
    },
    async list<D extends object>(
      scope: Scope,
      kind: string,
      query: { group?: string; after?: string; limit: number },
      now: number,
    ) {
      await guard();
      const found = [...rows.values()]
        .filter((row) => row.scope === scope && row.kind === kind && isLive(row, now))
        .filter((row) => query.group === undefined || row.record.group === query.group)
        .filter((row) => query.after === undefined || row.record.id > query.after)
        .sort((a, b) => (a.record.id < b.record.id ? -1 : 1))
        .slice(0, query.limit);
      return found.map((row) => copy(row.record) as StoredRecord<D>); // as written
    },
    async due<D extends object>(kind: string, now: number, limit: number) {
      await guard();
      const found = [...rows.values()]
        .filter((row) => row.kind === kind && isLive(row, now))
        .filter((row) => row.record.dueAt !== undefined && row.record.dueAt <= now)
        .sort((a, b) => (a.record.dueAt ?? 0) - (b.record.dueAt ?? 0))
        .slice(0, limit);
      return found.map((row) => copy({ ...row.record, scope: row.scope }) as DueRecord<D>); // as written
    },
  };

  const unused = () => {
    throw new Error('not needed here');
  };
  const store: MemoryStore = {
    records,
    writes,
    fault: undefined,
    dump: () => JSON.stringify([...rows.values()]),
    rows: (kind) => [...rows.values()].filter((row) => row.kind === kind).map((row) => row.record),
    oneTime: { put: unused, peek: unused, consume: unused },
    artifacts: {
      upsert: unused,
      insert: unused,
      find: unused,
      findBy: unused,
      mark: unused,
      remove: unused,
      removeBy: unused,
    },
    counters: { hit: unused, peek: unused },
    prepare: async () => undefined,
    ping: async () => undefined,
    sweep: async () => 0,
    close: async () => undefined,
  };
  return store;
}
