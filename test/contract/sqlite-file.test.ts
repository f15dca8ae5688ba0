/** The file of the embedded store: where it lies, who may read it, and which files are refused. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/port.ts';
import { assertOurs, createTables } from '../../src/store/sqlite/schema.ts';
import { failure, freshScope, NOW } from '../support/store-samples.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/store-sqlite.ts';

describe('sqlite: the file', () => {
  let directory: TemporaryDirectory;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => directory.remove());

  const open = (path = 'store.db'): Store => openStore(`sqlite:${path}`, { directory: directory.path });
  const modeOf = (path: string): string => (statSync(join(directory.path, path)).mode & 0o777).toString(8);

  it('ML-03 is for the eyes of its owner only: file, log, index and the directories made for it', async () => {
    const store = open('made/for/it/store.db');
    await store.prepare();
    try {
      for (const path of ['made', 'made/for', 'made/for/it']) expect(modeOf(path)).to.equal('700');
      for (const suffix of ['', '-wal', '-shm']) {
        expect(modeOf(`made/for/it/store.db${suffix}`)).to.equal('600');
      }
    } finally {
      await store.close();
    }
  });

  it('is alone after close, with everything in it', async () => {
    const store = open();
    const scope = freshScope();
    await store.prepare();
    await store.records.insert(scope, 'kind', { id: 'a', data: { n: 1 } }, NOW);
    await store.close();
    expect(() => statSync(join(directory.path, 'store.db-wal'))).to.throw('ENOENT');
    const again = open();
    await again.prepare();
    try {
      expect((await again.records.find(scope, 'kind', 'a', NOW))?.data).to.deep.equal({ n: 1 });
    } finally {
      await again.close();
    }
  });

  it('is made whole by several processes that start at the same moment', async () => {
    for (let round = 0; round < 3; round += 1) {
      const stores = Array.from({ length: 4 }, () => open(`fresh-${round}.db`));
      try {
        await Promise.all(stores.map((store) => store.prepare()));
        await Promise.all(stores.map((store) => store.ping()));
      } finally {
        await Promise.all(stores.map((store) => store.close()));
      }
    }
  });

  it('is not taken for a stranger while another process makes its tables', () => {
    const path = join(directory.path, 'store.db');
    const [db, other] = [new DatabaseSync(path), new DatabaseSync(path, { timeout: 0 })];
    let tries = 0;
    const prepare = db.prepare.bind(db);
    db.prepare = (sql) => {
      // At the worst moment: the marks were read, the tables were not yet looked for.
      if (sql.includes('sqlite_schema')) {
        tries += 1;
        expect(() => createTables(other)).to.throw(/locked/);
      }
      return prepare(sql);
    };
    try {
      assertOurs(db, path);
      expect(tries).to.equal(1);
    } finally {
      db.close();
      other.close();
    }
  });

  it('is refused, untouched, when a newer version wrote it, with a word on what to do', async () => {
    const store = open();
    await store.prepare();
    await store.close();
    alter((db) => db.exec('PRAGMA user_version = 99'));
    const before = digest();
    const error = await refusal();
    expect(error.message).to.match(
      /newer Postern \(schema 99; this one knows up to 1\)\. Run that newer version/,
    );
    expect(digest()).to.equal(before);
  });

  it('is refused, untouched, when it belongs to another program', async () => {
    alter((db) => db.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)'));
    const before = digest();
    expect((await refusal()).message).to.match(/another program/);
    expect(digest()).to.equal(before);
  });

  it('is refused, untouched, when it is no database', async () => {
    writeFileSync(join(directory.path, 'store.db'), 'a letter to my aunt. '.repeat(500));
    const before = digest();
    expect((await refusal()).message).to.match(/not a database/);
    expect(digest()).to.equal(before);
  });

  it('is unavailable where no file can be made', async () => {
    writeFileSync(join(directory.path, 'plain'), '');
    const store = open('plain/store.db');
    try {
      expect((await failure(store.prepare())).name).to.equal('StoreUnavailable');
      expect((await failure(store.ping())).name).to.equal('StoreUnavailable');
    } finally {
      await store.close();
    }
  });

  it('RL-12 is in order after use: log mode, full sync, no damage', async () => {
    const store = open();
    await store.prepare();
    const scope = freshScope();
    await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        store.artifacts.upsert(scope, 'M', { id: `id-${index}`, data: {}, uid: `u-${index % 7}` }, NOW),
      ),
    );
    await store.artifacts.removeBy(scope, 'M', 'uid', 'u-3');
    await store.close();
    alter((db) => {
      expect(db.prepare('PRAGMA integrity_check').get()).to.deep.equal({ integrity_check: 'ok' });
      expect(db.prepare('PRAGMA journal_mode').get()).to.deep.equal({ journal_mode: 'wal' });
    });
  });

  it('is named by STORE_URL and nothing else', () => {
    for (const url of ['sqlite:', 'sqlite::memory:'])
      expect(() => openStore(url)).to.throw(/must name a file/);
    for (const url of ['postgres://x/y', 'data/store.db', '', 'constructor:x']) {
      expect(() => openStore(url)).to.throw(/begins with its kind|no store of the kind|must name a file/);
    }
  });

  async function refusal(): Promise<Error> {
    const store = open();
    try {
      return await failure(store.prepare());
    } finally {
      await store.close();
    }
  }

  function alter(act: (db: DatabaseSync) => void): void {
    const db = new DatabaseSync(join(directory.path, 'store.db'));
    act(db);
    db.close();
  }

  const digest = (): string =>
    createHash('sha256')
      .update(readFileSync(join(directory.path, 'store.db')))
      .digest('hex');
});
