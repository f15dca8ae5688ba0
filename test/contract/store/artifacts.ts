import { expect } from 'chai';
import type { ArtifactIndex } from '../../../src/store/port.ts';
import { TOMBSTONE } from '../../../src/store/port.ts';
import { crowd, freshId, freshScope, NOW, winners } from '../../support/store-samples.ts';
import type { Opened } from '../store-contract.ts';

const MODEL = 'AccessToken';
const INDEXES: readonly ArtifactIndex[] = ['grantId', 'uid', 'accountId', 'clientId'];
const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map((row) => row.id).sort();

export function artifactContract(opened: Opened): void {
  upsertContract(opened);
  insertContract(opened);
  findByContract(opened);
  removeContract(opened);
}

function upsertContract(opened: Opened): void {
  it('gives back what was upserted, on either connection, with no marks', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const draft = {
      id: 'a',
      data: { n: 1 },
      grantId: 'g',
      uid: 'u',
      accountId: 'acc',
      clientId: 'c',
      expiresAt: NOW + 9,
    };
    expect(await first.artifacts.upsert(scope, MODEL, draft, NOW)).to.equal(true);
    for (const store of [first, second]) {
      expect(await store.artifacts.find(scope, MODEL, 'a', NOW)).to.deep.equal({ ...draft, marks: {} });
    }
  });

  it('overwrites the whole row: fields left out are gone', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.artifacts.upsert(scope, MODEL, { id: 'a', data: { n: 1 }, uid: 'u', grantId: 'g' }, NOW);
    await second.artifacts.upsert(
      scope,
      MODEL,
      { id: 'a', data: { n: 2 }, grantId: 'h', uid: undefined },
      NOW,
    );
    expect(await first.artifacts.find(scope, MODEL, 'a', NOW)).to.deep.equal({
      id: 'a',
      data: { n: 2 },
      grantId: 'h',
      marks: {},
    });
    expect(await first.artifacts.findBy(scope, MODEL, 'grantId', 'g', NOW)).to.deep.equal([]);
    expect(await first.artifacts.findBy(scope, MODEL, 'uid', 'u', NOW)).to.deep.equal([]);
    expect(await first.artifacts.findBy(scope, MODEL, 'grantId', 'h', NOW)).to.have.length(1);
  });

  it('moves the expiry with every upsert', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const draft = { id: 'a', data: {}, uid: 'u' };
    await first.artifacts.upsert(scope, MODEL, { ...draft, expiresAt: NOW + 10 }, NOW);
    await second.artifacts.upsert(scope, MODEL, { ...draft, expiresAt: NOW + 20 }, NOW);
    expect(await first.artifacts.find(scope, MODEL, 'a', NOW + 19)).to.have.property('expiresAt', NOW + 20);
    await second.artifacts.upsert(scope, MODEL, draft, NOW);
    expect(await first.artifacts.find(scope, MODEL, 'a', NOW + 99)).not.to.have.property('expiresAt');
  });

  it('RL-10 does not give out an expired row, swept or not', async () => {
    const { first } = opened();
    const scope = freshScope();
    const draft = { id: 'a', data: {}, grantId: 'g', uid: 'u', accountId: 'acc', clientId: 'c' };
    await first.artifacts.upsert(scope, MODEL, { ...draft, expiresAt: NOW + 10 }, NOW);
    expect(await first.artifacts.find(scope, MODEL, 'a', NOW + 9)).not.to.equal(undefined);
    expect(await first.artifacts.find(scope, MODEL, 'a', NOW + 10)).to.equal(undefined);
    for (const index of INDEXES) {
      const value = draft[index];
      expect(await first.artifacts.findBy(scope, MODEL, index, value, NOW + 9)).to.have.length(1);
      expect(await first.artifacts.findBy(scope, MODEL, index, value, NOW + 10)).to.deep.equal([]);
    }
  });

  it('lets many concurrent upserts of one new row all succeed with one row left', async () => {
    const scope = freshScope();
    const results = await crowd(opened(), (store, index) =>
      store.artifacts.upsert(scope, MODEL, { id: 'a', data: { index }, uid: 'u' }, NOW),
    );
    expect(winners(results).every((isWritten) => isWritten)).to.equal(true);
    expect(await opened().second.artifacts.findBy(scope, MODEL, 'uid', 'u', NOW)).to.have.length(1);
  });
}

function insertContract(opened: Opened): void {
  it('inserts only where nothing lives', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    expect(await first.artifacts.insert(scope, MODEL, { id: 'a', data: { n: 1 } }, NOW)).to.equal(true);
    expect(await second.artifacts.insert(scope, MODEL, { id: 'a', data: { n: 2 } }, NOW)).to.equal(false);
    expect((await second.artifacts.find(scope, MODEL, 'a', NOW))?.data).to.deep.equal({ n: 1 });
  });

  it('OA-21 lets exactly one of many concurrent inserts win', async () => {
    const scope = freshScope();
    const results = await crowd(opened(), (store, index) =>
      store.artifacts.insert(scope, MODEL, { id: 'a', data: { index } }, NOW),
    );
    const won = winners(results).flatMap((isWinner, index) => (isWinner ? [index] : []));
    expect(won).to.have.length(1);
    expect((await opened().first.artifacts.find(scope, MODEL, 'a', NOW))?.data).to.deep.equal({
      index: won[0],
    });
  });

  it('takes the place of an expired row, whose marks die with it', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    for (const id of ['a', 'b']) {
      await first.artifacts.insert(scope, MODEL, { id, data: {}, uid: 'u', expiresAt: NOW + 10 }, NOW);
      await first.artifacts.mark(scope, MODEL, id, TOMBSTONE, { at: NOW }, NOW);
    }
    const fresh = { data: { n: 2 }, grantId: 'g', expiresAt: NOW + 20 };
    expect(await second.artifacts.insert(scope, MODEL, { id: 'a', ...fresh }, NOW + 10)).to.equal(true);
    expect(await second.artifacts.upsert(scope, MODEL, { id: 'b', ...fresh }, NOW + 10)).to.equal(true);
    for (const id of ['a', 'b']) {
      const row = await first.artifacts.find(scope, MODEL, id, NOW + 10);
      expect(row).to.deep.equal({ id, ...fresh, marks: {} });
    }
  });
}

function findByContract(opened: Opened): void {
  for (const index of INDEXES) {
    it(`MT-06 finds by ${index}: all of them, of one model of one app`, async () => {
      const { first, second } = opened();
      const scope = freshScope();
      const value = freshId();
      const put = (in_: typeof scope, model: string, id: string, of: string) =>
        first.artifacts.upsert(in_, model, { id, data: { id }, [index]: of }, NOW);
      await put(scope, MODEL, 'a', value);
      await put(scope, MODEL, 'b', value);
      await put(scope, MODEL, 'c', freshId());
      await put(scope, 'RefreshToken', 'd', value);
      await put(freshScope(), MODEL, 'e', value);
      const found = await second.artifacts.findBy(scope, MODEL, index, value, NOW);
      expect(idsOf(found)).to.deep.equal(['a', 'b']);
      expect(found.find((row) => row.id === 'a')).to.deep.equal({
        id: 'a',
        data: { id: 'a' },
        [index]: value,
        marks: {},
      });
      expect(await second.artifacts.findBy(scope, MODEL, index, 'nobody', NOW)).to.deep.equal([]);
    });
  }
}

function removeContract(opened: Opened): void {
  it('removes for exactly one caller, tombstone or not', async () => {
    const { first } = opened();
    const scope = freshScope();
    for (const id of ['plain', 'tomb']) {
      await first.artifacts.upsert(scope, MODEL, { id, data: {} }, NOW);
      if (id === 'tomb') await first.artifacts.mark(scope, MODEL, id, TOMBSTONE, {}, NOW);
      const results = winners(await crowd(opened(), (store) => store.artifacts.remove(scope, MODEL, id), 8));
      expect(results.filter(Boolean)).to.have.length(1);
      expect(await first.artifacts.find(scope, MODEL, id, NOW)).to.equal(undefined);
    }
    expect(await first.artifacts.remove(scope, MODEL, 'never')).to.equal(false);
  });

  for (const index of INDEXES) {
    it(`removes by ${index} what is no tombstone, of one model of one app`, async () => {
      const { first, second } = opened();
      const scope = freshScope();
      const other = freshScope();
      const value = freshId();
      const put = (in_: typeof scope, model: string, id: string, of = value) =>
        first.artifacts.upsert(in_, model, { id, data: {}, [index]: of }, NOW);
      for (const id of ['a', 'b', 'tomb', 'marked']) await put(scope, MODEL, id);
      await first.artifacts.mark(scope, MODEL, 'tomb', TOMBSTONE, {}, NOW);
      await first.artifacts.mark(scope, MODEL, 'marked', 'consumed', {}, NOW);
      await put(scope, MODEL, 'stranger', freshId());
      await put(scope, 'RefreshToken', 'model');
      await put(other, MODEL, 'app');
      expect(await second.artifacts.removeBy(scope, MODEL, index, value)).to.equal(3);
      expect(idsOf(await first.artifacts.findBy(scope, MODEL, index, value, NOW))).to.deep.equal(['tomb']);
      expect(await first.artifacts.find(scope, MODEL, 'stranger', NOW)).not.to.equal(undefined);
      expect(await first.artifacts.find(scope, 'RefreshToken', 'model', NOW)).not.to.equal(undefined);
      expect(await first.artifacts.find(other, MODEL, 'app', NOW)).not.to.equal(undefined);
      expect(await second.artifacts.removeBy(scope, MODEL, index, value)).to.equal(0);
    });
  }

  it('removes thousands by one index value and counts them all', async function () {
    this.timeout(60_000);
    const { first, second } = opened();
    const scope = freshScope();
    const ids = Array.from({ length: 2100 }, (_, index) => `id-${index}`);
    // In waves: on a slow disk 2100 calls at once wait longer for their turn than any store lets a caller wait.
    for (let at = 0; at < ids.length; at += 150) {
      const wave = ids.slice(at, at + 150);
      await Promise.all(
        wave.map((id) => first.artifacts.upsert(scope, MODEL, { id, data: {}, clientId: 'c' }, NOW)),
      );
    }
    expect(await second.artifacts.removeBy(scope, MODEL, 'clientId', 'c')).to.equal(ids.length);
    expect(await first.artifacts.findBy(scope, MODEL, 'clientId', 'c', NOW)).to.deep.equal([]);
  });
}
