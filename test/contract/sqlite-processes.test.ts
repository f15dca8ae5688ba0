/** Several processes of one machine share the file. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { freshScope, NOW } from '../support/store-samples.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/store-sqlite.ts';

const PRIZES = 40;
const HITS = 150;

describe('sqlite: several processes', () => {
  let directory: TemporaryDirectory;
  before(async () => {
    directory = await temporaryDirectory();
  });
  after(() => directory.remove());

  it('OA-08 OA-21 share one file: one winner per value, exact counters, no caller turned away', async () => {
    const file = join(directory.path, 'store.db');
    const scope = freshScope();
    const store = new SqliteStore(file);
    await store.prepare();
    try {
      for (let index = 0; index < PRIZES; index += 1) {
        await store.oneTime.put(scope, 'prize', `p-${index}`, { index }, NOW + 1, NOW);
        await store.artifacts.insert(scope, 'Code', { id: `c-${index}`, data: {} }, NOW);
      }
      const script = new URL('../support/store-racer.ts', import.meta.url);
      const args = [file, scope, String(PRIZES), String(HITS)];
      const children = Array.from({ length: 3 }, () => fork(script, args));
      const reports = await Promise.all(
        children.map(async (child) => {
          await once(child, 'message');
          return child;
        }),
      ).then((ready) => {
        // All at once: each has opened the file and waits for the word.
        for (const child of ready) child.send('go');
        return Promise.all(ready.map(async (child) => (await once(child, 'message'))[0]));
      });
      const all = (name: string): unknown[] => reports.flatMap((report) => report[name]);
      expect(all('errors')).to.deep.equal([]);
      const everyPrize = Array.from({ length: PRIZES }, (_, index) => index);
      expect(all('prizes').sort(byNumber)).to.deep.equal(everyPrize);
      expect(all('marks').sort(byNumber)).to.deep.equal(everyPrize);
      const counts = Array.from({ length: 3 * HITS }, (_, index) => index + 1);
      expect(all('counts').sort(byNumber)).to.deep.equal(counts);
    } finally {
      await store.close();
    }
  });
});

const byNumber = (a: unknown, b: unknown): number => Number(a) - Number(b);
