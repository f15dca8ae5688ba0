import { expect } from 'chai';
import type { StoredRecord } from '../../../src/store/port.ts';
import { CROWD, crowd, failure, freshId, freshScope, NOW, winners } from '../../support/store-samples.ts';
import type { Opened } from '../store-contract.ts';

const KIND = 'thing';

export function recordContract(opened: Opened): void {
  insertContract(opened);
  expiryContract(opened);
  replaceContract(opened);
  keyContract(opened);
  removeContract(opened);
}

function insertContract(opened: Opened): void {
  it('gives back what was inserted, on either connection, as version 1', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const draft = { id: 'a', data: { n: 1 }, key: 'k', group: 'g', dueAt: NOW + 5, expiresAt: NOW + 9 };
    const inserted = await first.records.insert(scope, KIND, draft, NOW);
    expect(inserted).to.deep.equal({ ...draft, version: 1 });
    for (const store of [first, second]) {
      expect(await store.records.find(scope, KIND, 'a', NOW)).to.deep.equal(inserted);
      expect(await store.records.findByKey(scope, KIND, 'k', NOW)).to.deep.equal(inserted);
    }
  });

  it('leaves out fields that are not set', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const draft = { id: 'a', data: {}, key: undefined, group: undefined, dueAt: undefined };
    expect(await first.records.insert(scope, KIND, draft, NOW)).to.have.all.keys('id', 'version', 'data');
    expect(await second.records.find(scope, KIND, 'a', NOW)).to.have.all.keys('id', 'version', 'data');
  });

  it('finds nothing under another id, key, kind or app', async () => {
    const { first } = opened();
    const scope = freshScope();
    await first.records.insert(scope, KIND, { id: 'a', key: 'k', data: {} }, NOW);
    expect(await first.records.find(scope, KIND, 'b', NOW)).to.equal(undefined);
    expect(await first.records.findByKey(scope, KIND, 'a', NOW)).to.equal(undefined);
    expect(await first.records.find(scope, 'other', 'a', NOW)).to.equal(undefined);
    expect(await first.records.findByKey(scope, 'other', 'k', NOW)).to.equal(undefined);
    expect(await first.records.find(freshScope(), KIND, 'a', NOW)).to.equal(undefined);
    expect(await first.records.findByKey(freshScope(), KIND, 'k', NOW)).to.equal(undefined);
  });

  it('refuses a taken id and leaves the row as it was', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.records.insert(scope, KIND, { id: 'a', data: { who: 'first' } }, NOW);
    const error = await failure(
      second.records.insert(scope, KIND, { id: 'a', data: { who: 'second' } }, NOW),
    );
    expect(error.name).to.equal('StoreConflict');
    expect((await first.records.find(scope, KIND, 'a', NOW))?.data).to.deep.equal({ who: 'first' });
  });

  it('refuses a taken key, within one kind of one app only', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.records.insert(scope, KIND, { id: 'a', key: 'k', data: {} }, NOW);
    const error = await failure(second.records.insert(scope, KIND, { id: 'b', key: 'k', data: {} }, NOW));
    expect(error.name).to.equal('StoreConflict');
    expect(await first.records.find(scope, KIND, 'b', NOW)).to.equal(undefined);
    await second.records.insert(scope, 'other', { id: 'b', key: 'k', data: {} }, NOW);
    await second.records.insert(freshScope(), KIND, { id: 'b', key: 'k', data: {} }, NOW);
  });

  it('lets one of many concurrent inserts of an id win', async () => {
    const scope = freshScope();
    const results = await crowd(opened(), (store, index) =>
      store.records.insert(scope, KIND, { id: 'a', data: { index } }, NOW),
    );
    const [winner, ...others] = winners(results, 'StoreConflict');
    expect(others).to.deep.equal([]);
    expect(await opened().first.records.find(scope, KIND, 'a', NOW)).to.deep.equal(winner);
  });

  it('lets one of many concurrent inserts of a key win', async () => {
    const scope = freshScope();
    const results = await crowd(opened(), (store, index) =>
      store.records.insert(scope, KIND, { id: `id-${index}`, key: 'k', data: {} }, NOW),
    );
    const [winner, ...others] = winners(results, 'StoreConflict');
    expect(others).to.deep.equal([]);
    expect(await opened().second.records.findByKey(scope, KIND, 'k', NOW)).to.deep.equal(winner);
    expect(await opened().second.records.list(scope, KIND, { limit: CROWD }, NOW)).to.have.length(1);
  });
}

function expiryContract(opened: Opened): void {
  it('RL-10 does not give out an expired row, swept or not', async () => {
    const { first } = opened();
    const scope = freshScope();
    const draft = { id: 'a', key: 'k', group: 'g', data: {}, dueAt: NOW, expiresAt: NOW + 10 };
    const kind = freshId();
    const row = await first.records.insert(scope, kind, draft, NOW);
    const query = { limit: 9 };
    expect(await first.records.find(scope, kind, 'a', NOW + 9)).to.deep.equal(row);
    expect(await first.records.due(kind, NOW + 9, 9)).to.have.length(1);
    expect(await first.records.find(scope, kind, 'a', NOW + 10)).to.equal(undefined);
    expect(await first.records.findByKey(scope, kind, 'k', NOW + 10)).to.equal(undefined);
    expect(await first.records.list(scope, kind, query, NOW + 10)).to.deep.equal([]);
    expect(await first.records.list(scope, kind, { ...query, group: 'g' }, NOW + 10)).to.deep.equal([]);
    expect(await first.records.due(kind, NOW + 10, 9)).to.deep.equal([]);
    expect(await first.records.replace(scope, kind, row, NOW + 10)).to.equal(undefined);
  });

  it('lets an expired row block neither its id nor its key', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.records.insert(scope, KIND, { id: 'a', key: 'k', data: {}, expiresAt: NOW + 10 }, NOW);
    await first.records.insert(scope, KIND, { id: 'b', key: 'l', data: {}, expiresAt: NOW + 10 }, NOW);
    const sameId = await second.records.insert(scope, KIND, { id: 'a', data: { again: 1 } }, NOW + 10);
    expect(sameId).to.deep.equal({ id: 'a', version: 1, data: { again: 1 } });
    expect(await first.records.find(scope, KIND, 'a', NOW + 10)).to.deep.equal(sameId);
    const sameKey = await second.records.insert(scope, KIND, { id: 'c', key: 'l', data: {} }, NOW + 10);
    expect(await first.records.findByKey(scope, KIND, 'l', NOW + 10)).to.deep.equal(sameKey);
  });
}

function replaceContract(opened: Opened): void {
  it('replaces the whole row and clears what is left out', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const kind = freshId();
    const draft = { id: 'a', data: { n: 1 }, key: 'k', group: 'g', dueAt: NOW, expiresAt: NOW + 9 };
    const row = await first.records.insert(scope, kind, draft, NOW);
    const next = await second.records.replace(
      scope,
      kind,
      { id: 'a', version: row.version, data: { n: 2 } },
      NOW,
    );
    expect(next).to.deep.equal({ id: 'a', version: 2, data: { n: 2 } });
    expect(await first.records.find(scope, kind, 'a', NOW + 99)).to.deep.equal(next);
    expect(await first.records.findByKey(scope, kind, 'k', NOW)).to.equal(undefined);
    expect(await first.records.list(scope, kind, { group: 'g', limit: 9 }, NOW)).to.deep.equal([]);
    expect(await first.records.due(kind, NOW, 9)).to.deep.equal([]);
  });

  it('refuses a row that has another version by now, or is gone', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const row = await first.records.insert(scope, KIND, { id: 'a', data: { n: 1 } }, NOW);
    await first.records.replace(scope, KIND, { ...row, data: { n: 2 } }, NOW);
    expect(await second.records.replace(scope, KIND, { ...row, data: { n: 3 } }, NOW)).to.equal(undefined);
    expect((await second.records.find(scope, KIND, 'a', NOW))?.data).to.deep.equal({ n: 2 });
    await first.records.remove(scope, KIND, 'a');
    expect(await second.records.replace(scope, KIND, { ...row, version: 2 }, NOW)).to.equal(undefined);
    expect(await first.records.find(scope, KIND, 'a', NOW)).to.equal(undefined);
  });

  it('lets one of many concurrent replaces win', async () => {
    const scope = freshScope();
    const row = await opened().first.records.insert(scope, KIND, { id: 'a', data: { by: -1 } }, NOW);
    const results = await crowd(opened(), (store, by) =>
      store.records.replace(scope, KIND, { ...row, data: { by } }, NOW),
    );
    const won = winners(results).filter((value) => value !== undefined);
    expect(won).to.have.length(1);
    expect(await opened().second.records.find(scope, KIND, 'a', NOW)).to.deep.equal(won[0]);
  });

  it('loses no update when all try again until they win', async () => {
    const scope = freshScope();
    await opened().first.records.insert(scope, KIND, { id: 'a', data: { sum: 0 } }, NOW);
    await crowd(
      opened(),
      async (store) => {
        for (;;) {
          const row = await store.records.find<{ sum: number }>(scope, KIND, 'a', NOW);
          if (!row) throw new Error('the row is gone');
          const next = { ...row, data: { sum: row.data.sum + 1 } };
          if (await store.records.replace(scope, KIND, next, NOW)) return;
        }
      },
      16,
    ).then(winners);
    const row: StoredRecord | undefined = await opened().second.records.find(scope, KIND, 'a', NOW);
    expect(row).to.deep.equal({ id: 'a', version: 17, data: { sum: 16 } });
  });
}

function keyContract(opened: Opened): void {
  it('moves the key with a replace: the old one is free, the new one is found', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const row = await first.records.insert(scope, KIND, { id: 'a', key: 'old', data: {} }, NOW);
    const moved = await first.records.replace(scope, KIND, { ...row, key: 'new' }, NOW);
    expect(await second.records.findByKey(scope, KIND, 'old', NOW)).to.equal(undefined);
    expect(await second.records.findByKey(scope, KIND, 'new', NOW)).to.deep.equal(moved);
    const again = second.records.insert(scope, KIND, { id: 'b', key: 'old', data: {} }, NOW);
    // A flaw of a server that only stands in is asserted, so that it is noticed when it has gone.
    if (opened().keepsMovedKeys) expect((await failure(again)).name).to.equal('StoreConflict');
    else expect((await again).key).to.equal('old');
  });

  it('refuses a replace onto a taken key and leaves both rows as they were', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const holder = await first.records.insert(scope, KIND, { id: 'a', key: 'k', data: { n: 1 } }, NOW);
    const other = await first.records.insert(scope, KIND, { id: 'b', key: 'l', data: { n: 1 } }, NOW);
    const error = await failure(
      second.records.replace(scope, KIND, { ...other, key: 'k', data: { n: 2 } }, NOW),
    );
    expect(error.name).to.equal('StoreConflict');
    expect(await second.records.find(scope, KIND, 'a', NOW)).to.deep.equal(holder);
    expect(await second.records.find(scope, KIND, 'b', NOW)).to.deep.equal(other);
  });

  it('lets a replace take the key of an expired row', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.records.insert(scope, KIND, { id: 'a', key: 'k', data: {}, expiresAt: NOW + 10 }, NOW);
    const row = await first.records.insert(scope, KIND, { id: 'b', data: {} }, NOW);
    const moved = await second.records.replace(scope, KIND, { ...row, key: 'k' }, NOW + 10);
    expect(await first.records.findByKey(scope, KIND, 'k', NOW + 10)).to.deep.equal(moved);
  });
}

function removeContract(opened: Opened): void {
  it('removes for exactly one caller and frees the key', async () => {
    const { first } = opened();
    const scope = freshScope();
    await first.records.insert(scope, KIND, { id: 'a', key: 'k', data: {} }, NOW);
    const results = winners(await crowd(opened(), (store) => store.records.remove(scope, KIND, 'a')));
    expect(results.filter(Boolean)).to.have.length(1);
    expect(await first.records.find(scope, KIND, 'a', NOW)).to.equal(undefined);
    await first.records.insert(scope, KIND, { id: 'b', key: 'k', data: {} }, NOW);
  });

  it('removes by version only the version that was seen', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const row = await first.records.insert(scope, KIND, { id: 'a', data: {} }, NOW);
    await first.records.replace(scope, KIND, row, NOW);
    expect(await second.records.remove(scope, KIND, 'a', 1)).to.equal(false);
    expect(await second.records.find(scope, KIND, 'a', NOW)).to.have.property('version', 2);
    expect(await second.records.remove(scope, KIND, 'a', 2)).to.equal(true);
    expect(await first.records.remove(scope, KIND, 'never')).to.equal(false);
  });
}
