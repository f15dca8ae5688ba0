/**
 * No query of the backend reads a whole collection or sorts in memory. The store is used as it is; the commands that it
 * sent are explained afterwards, so no query can be forgotten here when it changes there.
 */
import { expect } from 'chai';
import { type Document, MongoClient } from 'mongodb';
import { MongoStore } from '../../src/store/mongo/mongo-store.ts';
import { CommandLog } from '../support/mongo-commands.ts';
import { temporaryDatabase } from '../support/store-mongo.ts';
import { freshScope, NOW } from '../support/store-samples.ts';

const EXPLAINED = ['find', 'findAndModify', 'update', 'delete'];

describe('mongodb: the plans of its queries', () => {
  it('goes by an index for everything it asks, and forces the write concern on all it writes', async function () {
    this.timeout(60_000);
    const database = await temporaryDatabase();
    const log = await CommandLog.before(database.url);
    const store = new MongoStore(log.url);
    const client = new MongoClient(database.url);
    try {
      await store.prepare();
      log.clear();
      await useEverything(store);
      const commands = log.commands.filter(({ name }) => name !== 'endSessions');
      const sent = new Set(commands.map(({ name }) => name));
      expect([...sent]).to.include.members([...EXPLAINED, 'insert']);
      for (const { name, body } of commands) {
        if (['findAndModify', 'update', 'delete', 'insert'].includes(name)) {
          expect(body.writeConcern, name).to.deep.equal({ w: 'majority', j: true });
        } else if (name === 'find') {
          expect(body.readConcern, name).to.deep.equal({ level: 'majority' });
        }
        if (EXPLAINED.includes(name)) await expectIndex(client, name, body);
      }
    } finally {
      await Promise.all([store.close(), client.close()]);
      await log.close();
      await database.drop();
    }
  });
});

async function useEverything(store: MongoStore): Promise<void> {
  const scope = freshScope();
  const { records, oneTime, artifacts, counters } = store;
  const draft = { id: 'a', data: {}, key: 'k', group: 'g', dueAt: NOW, expiresAt: NOW + 9 };
  const row = await records.insert(scope, 'kind', draft, NOW);
  await records.insert(scope, 'kind', { ...draft, id: 'b' }, NOW).catch(() => undefined);
  await records.find(scope, 'kind', 'a', NOW);
  await records.findByKey(scope, 'kind', 'k', NOW);
  await records.replace(scope, 'kind', { ...row, data: { n: 1 } }, NOW);
  await records.list(scope, 'kind', { limit: 5 }, NOW);
  await records.list(scope, 'kind', { limit: 5, after: 'a' }, NOW);
  await records.list(scope, 'kind', { limit: 5, group: 'g' }, NOW);
  await records.list(scope, 'kind', { limit: 5, group: 'g', after: 'a' }, NOW);
  await records.due('kind', NOW, 5);
  await records.remove(scope, 'kind', 'a', 2);
  await records.remove(scope, 'kind', 'a');
  await oneTime.put(scope, 'kind', 'k', {}, NOW + 9, NOW);
  await oneTime.peek(scope, 'kind', 'k', NOW);
  await oneTime.consume(scope, 'kind', 'k', NOW);
  const artifact = {
    id: 'a',
    data: {},
    grantId: 'g',
    uid: 'u',
    accountId: 'a',
    clientId: 'c',
    expiresAt: NOW + 9,
  };
  await artifacts.insert(scope, 'M', artifact, NOW);
  await artifacts.upsert(scope, 'M', artifact, NOW);
  await artifacts.find(scope, 'M', 'a', NOW);
  await artifacts.mark(scope, 'M', 'a', 'seen', {}, NOW);
  for (const index of ['grantId', 'uid', 'accountId', 'clientId'] as const) {
    await artifacts.findBy(scope, 'M', index, 'x', NOW);
    await artifacts.removeBy(scope, 'M', index, 'x');
  }
  await artifacts.remove(scope, 'M', 'a');
  await counters.hit(scope, 'k', { windowMs: 9 }, NOW);
  await counters.hit(scope, 'k', { windowMs: 9 }, NOW);
  await counters.peek(scope, 'k', NOW);
  await store.ping();
  await store.sweep(NOW + 99, 50);
}

/** Only what explain takes: the rest of a command is about how it travels. */
const WANTED = [
  ...['find', 'filter', 'sort', 'limit', 'projection', 'hint'],
  ...[
    'findAndModify',
    'query',
    'update',
    'updates',
    'remove',
    'new',
    'fields',
    'upsert',
    'delete',
    'deletes',
  ],
];

async function expectIndex(client: MongoClient, name: string, body: Document): Promise<void> {
  const explain = Object.fromEntries(Object.entries(body).filter(([key]) => WANTED.includes(key)));
  const answer = await client.db().command({ explain, verbosity: 'queryPlanner' });
  const plan = JSON.stringify(answer.queryPlanner.winningPlan);
  const what = `${name} ${JSON.stringify(body.filter ?? body.query ?? body.updates ?? body.deletes)}`;
  // An express plan and IDHACK are lookups in the index of ids.
  expect(plan, what).to.match(/"(IXSCAN|IDHACK|EXPRESS[A-Z_]*|CLUSTERED_IXSCAN)"/);
  expect(plan, what).not.to.match(/"(COLLSCAN|SORT)"/);
}
