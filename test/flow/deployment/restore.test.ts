/** What an older copy of the store must not bring back to life, by whatever way it came back. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MINUTE, SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { ask, type Harness, redeemLink, startPostern } from '../../support/harness.ts';
import {
  again,
  isAlive,
  loginWithTokens,
  newAddress,
  refreshWith,
  type TokenLogin,
} from '../../support/logins.ts';
import { Browser } from '../../support/relying-party.ts';
import { store } from '../../support/store-commands.ts';
import { failure } from '../../support/store-samples.ts';

describe('a backup of the embedded store', () => {
  let directory: string;
  let harness: Harness;
  const database = (): string => join(directory, 'postern.db');
  const command = (...args: string[]) => store(args, { url: `sqlite:${database()}`, cwd: directory });
  const start = async (): Promise<void> => {
    const port = Number(new URL(harness.url).port);
    // What was issued in the second of the epoch counts as older.
    passTime(harness, 2 * SECOND);
    harness = {
      ...(await startPostern({ embedded: true, directory, port, clock: harness.clock })),
      clock: harness.clock,
    };
  };

  /** A family that dies after the backup was made, another that lives on, and a session. */
  let revoked: TokenLogin;
  let kept: TokenLogin;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postern-restore-'));
    harness = await startPostern({ embedded: true, directory });
    revoked = await loginWithTokens(harness);
    kept = await loginWithTokens(harness);
  });
  afterEach(async () => {
    restoreTime();
    await harness.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const refreshed = async ({ rp, tokens }: TokenLogin): Promise<number> =>
    (await refreshWith(rp, tokens.refresh_token)).status;

  /** Reuse after the window ends the family. */
  async function revoke({ rp, tokens }: TokenLogin): Promise<void> {
    await refreshWith(rp, tokens.refresh_token);
    passTime(harness, MINUTE);
    expect((await refreshWith(rp, tokens.refresh_token)).status).to.equal(400);
    expect(await isAlive(rp, tokens.access_token)).to.equal(false);
  }

  it('RL-23, OA-23 backed up while running and restored, a family that was revoked since stays dead', async () => {
    expect(await command('backup', 'backup.db')).to.deep.include({ code: 0, err: '' });
    await revoke(revoked);
    const late = await loginWithTokens(harness);
    await harness.close();
    const restored = await command('restore', 'backup.db');
    expect(restored, restored.err).to.include({ code: 0 });
    expect(restored.out)
      .to.match(/everybody signs in anew/)
      .and.match(/signing keys/);
    await start();
    for (const login of [revoked, kept, late]) expect(await refreshed(login)).to.equal(400);
    for (const { rp, tokens } of [revoked, kept]) {
      expect(await isAlive(rp, tokens.access_token)).to.equal(false);
    }
    const page = await kept.browser.visit(await kept.rp.authorizationUrl());
    expect(page.body, 'the session is over').to.match(/name="email"/);
  });

  it('RL-23 after a restore users are who they were, keys and consents stay, and everybody can sign in', async () => {
    await command('backup', 'backup.db');
    const { sub } = await kept.rp.userinfo(kept.tokens.access_token);
    await harness.close();
    await command('restore', 'backup.db');
    await start();
    const login = await loginWithTokens(harness, { address: kept.address, browser: kept.browser });
    expect((await login.rp.userinfo(login.tokens.access_token)).sub).to.equal(sub);
    expect(await refreshed(login)).to.equal(200);
    await again(login.browser, login.rp);
  });

  it('RL-23, ML-21 a mail of before the backup signs nobody in after the restore', async () => {
    const browser = new Browser({ now: harness.clock.now });
    const address = newAddress();
    await ask(browser, harness.rp(), address);
    const mail = await harness.mailTo(address);
    await command('backup', 'backup.db');
    await redeemLink(browser, mail);
    await harness.close();
    await command('restore', 'backup.db');
    await start();
    const landing = await browser.visit(mail.link.split('#')[0] ?? '');
    expect(landing.body).to.not.include('name="secret"');
    const stranger = await new Browser({ now: harness.clock.now }).visit(mail.link.split('#')[0] ?? '');
    expect(stranger.body).to.not.include('name="code"');
  });

  it('RL-23 --keep-sessions gives back what the backup knew, for whoever knows that nothing was revoked', async () => {
    await command('backup', 'backup.db');
    await harness.close();
    expect(await command('restore', '--keep-sessions', 'backup.db')).to.include({ code: 0 });
    await start();
    expect(await refreshed(kept)).to.equal(200);
    await again(kept.browser, kept.rp);
  });

  it('RL-23 is not put over a store in use, and nothing changes', async () => {
    await command('backup', 'backup.db');
    const refused = await command('restore', 'backup.db');
    expect(refused).to.include({ code: 1 });
    expect(refused.err).to.match(/in use: stop every Postern/);
    expect(await refreshed(kept)).to.equal(200);
  });

  it('ML-03 a backup is for its owner only, one file, and never replaces another', async () => {
    await command('backup', 'made/backup.db');
    expect(readdirSync(join(directory, 'made'))).to.deep.equal(['backup.db']);
    expect(statSync(join(directory, 'made', 'backup.db')).mode & 0o777).to.equal(0o600);
    expect(await command('backup', 'made/backup.db')).to.include({ code: 1 });
  });

  it('the former store is kept, also a damaged one, and no scaffold is left', async () => {
    await command('backup', 'backup.db');
    await harness.close();
    copyFileSync('/dev/null', database());
    expect(await command('restore', 'backup.db')).to.include({ code: 0 });
    const files = readdirSync(directory).map((name) => name.replace(/replaced-.*/, 'replaced'));
    expect(files.toSorted()).to.deep.equal(
      ['backup.db', 'postern.db', 'postern.db.mark', 'postern.db.replaced'].toSorted(),
    );
    await start();
  });

  describe('put back by hand', () => {
    beforeEach(async () => {
      await command('backup', 'backup.db');
      await harness.server.tick();
      passTime(harness, 2 * MINUTE);
      await harness.server.tick();
      await revoke(revoked);
      await harness.close();
      for (const suffix of ['-wal', '-shm']) rmSync(database() + suffix, { force: true });
      copyFileSync(join(directory, 'backup.db'), database());
    });

    it('RL-23 is noticed: Postern does not start on it, and says what to do', async () => {
      const refused = await failure(startPostern({ embedded: true, directory, clock: harness.clock }));
      expect(refused.message).to.match(/somebody put a copy back[\s\S]*store epoch/);
      await command('epoch', '--keep-sessions');
      await start();
    });

    it('RL-23, OA-23 store epoch makes it safe: what was revoked stays dead, people sign in anew', async () => {
      const said = await command('epoch');
      expect(said, said.err).to.include({ code: 0 });
      await start();
      expect(await refreshed(revoked)).to.equal(400);
      expect(await refreshed(kept)).to.equal(400);
      await loginWithTokens(harness, { address: kept.address });
    });

    it('RL-23 store epoch --keep-sessions accepts it as it is', async () => {
      await command('epoch', '--keep-sessions');
      await start();
      expect(await refreshed(kept)).to.equal(200);
    });
  });

  it('RL-23 store epoch beside a running server: within a second nothing older is valid, new sign-ins are', async () => {
    expect(await command('epoch')).to.include({ code: 0 });
    passTime(harness, 2 * SECOND);
    expect(await refreshed(kept)).to.equal(400);
    expect(await isAlive(kept.rp, kept.tokens.access_token)).to.equal(false);
    const login = await loginWithTokens(harness, { browser: kept.browser });
    expect(await refreshed(login)).to.equal(200);
  });

  it('a new store beside the mark of a deleted one is welcome', async () => {
    await harness.close();
    rmSync(database());
    expect(existsSync(`${database()}.mark`)).to.equal(true);
    await start();
    await loginWithTokens(harness);
  });
});
