/** The store commands on MongoDB: moving there and back, and a dump that was put back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MINUTE, SECOND } from '../../../src/core/clock.ts';
import { placeOf, TABLES, type TransferRow } from '../../../src/store/maintenance.ts';
import { openMaintenance } from '../../../src/store/open.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { type Harness, startPostern } from '../../support/harness.ts';
import { again, isAlive, loginWithTokens, refreshWith, type TokenLogin } from '../../support/logins.ts';
import { mongoOrSkip } from '../../support/mongo-server.ts';
import { store } from '../../support/store-commands.ts';
import { type TemporaryDatabase, temporaryDatabase } from '../../support/store-mongo.ts';

describe('store commands on MongoDB', () => {
  let directory: string;
  let database: TemporaryDatabase;
  before(async function () {
    await mongoOrSkip(this);
  });
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postern-mongo-'));
    database = await temporaryDatabase();
  });
  afterEach(async () => {
    restoreTime();
    rmSync(directory, { recursive: true, force: true });
    await database.drop();
  });

  const file = (name: string): string => `sqlite:${join(directory, name)}`;
  const command = (...args: string[]) => store(args, { url: database.url, cwd: directory });
  const start = async (storeUrl: string, former?: Harness): Promise<Harness> => {
    const same = former ? { port: Number(new URL(former.url).port), clock: former.clock } : {};
    const started = await startPostern({ directory, config: { storeUrl }, ...same });
    return former ? { ...started, clock: former.clock } : started;
  };
  const refreshed = ({ rp, tokens }: TokenLogin, token = tokens.refresh_token): Promise<number> =>
    refreshWith(rp, token).then((answer) => answer.status);

  it('store migrate to MongoDB and back: nobody is signed out, what was revoked stays dead', async () => {
    let harness = await start(file('one.db'));
    const kept = await loginWithTokens(harness);
    const dead = await loginWithTokens(harness);
    await refreshWith(dead.rp, dead.tokens.refresh_token);
    passTime(harness, MINUTE);
    expect(await refreshed(dead)).to.equal(400);
    await harness.close();
    let token = kept.tokens.refresh_token;
    for (const [from, to] of [
      [file('one.db'), database.url],
      [database.url, file('two.db')],
    ] as const) {
      const said = await command('migrate', from, to);
      expect(said, said.err).to.include({ code: 0 });
      expect(said.out).to.match(/OK: \d+ rows are in the target, each compared/);
      harness = await start(to, harness);
      try {
        const answer = await refreshWith(kept.rp, token);
        expect(answer.status).to.equal(200);
        token = String(answer.json.refresh_token);
        expect(await refreshed(dead)).to.equal(400);
        expect(await isAlive(dead.rp, dead.tokens.access_token)).to.equal(false);
        await again(kept.browser, kept.rp);
      } finally {
        await harness.close();
      }
    }
    expect(await command('migrate', file('two.db'), database.url), 'not over data').to.include({ code: 1 });
  });

  it('store check finds what Postern made in order, and says what is in it', async () => {
    const harness = await start(database.url);
    await loginWithTokens(harness);
    await harness.close();
    const said = await command('check');
    expect(said, said.out).to.include({ code: 0, err: '' });
    expect(said.out)
      .to.match(/write concern: a write was acknowledged by a majority/)
      .and.match(/record user$/m);
  });

  it('RL-23, OA-23 a dump that was put back revives families, and store epoch ends them for good', async () => {
    let harness = await start(database.url);
    const revoked = await loginWithTokens(harness);
    const dump = await everything(database.url);
    await refreshWith(revoked.rp, revoked.tokens.refresh_token);
    passTime(harness, MINUTE);
    expect(await refreshed(revoked)).to.equal(400);
    await harness.close();

    await putBack(database.url, dump);
    harness = await start(database.url, harness);
    expect(await isAlive(revoked.rp, revoked.tokens.access_token), 'what the command is for').to.equal(true);
    await harness.close();

    await putBack(database.url, dump);
    expect(await command('epoch')).to.include({ code: 0 });
    harness = await start(database.url, harness);
    try {
      passTime(harness, 2 * SECOND);
      expect(await refreshed(revoked)).to.equal(400);
      expect(await isAlive(revoked.rp, revoked.tokens.access_token)).to.equal(false);
      const { rp, tokens } = await loginWithTokens(harness, { address: revoked.address });
      expect((await rp.userinfo(tokens.access_token)).email).to.equal(revoked.address);
    } finally {
      await harness.close();
    }
  });

  it('RL-23 store epoch beside running servers: all of them follow within a second', async () => {
    const harness = await start(database.url);
    try {
      const login = await loginWithTokens(harness);
      expect(await command('epoch')).to.include({ code: 0 });
      passTime(harness, 2 * SECOND);
      for (let turn = 0; turn < 4; turn += 1) expect(await refreshed(login)).to.equal(400);
      expect(await refreshed(await loginWithTokens(harness, { browser: login.browser }))).to.equal(200);
    } finally {
      await harness.close();
    }
  });
});

/** As mongodump reads it. */
async function everything(url: string): Promise<readonly TransferRow[]> {
  const maintenance = openMaintenance(url);
  const rows: TransferRow[] = [];
  for (const table of TABLES) {
    let page: readonly TransferRow[];
    let last: TransferRow | undefined;
    do {
      page = await maintenance.dump(table, last && placeOf(last), 100, 0);
      rows.push(...page);
      last = page.at(-1);
    } while (page.length === 100);
  }
  await maintenance.close();
  return rows;
}

/** As mongorestore --drop writes it. */
async function putBack(url: string, rows: readonly TransferRow[]): Promise<void> {
  const maintenance = openMaintenance(url);
  await maintenance.clear();
  await maintenance.load(rows);
  await maintenance.close();
}
