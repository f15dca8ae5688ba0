/** Copies of the embedded store, made while it is written to. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/port.ts';
import { assertUnused, copyStore } from '../../src/store/sqlite/backup.ts';
import { failure, freshScope, NOW } from '../support/store-samples.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/store-sqlite.ts';

describe('sqlite: backup', () => {
  let directory: TemporaryDirectory;
  let store: Store;
  const path = (name: string): string => join(directory.path, name);
  const scope = freshScope();
  const insert = (index: number) =>
    store.records.insert(scope, 'kind', { id: `id-${index}`, data: { text: 'x'.repeat(600), index } }, NOW);
  beforeEach(async () => {
    directory = await temporaryDirectory();
    store = openStore('sqlite:store.db', { directory: directory.path });
    await store.prepare();
  });
  afterEach(async () => {
    await store.close();
    await directory.remove();
  });

  it('RL-23 while others write: sound, with everything acknowledged before it began, and no half of anything', async () => {
    await Promise.all(Array.from({ length: 2000 }, (_, index) => insert(index)));
    let isDone = false;
    let written = 2000;
    const writing = (async () => {
      for (; !isDone; written += 20) {
        await Promise.all(Array.from({ length: 20 }, (_, offset) => insert(written + offset)));
      }
    })();
    await copyStore(path('store.db'), path('copy.db'));
    isDone = true;
    await writing;
    const copy = new DatabaseSync(path('copy.db'), { readOnly: true });
    try {
      expect(copy.prepare('PRAGMA integrity_check').get()).to.deep.equal({ integrity_check: 'ok' });
      const rows = copy.prepare("SELECT id, data FROM record WHERE kind = 'kind'").all();
      const ids = new Set(rows.map(({ id }) => id));
      for (let index = 0; index < 2000; index += 1)
        expect(ids.has(`id-${index}`), `id-${index}`).to.equal(true);
      for (const { data } of rows) expect(JSON.parse(String(data)).text).to.have.lengthOf(600);
    } finally {
      copy.close();
    }
    expect(written, 'others were not held up').to.be.greaterThan(2000);
  });

  it('ML-03 has the mode of a secret from its first byte, and leaves no scaffold, also when it fails', async () => {
    await copyStore(path('store.db'), path('copy.db'));
    expect(statSync(path('copy.db')).mode & 0o777).to.equal(0o600);
    for (const [from, to] of [
      ['store.db', 'copy.db'],
      ['missing.db', 'other.db'],
    ] as const) {
      expect((await failure(copyStore(path(from), path(to)))).name).to.equal('StoreRefused');
    }
    const foreign = new DatabaseSync(path('foreign.db'));
    foreign.exec('CREATE TABLE theirs (a)');
    foreign.close();
    expect((await failure(copyStore(path('foreign.db'), path('other.db')))).message).to.match(
      /another program/,
    );
    expect(existsSync(path('other.db'))).to.equal(false);
    expect(readdirSync(directory.path).filter((name) => name.endsWith('.part'))).to.deep.equal([]);
  });

  it('tells a file in use from one that nobody has open', async () => {
    expect(() => assertUnused(path('store.db'))).to.throw(/in use/);
    await store.close();
    assertUnused(path('store.db'));
    assertUnused(path('none.db'));
    expect(existsSync(path('none.db'))).to.equal(false);
  });
});
