/** The one way from the rooms of this backend to the database: counts what is under way and translates what goes wrong. */
import type { Collection, Db, MongoClient } from 'mongodb';
import { StoreUnavailable } from '../port.ts';
import type { ArtifactDocument, CounterDocument, OneTimeDocument, RecordDocument } from './documents.ts';
import { errorOf, isConnectionLoss } from './mongo-fault.ts';

export interface MetaDocument {
  readonly _id: string;
  readonly version?: number;
  readonly beats?: number;
}

export interface Collections {
  readonly record: Collection<RecordDocument>;
  readonly oneTime: Collection<OneTimeDocument>;
  readonly artifact: Collection<ArtifactDocument>;
  readonly counter: Collection<CounterDocument>;
  /** Schema version and what `ping` writes to. */
  readonly meta: Collection<MetaDocument>;
}

export const collectionsOf = (db: Db): Collections => ({
  record: db.collection('record'),
  oneTime: db.collection('one_time'),
  artifact: db.collection('artifact'),
  counter: db.collection('counter'),
  meta: db.collection('meta'),
});

export class Link {
  readonly #client: MongoClient;
  readonly #collections: Collections;
  #underWay = 0;
  #closing: { readonly done: Promise<void>; readonly isIdle: () => void } | undefined;

  constructor(client: MongoClient, database: string) {
    this.#client = client;
    this.#collections = collectionsOf(client.db(database));
  }

  /** Throws what port.ts names. */
  async run<T>(act: (collections: Collections) => Promise<T>): Promise<T> {
    if (this.#closing) throw new StoreUnavailable(new Error('the store is closed'));
    this.#underWay += 1;
    try {
      return await act(this.#collections);
    } catch (thrown) {
      throw errorOf(thrown);
    } finally {
      this.#underWay -= 1;
      this.#settle();
    }
  }

  /**
   * For what the driver does not ask again by itself (deletions of many, further pages) and what may be done twice: a
   * connection that broke is no reason yet to turn a person away.
   */
  async runRepeatable<T>(act: (collections: Collections) => Promise<T>): Promise<T> {
    return this.run(async (collections) => {
      try {
        return await act(collections);
      } catch (thrown) {
        if (!isConnectionLoss(thrown)) throw thrown;
      }
      return act(collections);
    });
  }

  /** What was asked for before is still done. */
  async close(): Promise<void> {
    if (!this.#closing) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#closing = { done: promise.then(() => this.#client.close()), isIdle: resolve };
      this.#settle();
    }
    await this.#closing.done;
  }

  #settle(): void {
    if (this.#underWay === 0) this.#closing?.isIdle();
  }
}
