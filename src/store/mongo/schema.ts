/** Collections, indexes and the schema version. All changes are additive, so that two versions can run side by side. */
import type { CreateIndexesOptions, IndexDescription } from 'mongodb';
import { StoreUnavailable } from '../port.ts';
import { untilNoDuplicate } from './duplicates.ts';
import type { Collections } from './link.ts';
import { errorOf, isDuplicate, namesOf, StoreRefused } from './mongo-fault.ts';

/** Raised only by a change that older code would get wrong; a new collection, field or index is none. */
export const SCHEMA_VERSION = 1;

/**
 * The server removes by its own clock what ended by ours, so it waits this long: no difference of clocks between
 * machines may remove a row that lives. Until then expiry is in every predicate.
 */
const SLACK_SECONDS = 3600;

/** Sparse: a row pays only for the fields it has, and no index of ends can answer "has not ended". */
const ENDS: IndexDescription = {
  name: 'ends',
  key: { expiresAt: 1 },
  expireAfterSeconds: SLACK_SECONDS,
  sparse: true,
};
const by = (field: string): IndexDescription => ({ name: field, key: { [field]: 1 }, sparse: true });

/** Ids need none: `_id` is unique by itself and holds app, kind and id. */
export const INDEXES: Readonly<Record<Exclude<keyof Collections, 'meta'>, readonly IndexDescription[]>> = {
  record: [
    { name: 'key', key: { key: 1 }, unique: true, sparse: true },
    { name: 'group', key: { group: 1, _id: 1 }, partialFilterExpression: { group: { $exists: true } } },
    { name: 'due', key: { kind: 1, dueAt: 1 }, partialFilterExpression: { dueAt: { $exists: true } } },
    ENDS,
  ],
  oneTime: [ENDS],
  artifact: [by('grantId'), by('uid'), by('accountId'), by('clientId'), ENDS],
  counter: [ENDS],
};

/** Creating goes by majority too, or a failover could lose a unique index that callers already rely on. */
const CREATE: CreateIndexesOptions = { commitQuorum: 'majority' };

const VERSION_ID = 'schema';

/** The row that `ping` writes to. */
export const PROBE_ID = 'probe';

/** Throws StoreRefused, with what to do, when this database is not for this version or cannot be made ready. */
export async function prepareSchema(collections: Collections, name: string): Promise<void> {
  await assertKnownVersion(collections, name);
  for (const [room, indexes] of Object.entries(INDEXES)) {
    // Object.entries forgets which keys the object has.
    await createIndexes(collections, room as keyof typeof INDEXES, indexes, name);
  }
  await raiseVersion(collections);
}

export async function assertKnownVersion({ meta }: Collections, name: string): Promise<void> {
  const version = (await meta.findOne({ _id: VERSION_ID }))?.version ?? 0;
  if (version > SCHEMA_VERSION) {
    throw new StoreRefused(
      `${name} was written by a newer Postern (schema ${version}; this one knows up to ${SCHEMA_VERSION}). ` +
        'Run that newer version, or restore a backup from before the upgrade.',
    );
  }
}

async function createIndexes(
  collections: Collections,
  room: keyof typeof INDEXES,
  indexes: readonly IndexDescription[],
  name: string,
): Promise<void> {
  try {
    await collections[room].createIndexes([...indexes], CREATE);
  } catch (thrown) {
    if (errorOf(thrown) instanceof StoreUnavailable) throw thrown;
    const reason = isDuplicate(thrown) ? 'two rows hold the same unique value' : namesOf(thrown);
    throw new StoreRefused(
      `the indexes of ${name} (${collections[room].collectionName}) cannot be made: ${reason}. ` +
        'Without them values could be used twice, so Postern does not start. The user in STORE_URL needs the role readWrite; an index of the same name that was changed by hand must be dropped.',
    );
  }
}

/** `$max`: of two versions that start side by side the newer one's number stays. */
async function raiseVersion({ meta }: Collections): Promise<void> {
  await untilNoDuplicate(() =>
    meta.updateOne({ _id: VERSION_ID }, { $max: { version: SCHEMA_VERSION } }, { upsert: true }),
  );
  await untilNoDuplicate(() => meta.updateOne({ _id: PROBE_ID }, { $inc: { beats: 1 } }, { upsert: true }));
}
