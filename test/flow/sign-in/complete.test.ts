/** The whole way from the client to the client, without script, and the ways aside: cancel, change, back, again. */
import { expect } from 'chai';
import { SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import {
  APPS,
  callbackOf,
  type Harness,
  publicClient,
  redeemLink,
  startPostern,
} from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { newAddress } from '../../support/logins.ts';
import { formWith, OAuthError, pageOf } from '../../support/relying-party.ts';
import {
  askForMail,
  formTo,
  isSignedIn,
  landingOf,
  newBrowser,
  openLink,
  sessionsIn,
} from '../../support/sign-in.ts';

describe('sign-in', () => {
  let harness: Harness;
  let inspection: Inspection;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      desktop: publicClient({ application_type: 'native', redirect_uris: ['https://client.test/callback'] }),
      direct: publicClient({ finish_in: 'link' }),
    };
    harness = await startPostern({ apps: { shop: { ...APPS.shop, clients }, studio: APPS.studio } });
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
  });
  afterEach(restoreTime);

  it('WB-12 by code, without script', async () => {
    const { browser, rp, mail, waiting, address } = await askForMail(harness);
    const callback = callbackOf(await browser.submit(formWith(waiting, 'code'), { code: mail.code }));
    expect([...new URL(callback).searchParams.keys()].sort()).to.deep.equal(['code', 'iss', 'state']);
    const { access_token, claims } = await rp.exchange(callback);
    expect(await rp.userinfo(access_token)).to.include({
      email: address,
      email_verified: true,
      sub: claims?.sub,
    });
    expect(sessionsIn(browser)).to.have.length(1);
  });

  it('WB-12 by link in the browser that asked, without a further click', async () => {
    const { browser, rp, mail, address } = await askForMail(harness);
    const { access_token } = await rp.exchange(callbackOf(await redeemLink(browser.tab(), mail)));
    expect(await rp.userinfo(access_token)).to.include({ email: address });
  });

  it('WB-12 the link without script: its page takes the code instead', async () => {
    const { browser, rp, mail } = await askForMail(harness);
    const landing = await browser.tab().visit(landingOf(mail));
    expect(pageOf(landing).text).to.include('Type the code');
    const answer = await browser.submit(
      formWith(landing, 'code'),
      { code: mail.code },
      { from: landing.url },
    );
    await rp.exchange(callbackOf(answer));
  });

  it('a second authorization of the signed-in browser asks nothing', async () => {
    const { browser, rp, mail, waiting } = await askForMail(harness);
    await rp.exchange(callbackOf(await browser.submit(formWith(waiting, 'code'), { code: mail.code })));
    const callback = callbackOf(await browser.visit(await rp.authorizationUrl()));
    expect((await rp.exchange(callback)).claims?.amr).to.deep.equal(['email']);
  });

  it('ML-20 the same POST again, from this browser and another: no second code, no new session', async () => {
    const { browser, rp, mail, waiting } = await askForMail(harness);
    const { form } = await openLink(browser.tab(), mail);
    const { claims } = await rp.exchange(
      callbackOf(await browser.submit(form, { secret: mail.secret }, { from: waiting.url })),
    );
    const sub = claims?.sub ?? '';
    const session = sessionsIn(browser)[0]?.value;
    for (const [who, values, again] of [
      [browser, { secret: mail.secret }, form],
      [browser, { code: mail.code }, formWith(waiting, 'code')],
      [newBrowser(harness), { secret: mail.secret }, form],
      [newBrowser(harness), { code: mail.code }, formWith(waiting, 'code')],
    ] as const) {
      const answer = await who.submit(again, values, { from: waiting.url });
      expect(isSignedIn(answer)).to.equal(false);
      expect(answer.status).to.be.oneOf([400, 403, 409]);
    }
    expect(sessionsIn(browser)[0]?.value).to.equal(session);
    expect(await inspection.sessionsOf(sub)).to.equal(1);
    expect(await inspection.codesOf(sub)).to.equal(1);
  });

  it('ML-04 the used link opened again, by history or from the mail: a neutral page with a way on', async () => {
    const { browser, mail, waiting } = await askForMail(harness);
    await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    const session = sessionsIn(browser)[0]?.value;
    for (const who of [browser, newBrowser(harness)]) {
      const page = await who.visit(landingOf(mail));
      expect(page.status).to.equal(410);
      expect(page.headers['cache-control']).to.equal('no-store');
      expect(pageOf(page).text).to.include('This link has been used');
      expect(pageOf(page).links.map(({ url }) => url)).to.include('http://client.test/');
    }
    expect(sessionsIn(browser)[0]?.value).to.equal(session);
  });

  it('back to the waiting page after the sign-in: "finished in your other tab"', async () => {
    const { browser, mail, waiting, interaction } = await askForMail(harness);
    await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    const page = await browser.visit(interaction);
    expect(page.status).to.equal(409);
    expect(pageOf(page).text).to.include('You finished in your other tab');
    expect(JSON.parse((await browser.fetch(`${interaction}/status`)).body)).to.include({ state: 'used' });
  });

  it('ML-43 an anonymous session that somebody planted is not the one that is signed in', async () => {
    const attacker = newBrowser(harness);
    const rp = harness.rp();
    await attacker.visit(await rp.authorizationUrl());
    const victim = attacker.clone();
    const { mail, waiting } = await askForMail(harness, { browser: victim });
    await victim.submit(formWith(waiting, 'code'), { code: mail.code });
    expect(sessionsIn(victim)).to.have.length(1);
    expect(sessionsIn(attacker).map(({ value }) => value)).not.to.include(sessionsIn(victim)[0]?.value);
    const tried = await attacker.visit(await rp.authorizationUrl({ prompt: 'none' }));
    expect(new URL(callbackOf(tried)).searchParams.get('error')).to.equal('login_required');
  });

  it('ML-43 the session cookie of one sign-in is dead after the next one in the same browser', async () => {
    const { browser, rp, mail, waiting, address } = await askForMail(harness);
    await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    const old = browser.clone();
    const again = await askForMail(harness, { browser, address, params: { prompt: 'login' } });
    await browser.submit(formWith(again.waiting, 'code'), { code: again.mail.code });
    expect(sessionsIn(browser)[0]?.value).not.to.equal(sessionsIn(old)[0]?.value);
    const tried = await old.visit(await rp.authorizationUrl({ prompt: 'none' }));
    expect(new URL(callbackOf(tried)).searchParams.get('error')).to.equal('login_required');
  });

  it('ML-48 prompt=login asks for a fresh mail and gives a newer auth_time; max_age too', async () => {
    const { browser, rp, mail, waiting, address } = await askForMail(harness);
    const first = await rp.exchange(
      callbackOf(await browser.submit(formWith(waiting, 'code'), { code: mail.code })),
    );
    let before = Number(first.claims?.auth_time);
    for (const params of [{ prompt: 'login' }, { max_age: '1' }]) {
      passTime(harness, 31 * SECOND);
      const next = await askForMail(harness, { browser, address, params });
      expect(next.mail.id).not.to.equal(mail.id);
      const callback = callbackOf(
        await browser.submit(formWith(next.waiting, 'code'), { code: next.mail.code }),
      );
      const { claims } = await next.rp.exchange(callback);
      expect(Number(claims?.auth_time)).to.be.greaterThan(before);
      before = Number(claims?.auth_time);
    }
  });

  it('cancel tells the client access_denied', async () => {
    const browser = newBrowser(harness);
    const rp = harness.rp();
    const first = await browser.visit(await rp.authorizationUrl());
    const answer = await browser.submit(formTo(first, 'cancel'));
    expect(new URL(callbackOf(answer)).searchParams.get('error')).to.equal('access_denied');
    const error = await rp.exchange(callbackOf(answer)).catch((fault: unknown) => fault);
    expect(error).to.be.instanceOf(OAuthError);
    expect(sessionsIn(browser)).to.have.length(0);
  });

  it('a cancelled request cannot be completed by its mail', async () => {
    const { browser, mail, waiting } = await askForMail(harness);
    const page = await browser.submit(formTo(waiting, 'change'));
    await browser.submit(formTo(page, 'cancel'));
    const answer = await browser
      .tab()
      .submit(formWith(waiting, 'code'), { code: mail.code }, { from: waiting.url });
    expect(isSignedIn(answer)).to.equal(false);
    expect(await inspection.statusOf(mail.id)).to.equal('closed');
  });

  it('change of address: the new one is mailed, and a step back means the first one again', async () => {
    const { browser, waiting, address, mail } = await askForMail(harness);
    const other = newAddress();
    const change = async (to: string) => {
      const page = await browser.submit(formTo(waiting, 'change'), {}, { from: waiting.url });
      return browser.submit(formWith(page, 'email'), { email: to });
    };
    expect(pageOf(await change(other)).text).to.include(other);
    const { code } = await harness.mailTo(other);
    const back = await change(address);
    expect(pageOf(back).text).to.include(address);
    const wrong = await browser.clone().submit(formWith(back, 'code'), { code }, { from: back.url });
    expect(isSignedIn(wrong)).to.equal(false);
    expect(isSignedIn(await browser.submit(formWith(back, 'code'), { code: mail.code }))).to.equal(true);
  });

  it('login_hint fills the field in and sends nothing', async () => {
    const browser = newBrowser(harness);
    const hint = newAddress();
    const page = await browser.visit(await harness.rp().authorizationUrl({ login_hint: hint }));
    const email = formWith(page, 'email').fields.find(({ name }) => name === 'email');
    expect(email?.value).to.equal(hint);
    await harness.server.jobs.runDue();
    expect(harness.mails().some(({ mail }) => mail.to === hint)).to.equal(false);
  });

  it('finish_in reaches both pages of the two tabs, with one channel and no id of the request', async () => {
    for (const [client, expected] of [
      ['web', 'auto'],
      ['desktop', 'waiting'],
      ['direct', 'link'],
    ] as const) {
      const own = client === 'desktop' ? { rp: { redirectUri: 'https://client.test/callback' } } : {};
      const { browser, mail, waiting, interaction } = await askForMail(harness, { client, ...own });
      expect(waiting.body).to.include(`data-finish-in="${expected}"`);
      const { form } = await openLink(browser.tab(), mail);
      const stop = { from: waiting.url, refresh: false };
      const proved = await browser.tab().submit(form, { secret: mail.secret }, stop);
      expect(proved.body).to.include(`data-finish-in="${expected}"`);
      const channel = /data-channel="([\w-]+)"/.exec(waiting.body)?.[1] ?? 'none';
      expect(proved.body).to.include(`data-channel="${channel}"`);
      expect(interaction).not.to.include(channel);
      expect(pageOf(proved).refresh === undefined).to.equal(expected === 'waiting');
      expect(JSON.parse((await browser.fetch(`${interaction}/status`)).body)).to.include({ state: 'proved' });
    }
  });
});
