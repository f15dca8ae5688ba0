/** What a person is asked before a client that is not of the house gets anything, and what native apps must show. */
import { expect } from 'chai';
import {
  APPS,
  callbackOf,
  type Harness,
  publicClient,
  signInByCode,
  startPostern,
} from '../../support/harness.ts';
import type { Form } from '../../support/html-forms.ts';
import {
  again,
  auditHas,
  isAlive,
  login,
  loginWithTokens,
  newAddress,
  refreshWith,
  tokensFor,
} from '../../support/logins.ts';
import { type Answer, Browser, formsOf, pageOf } from '../../support/relying-party.ts';

const SECOND_HOST = 'https://other-host.example/callback';

const consentForms = (answer: Answer): { accept: Form; decline: Form } => {
  const forms = formsOf(answer);
  const accept = forms.find(({ action }) => action.endsWith('/consent'));
  const decline = forms.find(({ action }) => action.endsWith('/cancel'));
  if (!accept || !decline) throw new Error(`no consent asked at ${answer.url}: ${pageOf(answer).text}`);
  return { accept, decline };
};

describe('consent', () => {
  let harness: Harness;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      roaming: publicClient({
        first_party: false,
        redirect_uris: ['http://client.test/callback', SECOND_HOST],
      }),
      desktop: publicClient({
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback', 'com.example.app:/cb', 'https://app.example/cb'],
      }),
    };
    harness = await startPostern({ apps: { shop: { ...APPS.shop, clients } } });
  });
  after(() => harness.close());

  const askedBy = async (
    client: string,
    rp: object = {},
  ): Promise<{ browser: Browser; page: Answer; address: string }> => {
    const browser = new Browser();
    const address = newAddress();
    const page = await signInByCode(harness, browser, harness.rp('shop', client, rp), address);
    return { browser, page, address };
  };

  it('OA-49 a third-party client: the page names it, its host, the person and what it may', async () => {
    const { page, address } = await askedBy('partner');
    consentForms(page);
    const { text } = pageOf(page);
    expect(text).to.include('Partner').and.include('client.test').and.include(address);
    expect(page.next).to.equal(undefined);
  });

  it('a first-party client is never asked about', async () => {
    const { callback, browser } = await login(harness);
    expect(new URL(callback).searchParams.has('code')).to.equal(true);
    const bare = harness.rp('shop', 'bare');
    expect(new URL(await again(browser, bare)).searchParams.has('code')).to.equal(true);
  });

  it('is remembered: the next request goes through, with prompt=none too', async () => {
    const rp = harness.rp('shop', 'partner');
    const browser = new Browser();
    const page = await signInByCode(harness, browser, rp, newAddress());
    await tokensFor(rp, callbackOf(await browser.submit(consentForms(page).accept)));
    await tokensFor(rp, await again(browser, rp));
    await tokensFor(rp, await again(browser, rp, { prompt: 'none' }));
    expect(await auditHas(harness, 'consent.granted')).to.equal(true);
  });

  it('is remembered for the person, in another browser too', async () => {
    const rp = harness.rp('shop', 'partner');
    const { browser, page, address } = await askedBy('partner');
    await browser.submit(consentForms(page).accept);
    const elsewhere = await signInByCode(harness, new Browser(), rp, address);
    expect(new URL(callbackOf(elsewhere)).searchParams.has('code')).to.equal(true);
  });

  it('is asked again when more is wanted, and prompt=none is told consent_required', async () => {
    const { browser, page } = await askedBy('partner', { scope: 'openid' });
    await browser.submit(consentForms(page).accept);
    const more = harness.rp('shop', 'partner', { scope: 'openid email' });
    const silent = await browser.visit(await more.authorizationUrl({ prompt: 'none' }));
    expect(new URL(callbackOf(silent)).searchParams.get('error')).to.equal('consent_required');
    const asked = await browser.visit(await more.authorizationUrl());
    const tokens = await tokensFor(more, callbackOf(await browser.submit(consentForms(asked).accept)));
    expect(await more.userinfo(tokens.access_token)).to.have.property('email');
  });

  it('OA-49 is asked again for another host of the same client', async () => {
    const { browser, page } = await askedBy('roaming');
    await browser.submit(consentForms(page).accept);
    const moved = harness.rp('shop', 'roaming', { redirectUri: SECOND_HOST });
    const asked = await browser.visit(await moved.authorizationUrl());
    expect(pageOf(asked).text).to.include('other-host.example');
    consentForms(asked);
  });

  it('one client is no other: what one got is asked again for the next', async () => {
    const { browser, page } = await askedBy('partner');
    await browser.submit(consentForms(page).accept);
    consentForms(await browser.visit(await harness.rp('shop', 'roaming').authorizationUrl()));
  });

  it('declined: the client is told access_denied, and nothing is remembered', async () => {
    const { browser, page } = await askedBy('partner');
    const answer = await browser.submit(consentForms(page).decline);
    const { searchParams } = new URL(callbackOf(answer));
    expect(searchParams.get('error')).to.equal('access_denied');
    expect(searchParams.get('iss')).to.equal(`${harness.url}/shop`);
    expect(searchParams.has('code')).to.equal(false);
    expect(await auditHas(harness, 'consent.declined')).to.equal(true);
    consentForms(await browser.visit(await harness.rp('shop', 'partner').authorizationUrl()));
  });

  it('WB-02 nobody consents by a foreign page: a POST without the form token gives nothing', async () => {
    const { browser, page } = await askedBy('partner');
    const { accept } = consentForms(page);
    for (const from of ['https://evil.example/', accept.action]) {
      for (const body of [{}, { csrf: 'x'.repeat(43) }]) {
        const answer = await browser.tab().visit(accept.action, { method: 'POST', body, from });
        expect(answer.status, from).to.be.at.least(400);
        expect(String(answer.next), from).not.to.include('code=');
      }
    }
    const silent = await browser.visit(
      await harness.rp('shop', 'partner').authorizationUrl({ prompt: 'none' }),
    );
    expect(new URL(callbackOf(silent)).searchParams.get('error')).to.equal('consent_required');
  });

  it('design §4: one Grant per login: code reuse in one family leaves the other login of the session alive', async () => {
    const first = await loginWithTokens(harness);
    const second = await tokensFor(first.rp, await again(first.browser, first.rp));
    await first.rp.redeem(first.callback);
    expect(await isAlive(first.rp, first.tokens.access_token)).to.equal(false);
    expect(await isAlive(first.rp, second.access_token)).to.equal(true);
    expect((await refreshWith(first.rp, second.refresh_token)).status).to.equal(200);
  });

  describe('OA-53 native clients', () => {
    for (const redirectUri of ['http://127.0.0.1:50123/callback', 'com.example.app:/cb']) {
      it(`OA-53 ${redirectUri}: a returning session asks every time, and prompt=none gets nothing`, async () => {
        const { browser } = await login(harness);
        const rp = harness.rp('shop', 'desktop', { redirectUri });
        for (let turn = 0; turn < 2; turn++) {
          const page = await browser.visit(await rp.authorizationUrl());
          const answer = await browser.submit(consentForms(page).accept);
          expect(answer.next).to.match(/[?&]code=/);
          expect(String(answer.next).startsWith(redirectUri)).to.equal(true);
        }
        const silent = await browser.visit(await rp.authorizationUrl({ prompt: 'none' }));
        expect(silent.next).to.include('error=interaction_required').and.not.include('code=');
      });
    }

    it('OA-53 who has just signed in was there: nothing more is asked', async () => {
      const rp = harness.rp('shop', 'desktop', { redirectUri: 'com.example.app:/cb' });
      const answer = await signInByCode(harness, new Browser(), rp, newAddress());
      expect(answer.next).to.match(/^com\.example\.app:\/cb\?code=/);
    });

    it('OA-53 a claimed https address needs no question', async () => {
      const { browser } = await login(harness);
      const rp = harness.rp('shop', 'desktop', { redirectUri: 'https://app.example/cb' });
      const answer = await browser.visit(await rp.authorizationUrl({ prompt: 'none' }));
      expect(answer.next).to.match(/^https:\/\/app\.example\/cb\?code=/);
    });
  });
});
