/** What an operator does to a user holds at once, everywhere, for good (AC-21). */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { EXIT } from '../../../src/cli/command.ts';
import type { UserId } from '../../../src/core/ids.ts';
import {
  APPS,
  callbackOf,
  type Harness,
  publicClient,
  redeemLink,
  startPostern,
} from '../../support/harness.ts';
import {
  auditOf,
  isAlive,
  login,
  loginWithTokens,
  newAddress,
  refreshWith,
  type TokenLogin,
  tokensFor,
} from '../../support/logins.ts';
import { LogoutSink } from '../../support/logout-sink.ts';
import { operator } from '../../support/operator.ts';
import { Browser, formWith, pageOf } from '../../support/relying-party.ts';
import { askForMail, formTo, isSignedIn, landingOf, newBrowser } from '../../support/sign-in.ts';
import { startTwin, type Twin } from '../../support/twin.ts';

const RESOURCE_SECRET = 'a-long-random-secret-for-tests-0123456789';

describe('AC-21 users by an operator', () => {
  const secret = randomBytes(32);
  let sink: LogoutSink;
  let harness: Harness;
  let twin: Twin;
  let postern: ReturnType<typeof operator>;
  before(async () => {
    sink = await LogoutSink.start();
    const clients = {
      ...APPS.shop.clients,
      told: publicClient({ backchannel_logout_uri: `${sink.url}/told` }),
    };
    const apps = { shop: { ...APPS.shop, clients }, studio: APPS.studio };
    const config = { outboundAllow: ['127.0.0.1/32'] };
    harness = await startPostern({ apps, secrets: [secret], config });
    twin = await startTwin(harness, config);
    postern = operator(harness, apps, secret);
  });
  after(async () => {
    await twin.close();
    await harness.close();
    await sink.close();
  });

  const silent = async ({ browser, rp }: Pick<TokenLogin, 'browser' | 'rp'>) => {
    const answer = await browser.tab().visit(await rp.authorizationUrl({ prompt: 'none' }));
    return new URL(answer.next ?? '').searchParams.get('error');
  };
  /** Everything that the person held, asked at both servers. */
  const isOver = async (person: TokenLogin): Promise<void> => {
    for (const rp of [person.rp, twin.rp()]) {
      expect(await isAlive(rp, person.tokens.access_token), 'userinfo').to.equal(false);
      const refreshed = await refreshWith(rp, person.tokens.refresh_token);
      expect(refreshed.json.error, 'refresh').to.equal('invalid_grant');
    }
    const elsewhere = new Browser({ route: twin.route }, person.browser.jar.clone());
    expect(await silent({ browser: elsewhere, rp: person.rp }), 'session').to.equal('login_required');
    expect(await silent(person), 'session').to.equal('login_required');
  };
  const typesOf = async (userId: unknown) =>
    (await auditOf(harness)).filter((event) => event.userId === (userId as UserId)).map(({ type }) => type);

  it('AC-21 disabled: sessions die, refresh is invalid_grant, userinfo 401, at both servers', async () => {
    const person = await loginWithTokens(harness);
    const said = await postern(`users disable --app shop --user ${person.address}`);
    expect(said).to.include({ code: EXIT.ok });
    await isOver(person);
    expect(await typesOf(person.tokens.claims?.sub)).to.include.members([
      'user.disabled',
      'grant.revoked',
      'sign_out',
    ]);
  });

  it('AC-21 disabled: introspection says inactive', async () => {
    const basic = { headers: { authorization: `Basic ${btoa(`secretive:${RESOURCE_SECRET}`)}` } };
    const browser = new Browser();
    const rp = harness.rp('shop', 'secretive', { clientSecret: RESOURCE_SECRET });
    const person = await login(harness, {
      browser,
      client: 'secretive',
      rp: { clientSecret: RESOURCE_SECRET },
    });
    const tokens = await tokensFor(person.rp, person.callback);
    const introspect = async () => {
      const { introspection_endpoint: url } = Object(await rp.metadata());
      const body = new URLSearchParams({ token: tokens.access_token });
      return Object(await (await fetch(url, { method: 'POST', body, ...basic })).json()).active;
    };
    expect(await introspect()).to.equal(true);
    await postern(`users disable --app shop --user ${person.address}`);
    expect(await introspect()).to.equal(false);
  });

  it('AC-21 disabled: links and codes that are on their way are dead, also after the user is enabled again', async () => {
    const address = newAddress();
    const person = await loginWithTokens(harness, { address });
    const byLink = await askForMail(harness, { address });
    const byCode = await askForMail(harness, { address });
    await postern(`users disable --app shop --user ${address}`);
    expect(isSignedIn(await redeemLink(byLink.browser, byLink.mail))).to.equal(false);
    await postern(`users enable --app shop --user ${address}`);
    expect(isSignedIn(await redeemLink(byLink.browser, byLink.mail))).to.equal(false);
    const { code } = byCode.mail;
    expect(isSignedIn(await byCode.browser.submit(formWith(byCode.waiting, 'code'), { code }))).to.equal(
      false,
    );
    await isOver(person);
  });

  it('AC-21 disabled: a mailbox that was proved before signs nobody in after the user is enabled again', async () => {
    const address = newAddress();
    const person = await loginWithTokens(harness, { address });
    const { browser, waiting, mail } = await askForMail(harness, { address });
    const proved = await browser.submit(formWith(waiting, 'code'), { code: mail.code }, { follow: false });
    const resume = /http[^"' ]+\/auth\/[\w-]+/.exec(proved.body)?.[0] ?? '';
    await postern(`users disable --app shop --user ${address}`);
    await postern(`users enable --app shop --user ${address}`);
    const page = await browser.visit(resume);
    expect(isSignedIn(page)).to.equal(false);
    expect(formWith(page, 'email'), 'the way on').to.be.an('object');
    await isOver(person);
  });

  it('AC-21 disabled: a pass to continue on another device is void, also after the user is enabled again', async () => {
    const address = newAddress();
    await loginWithTokens(harness, { address });
    const { mail, rp } = await askForMail(harness, { address });
    const phone = newBrowser(harness);
    const landing = await phone.visit(landingOf(mail));
    await phone.submit(formWith(landing, 'code'), { code: mail.code });
    const before = await phone.visit(await rp.authorizationUrl());
    await postern(`users disable --app shop --user ${address}`);
    await postern(`users enable --app shop --user ${address}`);
    expect(isSignedIn(await phone.submit(formTo(before, 'continue')))).to.equal(false);
    expect(formWith(await phone.visit(await rp.authorizationUrl()), 'email')).to.be.an('object');
  });

  it('AC-21 disabled: the mailbox can be proved and nothing comes of it; enabled: a new sign-in is the same user', async () => {
    const person = await loginWithTokens(harness);
    const { address } = person;
    await postern(`users disable --app shop --user ${person.tokens.claims?.sub}`);
    const { browser, waiting, mail } = await askForMail(harness, { address });
    const page = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    expect(page.status).to.equal(403);
    expect(pageOf(page).text).to.include('closed');
    expect(await postern(`users enable --app shop --user ${address}`)).to.include({ code: EXIT.ok });
    await isOver(person);
    const back = await loginWithTokens(harness, { address });
    expect(back.tokens.claims?.sub).to.equal(person.tokens.claims?.sub);
  });

  it('AC-21 disabled: what was given with offline_access is over too, and stays so when the user is enabled again', async () => {
    const person = await loginWithTokens(harness);
    const rp = harness.rp('shop', 'web', { scope: 'openid offline_access' });
    const asked = await person.browser.visit(await rp.authorizationUrl({ prompt: 'consent' }));
    const tokens = await tokensFor(rp, callbackOf(await person.browser.submit(formTo(asked, 'consent'))));
    await postern(`users disable --app shop --user ${person.address}`);
    await postern(`users enable --app shop --user ${person.address}`);
    await isOver({ ...person, tokens });
  });

  it('OA-42 removed: everything is over, and whoever signs up with the address is somebody else', async () => {
    const person = await loginWithTokens(harness);
    const { address } = person;
    const pending = await askForMail(harness, { address });
    expect(await postern(`users remove --app shop --user ${address}`)).to.include({ code: EXIT.ok });
    await isOver(person);
    expect(isSignedIn(await redeemLink(pending.browser, pending.mail))).to.equal(false);
    expect(await postern(`users list --app shop --user ${address}`)).to.include({ code: EXIT.failed });
    const next = await loginWithTokens(harness, { address });
    expect(next.tokens.claims?.sub).to.be.a('string').and.not.equal(person.tokens.claims?.sub);
    expect(String(next.tokens.claims?.sub)).not.to.include('@');
    await isOver(person);
  });

  it('MT-04 the same mailbox in another app is another user, and stays signed in', async () => {
    const address = newAddress();
    const person = await loginWithTokens(harness, { address });
    const beside = await loginWithTokens(harness, { address, slug: 'studio' });
    await postern(`users remove --app shop --user ${address}`);
    await isOver(person);
    expect(await isAlive(beside.rp, beside.tokens.access_token)).to.equal(true);
    expect(await silent(beside)).to.equal(null);
  });

  it('OA-37 the clients of every session of the user are told', async () => {
    const address = newAddress();
    await loginWithTokens(harness, { address, client: 'told' });
    await loginWithTokens(harness, { address, client: 'told' });
    await postern(`users disable --app shop --user ${address}`);
    await harness.server.jobs.runDue();
    await twin.harness.server.jobs.runDue();
    for (let look = 0; look < 200 && sink.notices.length < 2; look += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(sink.notices).to.have.length(2);
  });

  it('RL-02 an end that broke off is completed by the next command', async () => {
    const person = await loginWithTokens(harness);
    const users = harness.server.users;
    const shop = harness.server.apps.bySlug('shop');
    if (!shop) throw new Error('no shop');
    const id = String(person.tokens.claims?.sub);
    expect(
      await Promise.all([users.disable(shop, id), users.disable(shop, id), users.disable(shop, id)]),
    ).to.deep.equal([true, true, true]);
    await isOver(person);
    expect((await typesOf(id)).filter((type) => type === 'user.disabled')).to.have.length(1);
    expect(await users.enable(shop, id)).to.equal(true);
    expect(await users.disable(shop, 'nobody')).to.equal(false);
  });

  it('says what is missing, and lists who is there', async () => {
    const person = await login(harness);
    expect(await postern('users disable --app shop')).to.include({ code: EXIT.usage });
    expect(await postern('users disable --app shop --user nobody@example.org')).to.include({
      code: EXIT.failed,
    });
    expect(await postern('users remove --app shop --user nobody')).to.include({ code: EXIT.failed });
    const { out } = await postern(`users list --app shop --user ${person.address}`);
    expect(out).to.have.length(1);
    expect(out[0]).to.include(person.address).and.include('active');
    expect((await postern('users list --app shop --limit 1')).out.at(-1)).to.match(/^more: --after /);
  });
});
