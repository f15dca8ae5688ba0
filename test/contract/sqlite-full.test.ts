/** A disk without space: what was acknowledged is there, what was refused is not, and the store works again later. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { freshScope, NOW } from '../support/store-samples.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/store-sqlite.ts';
import { assertSound } from '../support/store-witness.ts';

const KIND = 'thing';
const DATA = { text: 'x'.repeat(5000) };

describe('sqlite: a full disk', () => {
  let directory: TemporaryDirectory;
  let file: string;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    file = join(directory.path, 'store.db');
  });
  afterEach(() => directory.remove());

  it('RL-12 writes are unavailable, none is half done, and space that is freed is used again', async () => {
    const store = new SqliteStore(file, { maxPages: 80 });
    await store.prepare();
    try {
      const scope = freshScope();
      const ids = Array.from({ length: 90 }, (_, index) => `id-${String(index).padStart(2, '0')}`);
      const put = (id: string) =>
        store.records.insert(scope, KIND, { id, key: `key ${id}`, data: DATA, expiresAt: NOW + 1 }, NOW);
      const done: string[] = [];
      const refused: string[] = [];
      // In groups, so that operations that fit and operations that do not share a transaction.
      for (let at = 0; at < ids.length; at += 9) {
        const group = ids.slice(at, at + 9);
        const results = await Promise.allSettled(group.map(put));
        for (const [index, result] of results.entries()) {
          if (result.status === 'rejected')
            expect(result.reason).to.have.property('name', 'StoreUnavailable');
          (result.status === 'fulfilled' ? done : refused).push(group[index] ?? '');
        }
      }
      expect(done).not.to.have.length(0);
      expect(refused).not.to.have.length(0);
      const present = (await store.records.list(scope, KIND, { limit: 99 }, NOW)).map((row) => row.id);
      expect(present).to.deep.equal(done);
      expect(await store.records.findByKey(scope, KIND, `key ${refused[0]}`, NOW)).to.equal(undefined);
      expect(await store.sweep(NOW + 1, 99)).to.equal(done.length);
      await put(refused[0] ?? '');
      await store.ping();
    } finally {
      await store.close();
    }
    assertSound(file);
  });

  it('RL-12 a log that cannot grow: COMMIT fails, nothing of it is kept', async function () {
    if (process.platform === 'win32') this.skip();
    const child = fork(new URL('../support/store-filler.ts', import.meta.url), [file], {
      // The system refuses to let any file of this process grow beyond 600 KB, as a full disk would.
      execPath: '/bin/sh',
      execArgv: ['-c', `ulimit -f 1200; exec '${process.execPath}' "$0" "$@"`],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [report] = await once(child, 'message');
    await once(child, 'exit');
    const { scope, done, refused } = report;
    expect(refused).not.to.have.length(0);
    expect(statSync(file).size).to.be.below(700_000);
    const store = new SqliteStore(file);
    await store.prepare();
    try {
      const rows = await store.records.list(scope, KIND, { limit: 9999 }, NOW);
      expect(rows.map((row) => row.id)).to.deep.equal(done);
    } finally {
      await store.close();
    }
    assertSound(file);
  });
});
