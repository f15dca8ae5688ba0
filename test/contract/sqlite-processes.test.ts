/** Several processes of one machine share the file. */
import { join } from 'node:path';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/store-sqlite.ts';
import { raceOfProcesses } from './store/processes.ts';

describe('sqlite: several processes', () => {
  let directory: TemporaryDirectory;
  before(async () => {
    directory = await temporaryDirectory();
  });
  after(() => directory.remove());

  it('OA-08 OA-21 share one file: one winner per value, exact counters, no caller turned away', async () => {
    const file = join(directory.path, 'store.db');
    const store = new SqliteStore(file);
    await store.prepare();
    try {
      await raceOfProcesses(store, `sqlite:${file}`);
    } finally {
      await store.close();
    }
  });
});
