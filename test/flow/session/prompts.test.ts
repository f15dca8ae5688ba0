/** What a client can ask about the person who is there: prompt, max_age, hints, and what the ID token says of it. */
import { expect } from 'chai';
import { SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { callbackOf, type Harness, signInByCode, startPostern } from '../../support/harness.ts';
import { again, login, loginWithTokens, newAddress } from '../../support/logins.ts';
import { type Answer, Browser, formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import { csrfOf, formTo } from '../../support/sign-in.ts';

const errorIn = (answer: Answer): string | null => new URL(callbackOf(answer)).searchParams.get('error');

describe('prompts', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern();
  });
  after(() => harness.close());
  afterEach(restoreTime);

  const ask = async (browser: Browser, params: Record<string, string | undefined>, rp = harness.rp()) =>
    browser.visit(await rp.authorizationUrl(params));

  describe('prompt=select_account', () => {
    it('names the account that is here; going on with it is one POST and no new sign-in', async () => {
      const person = await loginWithTokens(harness);
      const page = await ask(person.browser, { prompt: 'select_account' }, person.rp);
      expect(pageOf(page).text).to.include(person.address);
      const next = callbackOf(await person.browser.submit(formTo(page, 'keep')));
      const { claims } = await person.rp.exchange(next);
      expect(claims?.sub).to.equal(person.tokens.claims?.sub);
      expect(claims?.auth_time).to.equal(person.tokens.claims?.auth_time);
    });

    it('ML-44 another address: signs in as that one after naming both', async () => {
      const person = await loginWithTokens(harness);
      const other = newAddress();
      const page = await ask(person.browser, { prompt: 'select_account' }, person.rp);
      const form = await person.browser.submit(formTo(page, 'another'));
      const waiting = await person.browser.submit(formWith(form, 'email'), { email: other });
      const { code } = await harness.mailTo(other);
      const question = await person.browser.submit(formWith(waiting, 'code'), { code });
      expect(pageOf(question).text).to.include(person.address).and.include(other);
      const done = await person.browser.submit(formWith(question, 'switch'), {});
      const { claims, access_token } = await person.rp.exchange(callbackOf(done));
      expect(claims?.sub).not.to.equal(person.tokens.claims?.sub);
      expect((await person.rp.userinfo(access_token)).email).to.equal(other);
    });

    it('with nobody signed in there is nothing to choose: the sign-in page', async () => {
      const browser = new Browser();
      const rp = harness.rp();
      const answer = await signInByCode(harness, browser, rp, newAddress(), { prompt: 'select_account' });
      expect((await rp.exchange(callbackOf(answer))).id_token).to.be.a('string');
    });

    it('together with login: chosen first, then proved anew', async () => {
      const person = await loginWithTokens(harness);
      const page = await ask(person.browser, { prompt: 'login select_account' });
      const form = await person.browser.submit(formTo(page, 'keep'));
      const { address: email } = person;
      const waiting = await person.browser.submit(formWith(form, 'email'), { email });
      const { code } = await harness.mailTo(email);
      const answer = await person.browser.submit(formWith(waiting, 'code'), { code });
      expect(errorIn(answer)).to.equal(null);
    });

    it('WB-02 nobody chooses by a foreign page: a POST without the form token changes nothing', async () => {
      const person = await login(harness);
      const page = await ask(person.browser, { prompt: 'select_account' });
      const { action } = formTo(page, 'keep');
      for (const [body, from] of [
        [{}, action],
        [{ csrf: 'x'.repeat(43) }, action],
        [{ csrf: csrfOf(page) }, 'https://evil.example/'],
      ] as const) {
        const answer = await person.browser.tab().visit(action, { method: 'POST', body, from });
        expect(answer.status).to.equal(403);
      }
      callbackOf(await person.browser.submit(formTo(page, 'keep')));
    });

    it('the choice counts for the account that was shown: after a switch in another tab it is asked anew', async () => {
      const person = await login(harness);
      const page = await ask(person.browser, { prompt: 'select_account' });
      const keep = formTo(page, 'keep');
      const tab = person.browser.tab();
      const out = await tab.visit(await person.rp.logoutUrl());
      await tab.submit(formWith(out, 'logout'), { logout: 'yes' });
      const address = newAddress();
      await login(harness, { browser: tab, address });
      const answer = await person.browser.submit(keep);
      expect(answer.body).to.include(address).and.not.include(person.address);
    });

    it('is no way to sign in: without a session it gives nothing', async () => {
      const page = await ask(new Browser(), { prompt: 'select_account' });
      expect(formsOf(page).some(({ action }) => action.endsWith('/keep'))).to.equal(false);
    });
  });

  describe('OA-46 prompt=none', () => {
    for (const other of ['login', 'consent', 'select_account', 'login consent select_account']) {
      it(`OA-46 with ${other} is a contradiction: invalid_request`, async () => {
        const { browser } = await login(harness);
        expect(errorIn(await ask(browser, { prompt: `none ${other}` }))).to.equal('invalid_request');
      });
    }
    it('OA-46 an unknown prompt is invalid_request', async () => {
      expect(errorIn(await ask(new Browser(), { prompt: 'create' }))).to.equal('invalid_request');
    });
    it('OA-46 with a session that is older than max_age, or max_age=0: login_required', async () => {
      const { browser } = await login(harness);
      expect(errorIn(await ask(browser, { prompt: 'none', max_age: '0' }))).to.equal('login_required');
      passTime(harness, 2 * SECOND);
      expect(errorIn(await ask(browser, { prompt: 'none', max_age: '1' }))).to.equal('login_required');
    });
    for (const max_age of ['-1', '1.5', 'x']) {
      it(`OA-46 max_age=${max_age} is invalid_request`, async () => {
        expect(errorIn(await ask(new Browser(), { max_age }))).to.equal('invalid_request');
      });
    }
  });

  describe('ML-48 auth_time', () => {
    for (const params of [{ prompt: 'login' }, { max_age: '0' }] as const) {
      it(`ML-48 ${JSON.stringify(params)} at once after the sign-in needs a fresh mail and gives a newer auth_time`, async () => {
        const person = await loginWithTokens(harness);
        const page = await ask(person.browser, params);
        formWith(page, 'email');
        const renewed = await loginWithTokens(harness, { ...person, params });
        expect(renewed.tokens.claims?.sub).to.equal(person.tokens.claims?.sub);
        expect(renewed.tokens.claims?.auth_time).to.be.greaterThan(Number(person.tokens.claims?.auth_time));
      });
    }
    it('ML-48 max_age=1 after two seconds asks again; a session of that age passes max_age=1000', async () => {
      const person = await loginWithTokens(harness);
      passTime(harness, 2 * SECOND);
      const silent = await person.rp.exchange(await again(person.browser, person.rp, { max_age: '1000' }));
      expect(silent.claims?.auth_time).to.equal(person.tokens.claims?.auth_time);
      const renewed = await loginWithTokens(harness, { ...person, params: { max_age: '1' } });
      expect(renewed.tokens.claims?.auth_time).to.be.greaterThan(Number(person.tokens.claims?.auth_time));
    });
  });

  describe('id_token_hint', () => {
    it('ML-56 somebody else signs in than the hint names: login_required, not another question', async () => {
      const named = await loginWithTokens(harness);
      const url = { id_token_hint: named.tokens.id_token };
      const answer = await signInByCode(harness, new Browser(), harness.rp(), newAddress(), url);
      expect(errorIn(answer)).to.equal('login_required');
    });
    it('the named person signs in: a code', async () => {
      const named = await loginWithTokens(harness);
      const url = { id_token_hint: named.tokens.id_token };
      const answer = await signInByCode(harness, new Browser(), harness.rp(), named.address, url);
      expect(errorIn(answer)).to.equal(null);
    });
  });

  describe('AC-20 acr and amr say what happened', () => {
    for (const acr_values of [undefined, 'urn:mace:incommon:iap:silver phr', 'urn:postern:acr:email']) {
      it(`AC-20 acr_values ${acr_values ?? 'not given'}: a mailbox was proved, and nothing more is claimed`, async () => {
        const { tokens } = await loginWithTokens(harness, { params: { acr_values } });
        expect(tokens.claims).to.deep.include({ acr: 'urn:postern:acr:email', amr: ['email'] });
      });
    }
    it('AC-20 twice the same factor is still one: prompt=login adds nothing', async () => {
      const person = await loginWithTokens(harness);
      const twice = await loginWithTokens(harness, { ...person, params: { prompt: 'login' } });
      expect(twice.tokens.claims).to.deep.include({ acr: 'urn:postern:acr:email', amr: ['email'] });
    });
    it('AC-20 discovery names exactly the one that is given', async () => {
      const metadata: object = await harness.rp().metadata();
      expect(metadata).to.deep.include({ acr_values_supported: ['urn:postern:acr:email'] });
    });
  });
});
