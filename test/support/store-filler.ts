/** A process that writes until the store refuses, and tells its parent what became of each write. */
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { freshScope, NOW } from './store-samples.ts';

const [, , file = ''] = process.argv;
const store = new SqliteStore(file);
await store.prepare();
const scope = freshScope();
const done: string[] = [];
const refused: string[] = [];

async function put(id: string): Promise<boolean> {
  try {
    await store.records.insert(scope, 'thing', { id, data: { text: 'x'.repeat(5000) } }, NOW);
    return true;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'StoreUnavailable') throw error;
    return false;
  }
}

for (let index = 0; index < 400 && refused.length < 5; index += 1) {
  const id = `id-${String(index).padStart(3, '0')}`;
  ((await put(id)) ? done : refused).push(id);
}
process.send?.({ scope, done, refused });
await store.close();
process.disconnect?.();
