import { expect } from 'chai';
import type { Store } from '../../../src/store/port.ts';
import { freshScope, NOW } from '../../support/store-samples.ts';
import type { Opened } from '../store-contract.ts';

/** Ids and keys come from requests too. Each is next to another one that a careless store takes for the same. */
const NAMES: readonly string[] = [
  `'; DROP TABLE record; --`,
  `"double" 'single' \`back\``,
  'a\u0000b',
  'a\u0000c',
  'a',
  'A',
  'a ',
  ' a',
  '%',
  '_',
  'a%',
  '*',
  '?',
  '?1',
  ':name',
  '\\',
  '\\u0000',
  '$where',
  '{"$gt":""}',
  '[object Object]',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  '0',
  '00',
  '1e0',
  '1',
  'é',
  'e\u0301',
  'ß',
  'ss',
  '\u{1f600}',
  '\ufffd',
  '\uffff',
  '\n',
  '../../etc/passwd',
  'x'.repeat(511),
  'x'.repeat(512),
  `${'é'.repeat(511)}y`,
  `${'\u{1f600}'.repeat(255)}zz`,
];

export function nameContract(opened: Opened): void {
  it('keeps hostile ids and keys of records apart', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const insert = (name: string) =>
      first.records.insert(scope, 'kind', { id: name, key: name, group: name, data: { name } }, NOW);
    await Promise.all(NAMES.map(insert));
    for (const name of NAMES) {
      expect((await second.records.find(scope, 'kind', name, NOW))?.data).to.deep.equal({ name });
      expect((await second.records.findByKey(scope, 'kind', name, NOW))?.id).to.equal(name);
      const group = await second.records.list(scope, 'kind', { group: name, limit: 9 }, NOW);
      expect(group.map((row) => row.id)).to.deep.equal([name]);
    }
    const removed = await Promise.all(NAMES.map((name) => second.records.remove(scope, 'kind', name)));
    expect(removed.every(Boolean)).to.equal(true);
    expect(await first.records.list(scope, 'kind', { limit: 99 }, NOW)).to.deep.equal([]);
  });

  it('keeps hostile keys of one-time values and counters apart', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await Promise.all(NAMES.map((name) => first.oneTime.put(scope, 'kind', name, { name }, NOW + 1, NOW)));
    for (const name of NAMES) {
      expect((await first.counters.hit(scope, name, { windowMs: 9 }, NOW)).count).to.equal(1);
      expect((await second.counters.peek(scope, name, NOW))?.count).to.equal(1);
      expect(await second.oneTime.consume(scope, 'kind', name, NOW)).to.deep.equal({ name });
    }
  });

  it('keeps hostile ids and index values of artifacts apart', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const upsert = (name: string) =>
      first.artifacts.upsert(
        scope,
        'M',
        { id: name, data: { name }, grantId: name, uid: name, accountId: name, clientId: name },
        NOW,
      );
    await Promise.all(NAMES.map(upsert));
    for (const name of NAMES) {
      expect((await second.artifacts.find(scope, 'M', name, NOW))?.data).to.deep.equal({ name });
      for (const index of ['grantId', 'uid', 'accountId', 'clientId'] as const) {
        const found = await second.artifacts.findBy(scope, 'M', index, name, NOW);
        expect(found.map((row) => row.id)).to.deep.equal([name]);
      }
    }
    for (const name of NAMES) {
      expect((await second.artifacts.mark(scope, 'M', name, 'seen', {}, NOW)).won).to.equal(true);
      expect(await second.artifacts.removeBy(scope, 'M', 'uid', name)).to.equal(1);
    }
  });

  it('keeps hostile kinds, models and scopes apart', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    const names = NAMES.filter((name) => name.length < 100);
    await Promise.all(
      names.map((name) => first.records.insert(scope, name, { id: 'a', data: { name } }, NOW)),
    );
    await Promise.all(
      names.map((name) => first.artifacts.upsert(scope, name, { id: 'a', data: { name } }, NOW)),
    );
    for (const name of names) {
      expect((await second.records.find(scope, name, 'a', NOW))?.data).to.deep.equal({ name });
      expect((await second.artifacts.find(scope, name, 'a', NOW))?.data).to.deep.equal({ name });
    }
  });

  it('never takes half a surrogate pair for another name', async () => {
    const { first, second } = opened();
    // Many databases turn each of these into U+FFFD, and two users into one.
    const twins = ['x\ud800', 'x\ud801', 'x\udc00', 'x\ufffd'];
    for (const write of writers(first)) {
      const scope = freshScope();
      const stored: string[] = [];
      for (const name of twins) {
        const isStored = await write(scope, name).then(
          () => true,
          () => false,
        );
        if (isStored) stored.push(name);
      }
      expect(stored).to.include('x\ufffd');
      for (const name of twins) {
        const expected = stored.includes(name) ? { name } : undefined;
        for (const value of await readAll(second, scope, name)) {
          if (value !== undefined) expect(value).to.deep.equal(expected);
        }
      }
    }
  });
}

type Write = (scope: ReturnType<typeof freshScope>, name: string) => Promise<unknown>;

const writers = (store: Store): readonly Write[] => [
  (scope, name) => store.records.insert(scope, 'kind', { id: name, data: { name } }, NOW),
  (scope, name) =>
    store.records.insert(scope, 'kind', { id: JSON.stringify(name), key: name, data: { name } }, NOW),
  (scope, name) => store.oneTime.put(scope, 'kind', name, { name }, NOW + 1, NOW),
  (scope, name) => store.artifacts.insert(scope, 'M', { id: name, data: { name } }, NOW),
  (scope, name) =>
    store.artifacts.insert(scope, 'M', { id: JSON.stringify(name), uid: name, data: { name } }, NOW),
  (scope, name) => store.counters.hit(scope, name, { windowMs: 9 }, NOW),
];

async function readAll(store: Store, scope: ReturnType<typeof freshScope>, name: string): Promise<unknown[]> {
  const byUid = await store.artifacts.findBy(scope, 'M', 'uid', name, NOW);
  return [
    (await store.records.find(scope, 'kind', name, NOW))?.data,
    (await store.records.findByKey(scope, 'kind', name, NOW))?.data,
    await store.oneTime.peek(scope, 'kind', name, NOW),
    (await store.artifacts.find(scope, 'M', name, NOW))?.data,
    ...byUid.map((row) => row.data),
  ];
}
