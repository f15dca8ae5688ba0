/** Embedded stores on files of their own, removed afterwards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/port.ts';

export interface TemporaryDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'postern-store-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Two instances on one file: two writer threads and two readers that know nothing of each other. */
export async function openTwoSqliteStores(): Promise<{
  first: Store;
  second: Store;
  close(): Promise<void>;
}> {
  const directory = await temporaryDirectory();
  const open = (): Store => openStore('sqlite:store.db', { directory: directory.path });
  const [first, second] = [open(), open()];
  await Promise.all([first.prepare(), second.prepare()]);
  const close = async (): Promise<void> => {
    await Promise.all([first.close(), second.close()]);
    await directory.remove();
  };
  return { first, second, close };
}
