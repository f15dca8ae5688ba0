/**
 * The store for more than one machine: MongoDB 6 or newer, as a replica set. Every method of the port is one operation
 * on one document, so no transaction is ever needed; the few that may need a second operation say why. Everything that
 * several processes have to agree on is decided by the server.
 */
import type { Log } from '../../lib/log.ts';
import { silentLog } from '../../lib/log.ts';
import { type Store, StoreUnavailable } from '../port.ts';
import { MongoArtifacts } from './artifacts.ts';
import { databaseOf, displayName, openClient } from './connection.ts';
import { MongoCounters } from './counters.ts';
import { ended } from './documents.ts';
import { type Collections, collectionsOf, Link } from './link.ts';
import { errorOf, namesOf, StoreRefused } from './mongo-fault.ts';
import { MongoOneTime } from './one-time.ts';
import { MongoRecords } from './records.ts';
import { PROBE_ID, prepareSchema } from './schema.ts';

export interface MongoOptions {
  readonly log?: Log | undefined;
}

/** Bounds one deletion, so that nobody waits behind it. */
const SWEEP_AT_ONCE = 1000;

export class MongoStore implements Store {
  readonly records: MongoRecords;
  readonly oneTime: MongoOneTime;
  readonly artifacts: MongoArtifacts;
  readonly counters: MongoCounters;
  readonly #url: string;
  readonly #link: Link;
  readonly #log: Log;

  /** @param url as in STORE_URL. Connects with the first call. Throws StoreRefused on one that cannot be used. */
  constructor(url: string, options: MongoOptions = {}) {
    this.#url = url;
    this.#log = options.log ?? silentLog;
    this.#link = new Link(openClient(url), databaseOf(url));
    this.records = new MongoRecords(this.#link);
    this.oneTime = new MongoOneTime(this.#link);
    this.artifacts = new MongoArtifacts(this.#link);
    this.counters = new MongoCounters(this.#link);
  }

  /** By a connection of its own: building an index on a large store takes longer than any request may. */
  async prepare(): Promise<void> {
    const name = displayName(this.#url);
    const client = openClient(this.#url, 'maintenance');
    try {
      const db = client.db(databaseOf(this.#url));
      const hello = await db.admin().command({ hello: 1 });
      if (hello.setName === undefined && hello.msg !== 'isdbgrid') {
        this.#log.warn({ store: name }, 'MongoDB runs alone: as a replica set it would survive its machine');
      }
      await prepareSchema(collectionsOf(db), name);
    } catch (thrown) {
      throw bootFault(thrown, name);
    } finally {
      await client.close();
    }
  }

  /** One operation that writes, is acknowledged by a majority, and reads what it wrote. */
  async ping(): Promise<void> {
    const beat = await this.#link.run(({ meta }) =>
      meta.findOneAndUpdate({ _id: PROBE_ID }, { $inc: { beats: 1 } }, { returnDocument: 'after' }),
    );
    if (!beat) throw new StoreUnavailable(new Error('the store was not prepared'));
  }

  /** What TTL indexes will remove some time, now: it matters where nobody's clock is the server's, and for counting. */
  async sweep(now: number, limit: number): Promise<number> {
    let removed = 0;
    for (const room of ['artifact', 'oneTime', 'counter', 'record'] as const) {
      for (;;) {
        const atMost = Math.min(limit - removed, SWEEP_AT_ONCE);
        if (atMost <= 0) return removed;
        const count = await this.#link.run((collections) => sweepSome(collections, room, now, atMost));
        removed += count;
        if (count < atMost) break;
      }
    }
    return removed;
  }

  close(): Promise<void> {
    return this.#link.close();
  }
}

/** The condition again in the deletion: another caller may have put a living row in the same place. */
async function sweepSome(
  collections: Collections,
  room: 'artifact' | 'oneTime' | 'counter' | 'record',
  now: number,
  limit: number,
): Promise<number> {
  // The four are alike in what is used here, but no common type of the driver says so.
  const collection = collections[room] as Collections['counter'];
  const rows = await collection
    .find(ended(now), { projection: { _id: 1 }, limit, batchSize: limit })
    .toArray();
  if (rows.length === 0) return 0;
  const ids = rows.map((row) => row._id);
  const { deletedCount } = await collection.deleteMany({ _id: { $in: ids }, ...ended(now) });
  return deletedCount;
}

/** Why the store cannot be used at all, in words for whoever starts the process. */
function bootFault(thrown: unknown, name: string): Error {
  if (thrown instanceof StoreRefused) return thrown;
  const fault = errorOf(thrown);
  if (fault instanceof StoreUnavailable) return fault;
  return new StoreRefused(
    `${name} cannot be used: ${namesOf(thrown)}. Check credentials and roles in STORE_URL.`,
  );
}
