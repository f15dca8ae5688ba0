/** The writer of the embedded store: group commit, locks of other processes, and threads that die or say nothing. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { Writer, type WriterThread } from '../../src/store/sqlite/writer.ts';
import { failure, freshScope, NOW } from '../support/store-samples.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/store-sqlite.ts';
import { ScriptedThread } from '../support/store-thread.ts';

const KIND = 'thing';

describe('sqlite: the writer and its thread', () => {
  let directory: TemporaryDirectory;
  let store: SqliteStore;
  let threads: Worker[];
  const remember = (worker: Worker): number => threads.push(worker);

  beforeEach(async () => {
    threads = [];
    process.on('worker', remember);
    directory = await temporaryDirectory();
    store = new SqliteStore(join(directory.path, 'store.db'), { giveUpAfterMs: 300 });
    await store.prepare();
  });
  afterEach(async () => {
    process.off('worker', remember);
    await store.close();
    await directory.remove();
  });

  const insert = (scope: ReturnType<typeof freshScope>, id: string, key?: string) =>
    store.records.insert(scope, KIND, { id, key, data: { id } }, NOW);

  /** The write lock, as another process would hold it. */
  function otherProcess(): { release(): void } {
    const db = new DatabaseSync(join(directory.path, 'store.db'));
    db.exec('BEGIN IMMEDIATE');
    return { release: () => db.close() };
  }

  it('lets an operation fail without undoing its neighbours in the same transaction', async () => {
    const scope = freshScope();
    await insert(scope, 'taken', 'k');
    const results = await Promise.allSettled([
      insert(scope, 'before'),
      insert(scope, 'taken'),
      insert(scope, 'same key', 'k'),
      store.records.insert(scope, KIND, { id: 'lone \ud800', data: {} }, NOW),
      insert(scope, 'after'),
    ]);
    expect(results.map((result) => result.status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    const rows = await store.records.list(scope, KIND, { limit: 9 }, NOW);
    expect(rows.map((row) => row.id)).to.deep.equal(['after', 'before', 'taken']);
  });

  it('waits for the lock of another process while this one goes on reading', async () => {
    const scope = freshScope();
    await insert(scope, 'a');
    const other = otherProcess();
    let isWritten = false;
    const write = insert(scope, 'b').then(() => {
      isWritten = true;
    });
    for (let turn = 0; turn < 5; turn += 1) {
      await delay(2);
      expect(await store.records.find(scope, KIND, 'a', NOW)).not.to.equal(undefined);
    }
    expect(isWritten).to.equal(false);
    other.release();
    await write;
    expect(await store.records.find(scope, KIND, 'b', NOW)).not.to.equal(undefined);
  });

  it('is unavailable after waiting long enough, and works again when the lock is free', async () => {
    const scope = freshScope();
    const other = otherProcess();
    const errors = await Promise.all([failure(insert(scope, 'a')), failure(store.ping())]);
    expect(errors.map((error) => error.name)).to.deep.equal(['StoreUnavailable', 'StoreUnavailable']);
    other.release();
    expect(await store.records.find(scope, KIND, 'a', NOW)).to.equal(undefined);
    await insert(scope, 'a');
  });

  it('RL-25 a dying thread makes unavailable what was pending; the next call gets a new thread', async () => {
    const scope = freshScope();
    const other = otherProcess();
    const underWay = failure(insert(scope, 'a'));
    await delay(5);
    expect(threads).to.have.length(1);
    const queued = insert(scope, 'b');
    await threads[0]?.terminate();
    expect((await underWay).name).to.equal('StoreUnavailable');
    other.release();
    await queued;
    await insert(scope, 'c');
    expect(threads).to.have.length(2);
    const rows = await store.records.list(scope, KIND, { limit: 9 }, NOW);
    expect(rows.map((row) => row.id)).to.deep.equal(['b', 'c']);
  });

  it('an idle thread that dies is noticed by nobody', async () => {
    const scope = freshScope();
    await threads[0]?.terminate();
    await insert(scope, 'a');
    expect(threads).to.have.length(2);
  });
});

describe('sqlite: batches of the writer', () => {
  const start = (giveUpAfterMs: number, ...scripts: ScriptedThread[]): Writer => {
    const rest = [...scripts];
    const startThread = (): WriterThread => rest.shift() ?? new ScriptedThread('answer');
    return new Writer({ file: '/nowhere' }, { giveUpAfterMs, startThread });
  };
  const PATIENT = 60_000;

  it('sends what one turn asks for in one message, and collects while one is under way', async () => {
    const thread = new ScriptedThread('hold');
    const writer = start(PATIENT, thread);
    const first = Promise.all([writer.run('probe'), Promise.resolve().then(() => writer.run('probe'))]);
    await turns(() => thread.sizes.length === 1);
    const second = Promise.all([writer.run('probe'), turns().then(() => writer.run('probe'))]);
    await turns();
    await turns();
    expect(thread.sizes).to.deep.equal([2]);
    thread.answer();
    await first;
    await turns(() => thread.sizes.length === 2);
    expect(thread.sizes).to.deep.equal([2, 2]);
    thread.answer();
    await second;
    await writer.close();
  });

  it('bounds a transaction: nobody waits behind thousands', async () => {
    const thread = new ScriptedThread('answer');
    const writer = start(PATIENT, thread);
    await Promise.all(Array.from({ length: 1300 }, () => writer.run('probe')));
    expect(thread.sizes).to.deep.equal([512, 512, 276]);
    await writer.close();
  });

  it('gives up a thread that does not answer, whose late word then counts for nothing', async () => {
    const silent = new ScriptedThread('hold');
    const next = new ScriptedThread('hold');
    const writer = start(20, silent, next);
    expect((await failure(writer.run('probe'))).name).to.equal('StoreUnavailable');
    const second = writer.run('probe');
    await turns(() => next.sizes.length === 1);
    silent.say({ fault: 'faulty', message: 'too late' });
    next.answer();
    expect(await second).to.equal(true);
    expect([silent.sizes, next.sizes]).to.deep.equal([[1], [1]]);
    await writer.close();
  });

  it('passes a fault of the whole batch on to each of its callers', async () => {
    const thread = new ScriptedThread('hold');
    const writer = start(PATIENT, thread);
    const errors = Promise.all([failure(writer.run('probe')), failure(writer.run('probe'))]);
    await turns(() => thread.sizes.length === 1);
    thread.say({ fault: 'unavailable', message: 'disk I/O error' });
    for (const error of await errors) {
      expect(error.name).to.equal('StoreUnavailable');
      expect(error.cause).to.have.property('message', 'disk I/O error');
    }
    await writer.close();
  });

  it('ends although its thread does not say goodbye, and then takes nothing more', async () => {
    const writer = start(20, new ScriptedThread('rude'));
    await writer.run('probe');
    await writer.close();
    expect((await failure(writer.run('probe'))).name).to.equal('StoreUnavailable');
  });
});

/** Turns of the event loop: one, or as many as it takes. */
async function turns(isReached: () => boolean = () => true): Promise<void> {
  do await setImmediate();
  while (!isReached());
}
