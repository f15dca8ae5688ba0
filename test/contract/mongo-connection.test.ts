/** What the connection string cannot undo, and what no message says. */
import { expect } from 'chai';
import { MongoClient } from 'mongodb';
import { silentLog } from '../../src/lib/log.ts';
import { openClient } from '../../src/store/mongo/connection.ts';
import { SCHEMA_VERSION } from '../../src/store/mongo/schema.ts';
import { openMaintenance, openStore } from '../../src/store/open.ts';
import { type TemporaryDatabase, temporaryDatabase } from '../support/store-mongo.ts';
import { failure, freshScope, NOW } from '../support/store-samples.ts';

const HOSTILE = [
  'w=0&journal=false&j=false&wtimeoutMS=1&readConcernLevel=local&readPreference=secondary&retryWrites=false',
  'W=1&JOURNAL=false&ReadPreference=nearest&RETRYWRITES=false&retryReads=false',
  '%77=0&%72etryWrites=false&readPreferenceTags=dc:ny&maxStalenessSeconds=120',
  'socketTimeoutMS=0&serverSelectionTimeoutMS=999999&waitQueueTimeoutMS=0&connectTimeoutMS=0',
];

describe('mongodb: connection', () => {
  for (const options of HOSTILE) {
    it(`forces what the promises hang on, against ${options}`, async () => {
      const client = openClient(`mongodb://localhost:1/postern?${options}&maxPoolSize=7`);
      const { writeConcern, readConcern, readPreference, ...rest } = client.options;
      expect(writeConcern).to.deep.include({ w: 'majority', journal: true });
      expect(writeConcern?.wtimeoutMS).to.equal(undefined);
      expect(readConcern?.level).to.equal('majority');
      expect(readPreference.mode).to.equal('primary');
      expect(readPreference.tags ?? []).to.deep.equal([]);
      expect(rest).to.include({ retryWrites: true, retryReads: true, maxPoolSize: 7 });
      expect(rest.serverSelectionTimeoutMS).to.be.within(1000, 10_000);
      expect(rest.socketTimeoutMS).to.be.within(1000, 10_000);
      expect(rest.waitQueueTimeoutMS).to.be.within(1000, 10_000);
      expect(rest.connectTimeoutMS).to.be.within(1000, 10_000);
      await client.close();
    });
  }

  it('leaves to the operator what breaks no promise', async () => {
    const client = openClient('mongodb://localhost:1/postern?tls=true&appName=mine&replicaSet=rs');
    expect(client.options).to.include({ tls: true, appName: 'mine', replicaSet: 'rs' });
    await client.close();
  });

  it('ML-02 quotes no password, whatever is wrong', async () => {
    const password = 'pass%2Fword';
    const wrong = [
      `mongodb://user:${password}@localhost:1/postern?noSuchOption=1`,
      `mongodb://user:${password}@localhost:1/postern?tls=perhaps`,
      `mongodb://user:${password}@localhost:1/postern?authMechanism=none`,
    ];
    for (const url of wrong) {
      let said: unknown;
      try {
        const store = openStore(url);
        await store.close();
      } catch (thrown) {
        said = thrown;
      }
      expect(said, url).to.be.instanceOf(Error);
      expectNoPassword(said);
    }
    expect(openMaintenance(wrong[0] ?? '').name).to.equal('mongodb://localhost:1/postern');
  });

  it('ML-02 says that the store is away, and nothing of how to get in', async function () {
    this.timeout(30_000);
    const store = openStore('mongodb://user:pass%2Fword@127.0.0.1:1/postern');
    const [prepared, called] = await Promise.all([
      failure(store.prepare()),
      failure(store.records.find(freshScope(), 'kind', 'a', NOW)),
    ]);
    for (const error of [prepared, called]) {
      expect(error.name).to.equal('StoreUnavailable');
      expectNoPassword(error);
    }
    await store.close();
  });
});

describe('mongodb: schema', () => {
  let database: TemporaryDatabase;
  let client: MongoClient;
  beforeEach(async () => {
    database = await temporaryDatabase();
    client = new MongoClient(database.url);
  });
  afterEach(async () => {
    await client.close();
    await database.drop();
  });

  async function refusal(): Promise<Error> {
    const store = openStore(database.url, { log: silentLog });
    try {
      return await failure(store.prepare());
    } finally {
      await store.close();
    }
  }

  it('refuses a store of a newer version, and touches nothing of it', async () => {
    const meta = client.db().collection<{ _id: string; version: number }>('meta');
    await meta.insertOne({ _id: 'schema', version: SCHEMA_VERSION + 1 });
    const error = await refusal();
    expect(error.name).to.equal('StoreRefused');
    expect(error.message).to.match(/newer Postern \(schema 2; this one knows up to 1\)/);
    const names = (await client.db().listCollections().toArray()).map(({ name }) => name);
    expect(names).to.deep.equal(['meta']);
  });

  it('refuses to start when an index cannot be made, and says what to do', async () => {
    await client.db().collection('record').createIndex({ key: 1 }, { name: 'key' });
    const error = await refusal();
    expect(error.name).to.equal('StoreRefused');
    expect(error.message).to.match(/indexes of mongodb:.*\(record\) cannot be made.*Postern does not start/s);
  });

  it('refuses to start over rows that already share a unique value', async () => {
    const rows = [{ key: 'same' }, { key: 'same' }];
    await client.db().collection('record').insertMany(rows);
    expect((await refusal()).message).to.match(/two rows hold the same unique value/);
  });

  it('is told by the check when an index is missing', async () => {
    const store = openStore(database.url);
    await store.prepare();
    await client.db().collection('artifact').dropIndex('grantId');
    const maintenance = openMaintenance(database.url);
    const findings = await maintenance.inspect({ thorough: false });
    const faults = findings.filter(({ level }) => level === 'fault');
    expect(faults.map(({ subject }) => subject)).to.deep.equal(['indexes of artifact']);
    await store.prepare();
    const again = await maintenance.inspect({ thorough: false });
    expect(again.filter(({ level }) => level === 'fault')).to.deep.equal([]);
    await Promise.all([store.close(), maintenance.close()]);
  });
});

function expectNoPassword(thrown: unknown): void {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    for (const word of ['pass%2Fword', 'pass/word']) {
      expect(`${error.message} ${error.stack}`).not.to.include(word);
      expect(JSON.stringify({ ...error })).not.to.include(word);
    }
  }
}
