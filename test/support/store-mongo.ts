/** MongoDB stores on databases of their own, dropped afterwards. */

import type { Maintenance } from '../../src/store/maintenance.ts';
import { openMaintenance, openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/port.ts';
import { dropDatabase, mongoServer } from './mongo-server.ts';
import { freshId } from './store-samples.ts';

export interface TemporaryDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

export async function temporaryDatabase(): Promise<TemporaryDatabase> {
  const url = (await mongoServer()).url(`store_${freshId().replaceAll('-', '_')}`);
  return { url, drop: () => dropDatabase(url) };
}

/** Two instances on one database: two pools that know nothing of each other. */
export async function openTwoMongoStores(): Promise<{
  first: Store;
  second: Store;
  keepsMovedKeys: boolean;
  close(): Promise<void>;
}> {
  const { kind } = await mongoServer();
  const database = await temporaryDatabase();
  const [first, second] = [openStore(database.url), openStore(database.url)];
  await Promise.all([first.prepare(), second.prepare()]);
  const close = async (): Promise<void> => {
    await Promise.all([first.close(), second.close()]);
    await database.drop();
  };
  return { first, second, close, keepsMovedKeys: kind === 'secantus' || kind === 'wheel' };
}

export async function openMongoWithMaintenance(): Promise<{
  store: Store;
  maintenance: Maintenance;
  close(): Promise<void>;
}> {
  const database = await temporaryDatabase();
  const [store, maintenance] = [openStore(database.url), openMaintenance(database.url)];
  await store.prepare();
  const close = async (): Promise<void> => {
    await Promise.all([store.close(), maintenance.close()]);
    await database.drop();
  };
  return { store, maintenance, close };
}
