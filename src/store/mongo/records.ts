/** `records` of the port. */
import {
  type DueRecord,
  type RecordDraft,
  type Records,
  type Scope,
  StoreConflict,
  type StoredRecord,
} from '../port.ts';
import { alive, BY_ID, date, ended, given, parse, type RecordDocument } from './documents.ts';
import type { Collections, Link } from './link.ts';
import { isDuplicate } from './mongo-fault.ts';
import { assertStorable, isStorable, nameIn, placeOf, rangeOf } from './names.ts';

type Query = Parameters<Records['list']>[2];

/** Each round meets another row that has ended or has just gone; more in a row than this is a key fought for. */
const ROUNDS = 8;

export class MongoRecords implements Records {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  async insert<D extends object>(
    scope: Scope,
    kind: string,
    draft: RecordDraft<D>,
    now: number,
  ): Promise<StoredRecord<D>> {
    const { _id, ...row } = documentOf(scope, kind, draft, 1);
    await this.#link.run((rooms) =>
      pastEndedKeys(rooms, row.key, now, () =>
        rooms.record.replaceOne({ _id, ...ended(now) }, row, { upsert: true, ...BY_ID }),
      ),
    );
    return compact(draft, 1);
  }

  async find<D extends object>(
    scope: Scope,
    kind: string,
    id: string,
    now: number,
  ): Promise<StoredRecord<D> | undefined> {
    if (!isStorable(scope, kind, id)) return undefined;
    const row = await this.#link.run(({ record }) =>
      record.findOne({ _id: placeOf(scope, kind, id), ...alive(now) }),
    );
    return row ? recordOf<D>(row) : undefined;
  }

  async findByKey<D extends object>(
    scope: Scope,
    kind: string,
    key: string,
    now: number,
  ): Promise<StoredRecord<D> | undefined> {
    if (!isStorable(scope, kind, key)) return undefined;
    const row = await this.#link.run(({ record }) =>
      record.findOne({ key: placeOf(scope, kind, key), ...alive(now) }),
    );
    return row ? recordOf<D>(row) : undefined;
  }

  async replace<D extends object>(
    scope: Scope,
    kind: string,
    row: StoredRecord<D>,
    now: number,
  ): Promise<StoredRecord<D> | undefined> {
    const { _id, ...next } = documentOf(scope, kind, row, row.version + 1);
    const { matchedCount } = await this.#link.run((rooms) =>
      pastEndedKeys(rooms, next.key, now, () =>
        rooms.record.replaceOne({ _id, version: row.version, ...alive(now) }, next),
      ),
    );
    return matchedCount === 1 ? compact(row, row.version + 1) : undefined;
  }

  async remove(scope: Scope, kind: string, id: string, version?: number): Promise<boolean> {
    if (!isStorable(scope, kind, id)) return false;
    const filter = { _id: placeOf(scope, kind, id), ...given('version', version) };
    const { deletedCount } = await this.#link.run(({ record }) => record.deleteOne(filter));
    return deletedCount === 1;
  }

  async list<D extends object>(
    scope: Scope,
    kind: string,
    query: Query,
    now: number,
  ): Promise<readonly StoredRecord<D>[]> {
    const { group, after, limit } = query;
    // A limit of 0 means none to MongoDB.
    if (limit <= 0 || !isStorable(scope, kind, group, after)) return [];
    const { from, to } = rangeOf(scope, kind);
    const filter = {
      ...given('group', group === undefined ? undefined : placeOf(scope, kind, group)),
      _id: after === undefined ? { $gte: from, $lt: to } : { $gt: from + after, $lt: to },
      ...alive(now),
    };
    const rows = await this.#link.runRepeatable(({ record }) =>
      record.find(filter, { limit, batchSize: limit }).sort({ _id: 1 }).toArray(),
    );
    return rows.map((row) => recordOf<D>(row));
  }

  async due<D extends object>(kind: string, now: number, limit: number): Promise<readonly DueRecord<D>[]> {
    if (limit <= 0 || !isStorable(kind)) return [];
    const rows = await this.#link.runRepeatable(({ record }) =>
      record
        .find({ kind, dueAt: { $lte: now }, ...alive(now) }, { limit, batchSize: limit })
        .sort({ dueAt: 1 })
        .toArray(),
    );
    return rows.map((row) => ({ ...recordOf<D>(row), scope: row.scope }));
  }
}

/**
 * A row that has ended does not exist, but its entry in the unique index does. It is removed only when it was met, so
 * that a write is one operation; what lives is never touched.
 */
async function pastEndedKeys<T>(
  { record }: Collections,
  key: string | undefined,
  now: number,
  write: () => Promise<T>,
): Promise<T> {
  for (let round = 1; ; round += 1) {
    try {
      return await write();
    } catch (thrown) {
      if (!isDuplicate(thrown)) throw thrown;
      if (key === undefined || round === ROUNDS) throw new StoreConflict();
    }
    const { deletedCount } = await record.deleteOne({ key, ...ended(now) });
    if (deletedCount === 1) continue;
    // Somebody else may have removed it between the two: only a holder that is there is a conflict.
    const holder = await record.findOne({ key, ...alive(now) }, { projection: { _id: 1 } });
    if (holder || round > 1) throw new StoreConflict();
  }
}

export function documentOf<D extends object>(
  scope: Scope,
  kind: string,
  draft: RecordDraft<D>,
  version: number,
): RecordDocument {
  const { id, data, key, group, dueAt, expiresAt } = draft;
  assertStorable(scope, kind, id, key, group);
  const place = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : placeOf(scope, kind, name);
  return {
    _id: placeOf(scope, kind, id),
    scope,
    kind,
    version,
    data: JSON.stringify(data),
    ...given('key', place(key)),
    ...given('group', place(group)),
    ...given('dueAt', dueAt),
    ...given('expiresAt', expiresAt === undefined ? undefined : date(expiresAt)),
  };
}

/** As `find` would give it: without the fields that are not set. */
function compact<D extends object>(draft: RecordDraft<D>, version: number): StoredRecord<D> {
  const { id, data, key, group, dueAt, expiresAt } = draft;
  return {
    id,
    version,
    data,
    ...given('key', key),
    ...given('group', group),
    ...given('dueAt', dueAt),
    ...given('expiresAt', expiresAt),
  };
}

export function recordOf<D extends object>(row: RecordDocument): StoredRecord<D> {
  const { _id, scope, kind, version, data, key, group, dueAt, expiresAt } = row;
  const name = (place: string | undefined): string | undefined =>
    place === undefined ? undefined : nameIn(place, scope, kind);
  const draft = {
    id: nameIn(_id, scope, kind),
    data: parse<D>(data),
    key: name(key),
    group: name(group),
    dueAt,
    expiresAt: expiresAt?.getTime(),
  };
  return compact(draft, version);
}
