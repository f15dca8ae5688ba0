/** A method that the house does not know: its own folder, its views and one line (here: of the test) are all it touches. */
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { smsMethod, type TextMessage } from '../../support/fake-methods.ts';
import { APPS, callbackOf, type Harness, signInByCode, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { formTo } from '../../support/passwords.ts';
import { formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import { csrfOf, interactionOf, isSignedIn, newBrowser } from '../../support/sign-in.ts';

describe('a sixth method: a code by text message', () => {
  const sent: TextMessage[] = [];
  let harness: Harness;
  before(async () => {
    const shop = { ...APPS.shop, methods: { magic_link: {}, sms: {} } };
    harness = await startPostern({ apps: { shop, studio: APPS.studio }, methods: [smsMethod(sent)] });
  });
  after(() => harness.close());

  async function enrolled(phone: string) {
    const browser = newBrowser(harness);
    const address = newAddress();
    const offer = await signInByCode(harness, browser, harness.rp(), address);
    expect(isSignedIn(offer)).to.equal(false);
    return { browser, address, done: await browser.submit(formTo(offer, 'sms-enrol'), { phone }) };
  }

  it('is offered behind a sign-in, may be declined, and goes on to the client', async () => {
    const browser = newBrowser(harness);
    const offer = await signInByCode(harness, browser, harness.rp(), newAddress());
    expect(isSignedIn(await browser.submit(formTo(offer, 'skip')))).to.equal(true);
    const { done } = await enrolled('+4930111111');
    expect(isSignedIn(done)).to.equal(true);
  });

  it('signs in from the sign-in page, and claims what happened', async () => {
    const { address } = await enrolled('+4930222222');
    const browser = newBrowser(harness);
    const rp = harness.rp();
    const page = await browser.visit(await rp.authorizationUrl());
    const asked = await browser.submit(formTo(page, 'sms-ask'), { phone: '+4930222222' });
    const wrong = await browser.submit(formTo(asked, 'sms-check'), { code: 'none' });
    expect(wrong.status).to.equal(400);
    const again = await browser.submit(formTo(page, 'sms-ask'), { phone: '+4930222222' }, { from: page.url });
    const done = await browser.submit(formTo(again, 'sms-check'), { code: sent.at(-1)?.code ?? '' });
    const claims = decodeJwt(String((await rp.exchange(callbackOf(done))).id_token));
    expect(claims).to.include({ acr: 'urn:postern:acr:phone' });
    expect(claims.amr).to.deep.equal(['sms']);
    const byMail = harness.rp();
    const other = await signInByCode(harness, newBrowser(harness), byMail, address);
    expect(decodeJwt(String((await byMail.exchange(callbackOf(other))).id_token)).sub).to.equal(claims.sub);
  });

  it('a phone belongs to one user of an app', async () => {
    await enrolled('+4930333333');
    const { done } = await enrolled('+4930333333');
    expect(done.status).to.equal(403);
  });

  it('enrols nobody before the sign-in, nor in another browser than the one that proved', async () => {
    const browser = newBrowser(harness);
    const page = await browser.visit(await harness.rp().authorizationUrl());
    const early = await browser.tab().visit(`${interactionOf(page)}/sms-enrol`, {
      method: 'POST',
      body: { csrf: csrfOf(page), phone: '+4930444444' },
      from: page.url,
    });
    expect(early.status).to.equal(400);
    const offer = await signInByCode(harness, browser, harness.rp(), newAddress());
    const thief = newBrowser(harness);
    const own = await thief.visit(await harness.rp().authorizationUrl());
    const stolen = await thief.tab().visit(formTo(offer, 'sms-enrol').action, {
      method: 'POST',
      body: { csrf: csrfOf(own), phone: '+4930444444' },
      from: own.url,
    });
    expect(stolen.status).to.equal(400);
  });

  it('needs the token of a page of ours', async () => {
    const browser = newBrowser(harness);
    const page = await browser.visit(await harness.rp().authorizationUrl());
    const before = sent.length;
    const forged = await browser.tab().visit(`${interactionOf(page)}/sms-ask`, {
      method: 'POST',
      body: { csrf: 'x', phone: '+4930555555' },
      from: page.url,
    });
    expect(forged.status).to.equal(400);
    expect(sent.length).to.equal(before);
  });

  it('is off in an app that does not name it: nothing shown, every route 404', async () => {
    const browser = newBrowser(harness);
    const page = await browser.visit(await harness.rp('studio').authorizationUrl());
    expect(formsOf(page).some(({ action }) => action.includes('sms'))).to.equal(false);
    for (const step of ['sms-ask', 'sms-check', 'sms-enrol', 'password-check', 'password-mail']) {
      const answer = await browser.tab().visit(`${interactionOf(page)}/${step}`, {
        method: 'POST',
        body: { csrf: csrfOf(page), phone: '1', email: newAddress() },
        from: page.url,
      });
      expect(answer.status, step).to.equal(404);
    }
    expect(pageOf(page).text).to.contain('Continue with email');
    expect(formWith(page, 'email')).to.be.an('object');
  });
});
