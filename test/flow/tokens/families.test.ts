/** The logins of a person, seen and ended by an operator while the server runs: `postern families`. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { EXIT } from '../../../src/cli/command.ts';
import { runCommand } from '../../../src/cli/run.ts';
import { HOUR } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import {
  again,
  auditOf,
  isAlive,
  loginWithTokens,
  newAddress,
  refreshWith,
  tokensFor,
} from '../../support/logins.ts';
import { SecretBag } from '../../support/secret-bag.ts';
import { SHOP, withSecret } from './shop.ts';

describe('families', () => {
  const secret = randomBytes(32);
  const apps = { shop: SHOP, studio: APPS.studio };
  let harness: Harness;
  before(async () => {
    harness = await startPostern({ apps, secrets: [secret] });
    // The command checks the file as production code does; the harness does not.
    const file = JSON.stringify({ apps }).replaceAll('http://client.test', 'https://client.test');
    writeFileSync(join(harness.directory, 'config.yaml'), file);
  });
  after(() => harness.close());
  afterEach(restoreTime);

  const postern = async (line: string): Promise<{ code: number; out: string[]; err: string[] }> => {
    const [out, err]: [string[], string[]] = [[], []];
    const code = await runCommand(line.split(' '), {
      env: {
        CONFIG: join(harness.directory, 'config.yaml'),
        STORE_URL: harness.config.storeUrl,
        SECRET_KEY: secret.toString('base64'),
        BASE_URL: harness.url,
      },
      cwd: harness.directory,
      print: (text) => out.push(text),
      complain: (text) => err.push(text),
    });
    return { code, out, err };
  };
  const isDead = async (
    login: Awaited<ReturnType<typeof loginWithTokens>>,
    token = login.tokens.refresh_token,
  ) => (await refreshWith(login.rp, token)).json.error === 'invalid_grant';

  it('AC-22 shows who, where and since when, and nothing that signs anybody in', async () => {
    const address = newAddress();
    const login = await loginWithTokens(harness, { address });
    const second = await tokensFor(login.rp, await again(login.browser, login.rp));
    passTime(harness, HOUR);
    const next = await refreshWith(login.rp, second.refresh_token);
    restoreTime();
    const { code, out } = await postern(`families list --app shop --user ${address}`);
    expect(code).to.equal(EXIT.ok);
    expect(out).to.have.length(2);
    for (const line of out) {
      expect(line)
        .to.include('client web')
        .and.include(`user ${login.tokens.claims?.sub}`)
        .and.include('openid, email');
    }
    const used = out.map((line) => /since (\S+) {2}last used (\S+)/.exec(line)?.slice(1) ?? []);
    // A busy machine may need a second between a Grant and its first token; an hour is a use.
    const wasUsed = ([since = '', last = '']: string[]) => Date.parse(last) - Date.parse(since) > HOUR / 2;
    expect(used.filter(wasUsed)).to.have.length(1);

    const bag = new SecretBag();
    for (const tokens of [login.tokens, second, next.json]) {
      bag.add('access token', tokens.access_token);
      bag.add('refresh token', tokens.refresh_token);
    }
    bag.addCookies(login.browser);
    expect(bag.foundIn(out.join('\n'))).to.deep.equal([]);
    expect(bag.foundIn(await harness.dump())).to.deep.equal([]);
  });

  it('AC-22 one of a page: only that family dies, its neighbours in the same session go on', async () => {
    const login = await loginWithTokens(harness);
    const kept = await tokensFor(login.rp, await again(login.browser, login.rp));
    const user = String(login.tokens.claims?.sub);
    const first = await postern(`families list --app shop --user ${user} --limit 1`);
    const after = /^more: --after (\S+)$/.exec(first.out.at(-1) ?? '')?.[1] ?? '';
    const rest = await postern(`families list --app shop --user ${user} --limit 1 --after ${after}`);
    const ids = [first.out[0], rest.out[0]].map((line) => line?.split(' ')[0] ?? '');
    expect(new Set(ids).size).to.equal(2);
    expect(rest.out).to.have.length(1);

    const ended = await postern(`families revoke --app shop --family ${ids[0]}`);
    expect([ended.code, ended.out]).to.deep.equal([EXIT.ok, ['1 login ended']]);
    const dead = [await isDead(login), await isDead(login, kept.refresh_token)];
    expect(dead.toSorted()).to.deep.equal([false, true]);
    const left = await postern(`families list --app shop --user ${user}`);
    expect(left.out.map((line) => line.split(' ')[0])).to.deep.equal([ids[1]]);
    const again2 = await postern(`families revoke --app shop --family ${ids[0]}`);
    expect([again2.code, again2.out]).to.deep.equal([EXIT.failed, ['0 logins ended']]);
  });

  it('OA-26 all of a user at one client: others of the user and of the client go on, and the audit log has it', async () => {
    const address = newAddress();
    const web = await loginWithTokens(harness, { address });
    const back = await loginWithTokens(harness, { address, client: 'secretive', rp: withSecret('openid') });
    const stranger = await loginWithTokens(harness);
    const { out } = await postern(`families revoke --app shop --user ${address} --client web`);
    expect(out).to.deep.equal(['1 login ended']);
    expect(await isDead(web)).to.equal(true);
    expect(await isAlive(web.rp, web.tokens.access_token)).to.equal(false);
    expect(await isDead(back)).to.equal(false);
    expect(await isDead(stranger)).to.equal(false);
    const told = (await auditOf(harness)).filter(
      ({ type, userId }) => type === 'grant.revoked' && userId === web.tokens.claims?.sub,
    );
    expect(told).to.have.length(1);
    expect(told[0]).to.deep.include({ reason: 'operator', clientId: 'web' });
  });

  it('OA-26 all of a client', async () => {
    const logins = [
      await loginWithTokens(harness, { client: 'other' }),
      await loginWithTokens(harness, { client: 'other' }),
    ];
    const { out } = await postern('families revoke --app shop --client other');
    expect(out).to.deep.equal(['2 logins ended']);
    for (const login of logins) expect(await isDead(login)).to.equal(true);
  });

  it('MT-01 a user or family of another app is not found', async () => {
    const login = await loginWithTokens(harness);
    const listed = await postern(`families list --app shop --user ${login.tokens.claims?.sub}`);
    const id = listed.out[0]?.split(' ')[0];
    expect((await postern(`families revoke --app studio --family ${id}`)).out).to.deep.equal([
      '0 logins ended',
    ]);
    expect((await postern(`families list --app studio --user ${login.address}`)).code).to.equal(EXIT.failed);
    expect(await isDead(login)).to.equal(false);
  });

  for (const line of [
    'families list --app shop',
    'families revoke --app shop',
    'families revoke --user somebody',
    'families revoke --app nowhere --user somebody',
    'families list --app shop --client web --limit 0',
  ]) {
    it(`ends nothing on "${line}"`, async () => {
      const { code, out, err } = await postern(line);
      expect([code, out]).to.deep.equal([EXIT.usage, []]);
      expect(err.join()).not.to.equal('');
    });
  }
});
