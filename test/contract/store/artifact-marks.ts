import { expect } from 'chai';
import { TOMBSTONE } from '../../../src/store/port.ts';
import { CROWD, crowd, freshScope, NOW, winners } from '../../support/store-samples.ts';
import type { Opened } from '../store-contract.ts';

const MODEL = 'AuthorizationCode';
const DRAFT = { id: 'a', data: { n: 1 }, grantId: 'g', clientId: 'c', expiresAt: NOW + 100 };

export function artifactMarkContract(opened: Opened): void {
  markContract(opened);
  tombstoneContract(opened);
}

function markContract(opened: Opened): void {
  it('marks once: the winner and the losers see the row with the first value', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.artifacts.insert(scope, MODEL, DRAFT, NOW);
    const marked = { ...DRAFT, marks: { consumed: { at: 1 } } };
    const won = await first.artifacts.mark(scope, MODEL, 'a', 'consumed', { at: 1 }, NOW);
    expect(won).to.deep.equal({ won: true, artifact: marked });
    const lost = await second.artifacts.mark(scope, MODEL, 'a', 'consumed', { at: 2 }, NOW);
    expect(lost).to.deep.equal({ won: false, artifact: marked });
    expect(await first.artifacts.find(scope, MODEL, 'a', NOW)).to.deep.equal(marked);
  });

  it('OA-08 OA-21 has exactly one winner among many, and every loser sees what the winner wrote', async () => {
    for (let round = 0; round < 5; round += 1) {
      const scope = freshScope();
      await opened().first.artifacts.insert(scope, MODEL, DRAFT, NOW);
      const results = winners(
        await crowd(opened(), (store, by) =>
          store.artifacts.mark(scope, MODEL, 'a', 'consumed', { by }, NOW),
        ),
      );
      const won = results.flatMap((result, by) => (result.won ? [by] : []));
      expect(won).to.have.length(1);
      const seen = results.map((result) => result.artifact?.marks.consumed);
      expect(seen).to.deep.equal(Array.from({ length: CROWD }, () => ({ by: won[0] })));
    }
  });

  it('keeps different marks apart, under contention too', async () => {
    const scope = freshScope();
    await opened().first.artifacts.insert(scope, MODEL, DRAFT, NOW);
    const names = ['consumed', 'used', 'revoked', 'seen'];
    const results = winners(
      await crowd(opened(), (store, index) =>
        store.artifacts.mark(scope, MODEL, 'a', names[index % names.length] ?? '', { index }, NOW),
      ),
    );
    expect(results.filter((result) => result.won)).to.have.length(names.length);
    const marks = (await opened().second.artifacts.find(scope, MODEL, 'a', NOW))?.marks;
    expect(marks).to.have.all.keys(names);
  });

  it('has no winner where there is no row, or none any more', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const none = { won: false, artifact: undefined };
    expect(await first.artifacts.mark(scope, MODEL, 'a', 'consumed', {}, NOW)).to.deep.equal(none);
    expect(await first.artifacts.find(scope, MODEL, 'a', NOW)).to.equal(undefined);
    await first.artifacts.insert(scope, MODEL, DRAFT, NOW);
    expect(await second.artifacts.mark(scope, MODEL, 'a', 'consumed', {}, NOW + 100)).to.deep.equal(none);
    expect(await second.artifacts.mark(freshScope(), MODEL, 'a', 'consumed', {}, NOW)).to.deep.equal(none);
    expect(await second.artifacts.mark(scope, 'Other', 'a', 'consumed', {}, NOW)).to.deep.equal(none);
    expect((await first.artifacts.find(scope, MODEL, 'a', NOW))?.marks).to.deep.equal({});
  });

  it('keeps marks through an upsert, whether it moves the indexed fields or not', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.artifacts.insert(scope, MODEL, DRAFT, NOW);
    await first.artifacts.mark(scope, MODEL, 'a', 'consumed', { at: 1 }, NOW);
    for (const draft of [
      { ...DRAFT, data: { n: 2 } },
      { ...DRAFT, data: { n: 3 }, grantId: 'other' },
    ]) {
      expect(await second.artifacts.upsert(scope, MODEL, draft, NOW)).to.equal(true);
      const row = await first.artifacts.find(scope, MODEL, 'a', NOW);
      expect(row).to.deep.equal({ ...draft, marks: { consumed: { at: 1 } } });
    }
  });

  it('keeps the value of a mark as it was: numbers, Unicode, lone surrogates, nesting', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.artifacts.insert(scope, MODEL, DRAFT, NOW);
    const value = {
      numbers: [0, -1, 0.1, 1e21, 5e-324, Number.MAX_SAFE_INTEGER, 1.7976931348623157e308],
      text: 'Zoë \u{1f600} \u2028 "quoted" \\ \u0000 \n $.a[0]',
      lone: ['\ud800', 'a\udc00b'],
      'key "with" \\ $ and .': { __proto__x: null, deep: [[[{ a: [] }]]], yes: true, no: false },
    };
    const { artifact } = await first.artifacts.mark(scope, MODEL, 'a', 'salted', value, NOW);
    expect(artifact?.marks.salted).to.deep.equal(value);
    expect((await second.artifacts.find(scope, MODEL, 'a', NOW))?.marks.salted).to.deep.equal(value);
  });
}

function tombstoneContract(opened: Opened): void {
  it('a tombstone refuses every upsert and insert until it expires', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.artifacts.insert(scope, MODEL, DRAFT, NOW);
    await first.artifacts.mark(scope, MODEL, 'a', TOMBSTONE, { why: 'finished' }, NOW);
    const tomb = { ...DRAFT, marks: { [TOMBSTONE]: { why: 'finished' } } };
    for (const draft of [
      { ...DRAFT, data: { n: 2 } },
      { ...DRAFT, data: { n: 2 }, grantId: 'other', expiresAt: NOW + 9999 },
    ]) {
      expect(await second.artifacts.upsert(scope, MODEL, draft, NOW + 99)).to.equal(false);
      expect(await second.artifacts.insert(scope, MODEL, draft, NOW + 99)).to.equal(false);
      expect(await first.artifacts.find(scope, MODEL, 'a', NOW)).to.deep.equal(tomb);
    }
    expect(await second.artifacts.upsert(scope, MODEL, { id: 'a', data: {} }, NOW + 100)).to.equal(true);
  });

  it('a tombstone is given out by find and findBy, and may be marked further', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.artifacts.insert(scope, MODEL, DRAFT, NOW);
    await first.artifacts.mark(scope, MODEL, 'a', TOMBSTONE, {}, NOW);
    const { won, artifact } = await second.artifacts.mark(scope, MODEL, 'a', 'seen', {}, NOW);
    expect(won).to.equal(true);
    expect(artifact?.marks).to.deep.equal({ [TOMBSTONE]: {}, seen: {} });
    expect(await first.artifacts.findBy(scope, MODEL, 'grantId', 'g', NOW)).to.deep.equal([artifact]);
  });

  it('ML-21 no upsert that races with the tombstone brings the row back to life', async () => {
    for (let round = 0; round < 5; round += 1) {
      const scope = freshScope();
      await opened().first.artifacts.insert(scope, MODEL, DRAFT, NOW);
      const results = winners(
        await crowd(opened(), async (store, n) =>
          n === 20
            ? (await store.artifacts.mark(scope, MODEL, 'a', TOMBSTONE, { n }, NOW)).artifact?.data
            : store.artifacts.upsert(scope, MODEL, { ...DRAFT, data: { n } }, NOW),
        ),
      );
      const row = await opened().second.artifacts.find(scope, MODEL, 'a', NOW);
      expect(row?.marks).to.deep.equal({ [TOMBSTONE]: { n: 20 } });
      // What the tombstone's winner saw is what stays.
      expect(row?.data).to.deep.equal(results[20]);
    }
  });
}
