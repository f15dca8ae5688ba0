/** `postern store check`, as an operator or a nightly job runs it. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { type Harness, startPostern } from '../../support/harness.ts';
import { loginWithTokens } from '../../support/logins.ts';
import { store } from '../../support/store-commands.ts';

describe('store check', () => {
  let directory: string;
  let harness: Harness;
  const file = (): string => join(directory, 'postern.db');
  const check = (...args: string[]) => store(['check', ...args], { url: `sqlite:${file()}`, cwd: directory });
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postern-check-'));
    harness = await startPostern({
      directory,
      config: { storeUrl: `sqlite:${join(directory, 'postern.db')}` },
    });
    await loginWithTokens(harness);
  });
  after(async () => {
    await harness.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('beside a running server says that all is well, and what is in it', async () => {
    const said = await check('--thorough');
    expect(said).to.include({ code: 0, err: '' });
    expect(said.out).to.match(/^sqlite:\/.*postern\.db$/m);
    for (const line of [
      /ok +schema: version 1/,
      /ok +integrity: integrity_check/,
      /ok +durability: /,
      /ok +rights/,
    ]) {
      expect(said.out).to.match(line);
    }
    expect(said.out)
      .to.match(/ 1 +0\.0 MB {2}record user$/m)
      .and.match(/artifact RefreshToken$/m);
    expect(said.out).to.not.match(/WARNING|FAULT/);
  });

  it('a warning is told and is no fault', async () => {
    chmodSync(file(), 0o640);
    const said = await check();
    chmodSync(file(), 0o600);
    expect(said).to.include({ code: 0 });
    expect(said.out).to.match(/WARNING {2}rights: others may read/);
  });

  it('a fault is told with exit code 1', async () => {
    const db = new DatabaseSync(file());
    db.exec('DROP INDEX artifact_grant');
    const said = await check();
    db.exec('CREATE INDEX artifact_grant ON artifact (grant_id) WHERE grant_id IS NOT NULL');
    db.close();
    expect(said).to.include({ code: 1 });
    expect(said.out).to.match(/FAULT +tables and indexes: missing: artifact_grant/);
    const missing = await store(['check'], { url: 'sqlite:none.db', cwd: directory });
    expect(missing).to.include({ code: 1 });
    expect(missing.out).to.match(/FAULT +file: .*does not exist/);
  });

  it('a store that cannot be read is told in words, without the password of its address', async () => {
    const said = await store(['check'], { url: 'mongodb://me:hunter2@127.0.0.1:1', cwd: directory });
    expect(said).to.include({ code: 1 });
    expect(said.err).to.match(/^STORE_URL: must /);
    expect(said.out + said.err).to.not.include('hunter2');
  });
});
