/** "Continue on this device instead": the code typed where the link was opened gives this browser a one-time pass. */
import { expect } from 'chai';
import { MINUTE, SECOND } from '../../../src/core/clock.ts';
import { presentPatience } from '../../../src/core/patience.ts';
import { type Store, StoreUnavailable } from '../../../src/store/port.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import {
  APPS,
  callbackOf,
  type Harness,
  publicClient,
  redeemLink,
  startPostern,
} from '../../support/harness.ts';
import type { Form } from '../../support/html-forms.ts';
import { Inspection } from '../../support/inspection.ts';
import { intercepted, type Room } from '../../support/intercepted-store.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, type Browser, formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import {
  type Asked,
  askForMail,
  csrfOf,
  formTo,
  isSignedIn,
  landingOf,
  newBrowser,
  sendAtOnce,
  sessionsIn,
  subOf,
} from '../../support/sign-in.ts';

const RACE = 64;

describe('continue on this device', () => {
  let harness: Harness;
  let inspection: Inspection;
  /** What happens to the next call of this kind; then nothing any more. */
  let fault: { readonly room: Room; readonly method: string; readonly isMade: boolean } | undefined;
  before(async () => {
    const clients = { ...APPS.shop.clients, second: publicClient({ client_name: 'Second' }) };
    harness = await startPostern({
      apps: { shop: { ...APPS.shop, clients }, studio: APPS.studio },
      wrapStore: withFault,
    });
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
  });
  afterEach(restoreTime);

  /** Types the code on the link's page in a browser that did not ask; gives that browser, which holds a pass now. */
  async function continued(
    phone = newBrowser(harness),
  ): Promise<{ asked: Asked; phone: Browser; form: Form; answer: Answer }> {
    const asked = await askForMail(harness);
    const landing = await phone.visit(landingOf(asked.mail));
    const form = formWith(landing, 'code');
    const answer = await phone.submit(form, { code: asked.mail.code });
    return { asked, phone, form, answer };
  }

  const passOf = (browser: Browser) => browser.jar.named(/(^|-)pass-/).filter(({ value }) => value !== '');

  it('sends the browser to the client, whose own authorization then needs one POST', async () => {
    const { asked, phone, answer } = await continued();
    expect(answer.next).to.equal('http://client.test/');
    expect(sessionsIn(phone)).to.have.length(0);
    expect(passOf(phone).map(({ isHttpOnly, sameSite }) => ({ isHttpOnly, sameSite }))).to.deep.equal([
      { isHttpOnly: true, sameSite: 'lax' },
    ]);
    const rp = harness.rp();
    const page = await phone.visit(await rp.authorizationUrl());
    expect(pageOf(page).text).to.include('p…@example.org').and.include('Shop web');
    expect(page.body).not.to.include(asked.address);
    expect(sessionsIn(phone)).to.have.length(0);

    const done = await phone.submit(formTo(page, 'continue'));
    const sub = await subOf(rp, callbackOf(done));
    expect((await inspection.userOf(asked.address))?.id).to.equal(sub);
    expect(passOf(phone)).to.have.length(0);
  });

  it('ML-40 never completes the browser that asked; it can ask anew', async () => {
    const { asked, phone } = await continued();
    const { browser, waiting, mail, interaction } = asked;
    const rp = harness.rp();
    await phone.submit(formTo(await phone.visit(await rp.authorizationUrl()), 'continue'));
    const late = await browser
      .tab()
      .submit(formWith(waiting, 'code'), { code: mail.code }, { from: waiting.url });
    expect(late.status).to.equal(410);
    expect(isSignedIn(late)).to.equal(false);
    expect(await redeemIfOffered(browser, asked)).to.equal(false);
    expect(sessionsIn(browser)).to.have.length(0);

    expect(JSON.parse((await browser.fetch(`${interaction}/status`)).body)).to.include({ state: 'gone' });
    passTime(harness, 31 * SECOND);
    const page = await browser.visit(interaction);
    const again = await browser.submit(formWith(page, 'email'), { email: asked.address });
    expect(again.status).to.equal(200);
    const fresh = await harness.mailTo(asked.address);
    expect(fresh.id).not.to.equal(mail.id);
    expect(isSignedIn(await browser.submit(formWith(again, 'code'), { code: fresh.code }))).to.equal(true);
  });

  async function redeemIfOffered(browser: Browser, { mail }: Asked): Promise<boolean> {
    const landing = await browser.tab().visit(landingOf(mail));
    if (!formsOf(landing).some(({ fields }) => fields.some(({ name }) => name === 'secret'))) return false;
    return isSignedIn(await redeemLink(browser.tab(), mail));
  }

  it(`ML-21 ${RACE} presses of one pass: one session, one code`, async () => {
    const { phone } = await continued();
    const rp = harness.rp();
    const page = await phone.visit(await rp.authorizationUrl());
    const answers = await sendAtOnce(phone, formTo(page, 'continue'), RACE, () => ({}));
    const winners = answers.filter(isSignedIn);
    expect(winners).to.have.length(1);
    const sub = await subOf(rp, callbackOf(winners[0] ?? page));
    expect(await inspection.sessionsOf(sub)).to.equal(1);
    expect(await inspection.codesOf(sub)).to.equal(1);
  });

  it(`ML-21 one pass in ${RACE} authorizations at once: one of them is signed in`, async () => {
    const { phone } = await continued();
    const rp = harness.rp();
    const copies = Array.from({ length: RACE }, () => phone.clone());
    const pages = await Promise.all(copies.map(async (copy) => copy.visit(await rp.authorizationUrl())));
    const answers = await Promise.all(
      copies.map((copy, index) =>
        copy.submit(formTo(pages[index] ?? ({ ...pages[0] } as Answer), 'continue')),
      ),
    );
    expect(answers.filter(isSignedIn)).to.have.length(1);
  });

  it('ML-22 the code here and there at the same moment: one of the two browsers gets on, each time', async () => {
    for (let round = 0; round < 16; round++) {
      const asked = await askForMail(harness);
      const phone = newBrowser(harness);
      const landing = await phone.visit(landingOf(asked.mail));
      const values = { code: asked.mail.code };
      const sends = [
        () => asked.browser.submit(formWith(asked.waiting, 'code'), values),
        () => phone.submit(formWith(landing, 'code'), values),
      ];
      if (round % 2) sends.reverse();
      const answers = await Promise.all(sends.map((send) => send()));
      const isOn = (answer: Answer) => isSignedIn(answer) || answer.next === 'http://client.test/';
      expect(answers.filter(isOn), `round ${round}`).to.have.length(1);
    }
  });

  it('a pass serves no other client, and is not burnt by one', async () => {
    const { phone } = await continued();
    const other = await phone.visit(await harness.rp('shop', 'second').authorizationUrl());
    formWith(other, 'email');
    const forced = await phone.visit(`${other.url}/continue`, {
      method: 'POST',
      body: { csrf: formWith(other, 'csrf').fields.find(({ name }) => name === 'csrf')?.value ?? '' },
      from: other.url,
    });
    expect(isSignedIn(forced)).to.equal(false);
  });

  it('a pass of one app is none in another', async () => {
    const { phone } = await continued();
    const page = await phone.visit(await harness.rp('studio').authorizationUrl());
    formWith(page, 'email');
  });

  it('a hint that names somebody else gets the sign-in page; the same person written otherwise does not', async () => {
    const { asked, phone } = await continued();
    const rp = harness.rp();
    formWith(await phone.visit(await rp.authorizationUrl({ login_hint: newAddress() })), 'email');
    const page = await phone.visit(await rp.authorizationUrl({ login_hint: asked.address.toUpperCase() }));
    expect(isSignedIn(await phone.submit(formTo(page, 'continue')))).to.equal(true);
  });

  it('a pass lives for five minutes', async () => {
    const rp = harness.rp();
    const early = await continued();
    passTime(harness, 5 * MINUTE - SECOND);
    formTo(await early.phone.visit(await rp.authorizationUrl()), 'continue');
    // A browser that forgets no cookie: the server judges by its own clock.
    const late = await continued(newBrowser(harness, { now: () => 0 }));
    const page = await late.phone.visit(await rp.authorizationUrl());
    const form = formTo(page, 'continue');
    passTime(harness, 5 * MINUTE + SECOND);
    formWith(await late.phone.tab().visit(await rp.authorizationUrl()), 'email');
    expect(isSignedIn(await late.phone.submit(form))).to.equal(false);
  });

  const withFault = (store: Store): Store =>
    intercepted(store, (room, method) => {
      if (fault?.room !== room || fault.method !== method || !presentPatience()) return undefined;
      const { isMade } = fault;
      fault = undefined;
      const away = new StoreUnavailable(new Error('injected'));
      if (!isMade) return Promise.reject(away);
      return () => {
        throw away;
      };
    });

  for (const isMade of [false, true]) {
    it(`RL-07 the spend ${isMade ? 'whose answer is lost' : 'that fails'}: the same browser presses again and goes on`, async () => {
      const asked = await askForMail(harness);
      const phone = newBrowser(harness);
      const form = formWith(await phone.visit(landingOf(asked.mail)), 'code');
      const values = { code: asked.mail.code };
      fault = { room: 'records', method: 'replace', isMade };
      expect((await phone.submit(form, values)).status).to.equal(503);
      expect(await inspection.statusOf(asked.mail.id)).to.equal(isMade ? 'used' : 'pending');
      expect(passOf(phone)).to.have.length(0);
      expect((await phone.submit(form, values)).next).to.equal('http://client.test/');
      const page = await phone.visit(await harness.rp().authorizationUrl());
      expect(isSignedIn(await phone.submit(formTo(page, 'continue')))).to.equal(true);
    });
  }

  it('RL-07 ML-21 an answer that never arrived: the repeat gives the same pass, in no other browser, and not once it is spent', async () => {
    const { asked, phone, form } = await continued();
    const [first] = passOf(phone);
    const other = newBrowser(harness);
    const body = { csrf: await csrfIn(other), code: asked.mail.code };
    const press = () => phone.tab().submit(form, { code: asked.mail.code }, { from: form.action });
    expect((await press()).next).to.equal('http://client.test/');
    expect(passOf(phone).map(({ value }) => value)).to.deep.equal([first?.value]);
    const foreign = await other.tab().visit(form.action, { method: 'POST', body, from: form.action });
    expect(foreign.status).to.equal(410);
    expect(passOf(other)).to.have.length(0);
    const page = await phone.visit(await harness.rp().authorizationUrl());
    expect(isSignedIn(await phone.submit(formTo(page, 'continue')))).to.equal(true);
    expect((await press()).status).to.equal(410);
    expect(passOf(phone)).to.have.length(0);
  });

  /** The token of this browser's forms, from a link that is open. */
  async function csrfIn(browser: Browser): Promise<string> {
    const { mail } = await askForMail(harness);
    return csrfOf(await browser.visit(landingOf(mail)));
  }

  it('"use another account" lets go of the pass', async () => {
    const { phone } = await continued();
    const rp = harness.rp();
    const page = await phone.visit(await rp.authorizationUrl());
    formWith(await phone.submit(formTo(page, 'other')), 'email');
    expect(passOf(phone)).to.have.length(0);
    formWith(await phone.visit(await rp.authorizationUrl()), 'email');
  });

  it('is not offered where the client told no place to start', async () => {
    const asked = await askForMail(harness, { client: 'bare' });
    const phone = newBrowser(harness);
    const landing = await phone.visit(landingOf(asked.mail));
    expect(formsOf(landing).some(({ action }) => action.endsWith('/continue'))).to.equal(false);
    const body = {
      csrf: formWith(landing, 'csrf').fields.find(({ name }) => name === 'csrf')?.value ?? '',
      code: asked.mail.code,
    };
    const answer = await phone.visit(`${landing.url}/continue`, { method: 'POST', body, from: landing.url });
    expect(answer.status).to.equal(404);
    expect(await inspection.statusOf(asked.mail.id)).to.equal('pending');
  });
});
