/** The embedded store's own side of the commands: the contract, and what only a file can have. */
import { chmodSync, closeSync, existsSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import type { Finding } from '../../src/store/maintenance.ts';
import { openMaintenance, openStore } from '../../src/store/open.ts';
import { failure, freshScope, NOW } from '../support/store-samples.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/store-sqlite.ts';
import { type MaintenanceOpening, maintenanceContract } from './store/maintenance.ts';

async function open(): Promise<MaintenanceOpening & { readonly directory: string }> {
  const directory = await temporaryDirectory();
  const options = { directory: directory.path };
  const [store, maintenance] = [
    openStore('sqlite:store.db', options),
    openMaintenance('sqlite:store.db', options),
  ];
  await store.prepare();
  const close = async (): Promise<void> => {
    await maintenance.close();
    await store.close();
    await directory.remove();
  };
  return { store, maintenance, close, directory: directory.path };
}

maintenanceContract('sqlite', open);

describe('sqlite: maintenance', () => {
  let directory: TemporaryDirectory;
  const options = () => ({ directory: directory.path });
  const maintenance = () => openMaintenance('sqlite:store.db', options());
  const path = () => join(directory.path, 'store.db');
  beforeEach(async () => {
    directory = await temporaryDirectory();
    const store = openStore('sqlite:store.db', options());
    await store.prepare();
    await store.records.insert(freshScope(), 'kind', { id: 'a', data: {} }, NOW);
    await store.close();
  });
  afterEach(() => directory.remove());

  const inspected = async (thorough = false): Promise<Map<string, Finding>> => {
    const opened = maintenance();
    const findings = await opened.inspect({ thorough });
    await opened.close();
    return new Map(findings.map((finding) => [finding.subject, finding]));
  };
  const alter = (sql: string): void => {
    const db = new DatabaseSync(path());
    db.exec(sql);
    db.close();
  };

  it('is claimed only while nobody else has it open, and nobody opens it meanwhile', async () => {
    const other = openStore('sqlite:store.db', options());
    await other.prepare();
    const claiming = maintenance();
    try {
      expect((await failure(claiming.claim())).name).to.equal('StoreInUse');
      await other.close();
      expect(await claiming.claim()).to.equal(true);
      const late = new DatabaseSync(path(), { timeout: 0 });
      expect(() => late.prepare('SELECT * FROM record').all()).to.throw('locked');
      late.close();
      expect(await claiming.sizes(NOW)).to.have.lengthOf(1);
    } finally {
      await claiming.close();
    }
    const after = openStore('sqlite:store.db', options());
    await after.prepare();
    await after.close();
  });

  it('a missing file is told and not made', async () => {
    const missing = openMaintenance('sqlite:none.db', options());
    expect(await missing.inspect({ thorough: false })).to.have.nested.property('[0].level', 'fault');
    expect((await failure(missing.sizes(NOW))).message).to.match(/does not exist/);
    await missing.close();
    expect(existsSync(join(directory.path, 'none.db'))).to.equal(false);
  });

  it('a lost index is a fault', async () => {
    alter('DROP INDEX record_due');
    expect((await inspected()).get('tables and indexes')).to.deep.include({
      level: 'fault',
      detail: 'missing: record_due',
    });
  });

  it('damage is a fault', async () => {
    const db = new DatabaseSync(path());
    const { rootpage } = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'record'").get() ?? {};
    db.close();
    const file = openSync(path(), 'r+');
    writeSync(file, Buffer.alloc(200, 0xa5), 0, 200, (Number(rootpage) - 1) * 4096);
    closeSync(file);
    expect((await inspected(true)).get('integrity')?.level).to.equal('fault');
  });

  it('a newer schema is a fault, and the file stays as it is', async () => {
    alter('PRAGMA user_version = 99');
    const { mtimeMs } = statSync(path());
    expect((await inspected()).get('schema')).to.deep.include({ level: 'fault' });
    expect(statSync(path()).mtimeMs).to.equal(mtimeMs);
  });

  it('ML-03 a file that others may read is a warning', async () => {
    expect((await inspected()).get('rights')?.level).to.equal('ok');
    chmodSync(path(), 0o644);
    expect((await inspected()).get('rights')).to.deep.include({ level: 'warning' });
  });
});
