import { expect } from 'chai';
import type { Store } from '../../../src/store/port.ts';
import { SYSTEM } from '../../../src/store/port.ts';
import { freshId, freshScope, NOW } from '../../support/store-samples.ts';
import type { Opened } from '../store-contract.ts';

const KIND = 'thing';
const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map((row) => row.id);

export function recordListContract(opened: Opened): void {
  listContract(opened);
  dueContract(opened);
}

function listContract(opened: Opened): void {
  it('lists by the bytes of the id, whatever the language', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const ids = [
      'b',
      'B',
      'a',
      '_',
      '-',
      '0',
      '10',
      '9',
      'é',
      'e\u0301',
      'ｚ',
      '\u{1f600}',
      '\uffee',
      'Å',
      'aa',
    ];
    for (const id of ids) await first.records.insert(scope, KIND, { id, data: {} }, NOW);
    const byBytes = [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(idsOf(await second.records.list(scope, KIND, { limit: 99 }, NOW))).to.deep.equal(byBytes);
  });

  it('pages: each row once, in order, whatever the page size', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const ids = Array.from({ length: 23 }, freshId).sort((a, b) => (a < b ? -1 : 1));
    for (const id of ids) await first.records.insert(scope, KIND, { id, data: { id } }, NOW);
    for (const limit of [1, 7, 23, 24]) {
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const query = after === undefined ? { limit } : { limit, after };
        const page = await second.records.list(scope, KIND, query, NOW);
        seen.push(...idsOf(page));
        after = page.length === limit ? page.at(-1)?.id : undefined;
      } while (after !== undefined);
      expect(seen).to.deep.equal(ids);
    }
  });

  it('narrows to a group, pages included', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      const group = id === 'b' ? 'other' : id === 'd' ? undefined : 'mine';
      await first.records.insert(scope, KIND, { id, group, data: {} }, NOW);
    }
    const list = (query: object) => second.records.list(scope, KIND, { limit: 9, ...query }, NOW);
    expect(idsOf(await list({ group: 'mine' }))).to.deep.equal(['a', 'c', 'e']);
    expect(idsOf(await list({ group: 'mine', limit: 2 }))).to.deep.equal(['a', 'c']);
    expect(idsOf(await list({ group: 'mine', after: 'a' }))).to.deep.equal(['c', 'e']);
    expect(idsOf(await list({ group: 'mine', after: 'b', limit: 1 }))).to.deep.equal(['c']);
    expect(await list({ group: 'none' })).to.deep.equal([]);
    expect(idsOf(await list({}))).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
  });

  it('follows a row into its new group', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const row = await first.records.insert(scope, KIND, { id: 'a', group: 'one', data: {} }, NOW);
    await first.records.replace(scope, KIND, { ...row, group: 'two' }, NOW);
    expect(await second.records.list(scope, KIND, { group: 'one', limit: 9 }, NOW)).to.deep.equal([]);
    expect(idsOf(await second.records.list(scope, KIND, { group: 'two', limit: 9 }, NOW))).to.deep.equal([
      'a',
    ]);
  });

  it('MT-06 lists one kind of one app only', async () => {
    const { first } = opened();
    const scope = freshScope();
    await first.records.insert(scope, KIND, { id: 'mine', group: 'g', data: {} }, NOW);
    await first.records.insert(scope, 'other', { id: 'kind', group: 'g', data: {} }, NOW);
    await first.records.insert(freshScope(), KIND, { id: 'app', group: 'g', data: {} }, NOW);
    expect(idsOf(await first.records.list(scope, KIND, { limit: 9 }, NOW))).to.deep.equal(['mine']);
    expect(idsOf(await first.records.list(scope, KIND, { group: 'g', limit: 9 }, NOW))).to.deep.equal([
      'mine',
    ]);
  });

  it('lets expired rows take no place on a page', async () => {
    const { first } = opened();
    const scope = freshScope();
    for (const id of ['a', 'b']) {
      await first.records.insert(scope, KIND, { id, data: {}, expiresAt: NOW + 1 }, NOW);
    }
    await first.records.insert(scope, KIND, { id: 'c', data: {} }, NOW);
    expect(idsOf(await first.records.list(scope, KIND, { limit: 1 }, NOW + 1))).to.deep.equal(['c']);
  });
}

function dueContract(opened: Opened): void {
  const insertDue = (store: Store, kind: string, id: string, dueAt: number | undefined) =>
    store.records.insert(freshScope(), kind, { id, data: {}, dueAt }, NOW);

  it('gives rows of all apps that are due, longest due first', async () => {
    const { first, second } = opened();
    const kind = freshId();
    await insertDue(first, kind, 'second', NOW - 10);
    await insertDue(first, kind, 'third', NOW);
    await insertDue(first, kind, 'first', NOW - 500);
    await insertDue(first, kind, 'later', NOW + 1);
    await insertDue(first, kind, 'never', undefined);
    await insertDue(first, freshId(), 'other kind', NOW - 10);
    expect(idsOf(await second.records.due(kind, NOW, 9))).to.deep.equal(['first', 'second', 'third']);
    expect(idsOf(await second.records.due(kind, NOW, 2))).to.deep.equal(['first', 'second']);
    expect(idsOf(await second.records.due(kind, NOW + 1, 9)).at(-1)).to.equal('later');
  });

  it('tells the scope of each, so that it can be claimed by a replace', async () => {
    const { first, second } = opened();
    const kind = freshId();
    const scope = freshScope();
    const draft = { id: 'a', key: 'k', group: 'g', data: { n: 1 }, dueAt: NOW - 2 };
    const row = await first.records.insert(scope, kind, draft, NOW);
    const system = await first.records.insert(SYSTEM, kind, { ...draft, dueAt: NOW - 1 }, NOW);
    const due = await second.records.due(kind, NOW, 9);
    expect(due).to.deep.equal([
      { ...row, scope },
      { ...system, scope: SYSTEM },
    ]);
    await second.records.replace(scope, kind, { ...row, dueAt: NOW + 60_000 }, NOW);
    expect(await first.records.due(kind, NOW, 9)).to.deep.equal([{ ...system, scope: SYSTEM }]);
  });
}
