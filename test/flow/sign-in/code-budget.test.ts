/** How often a code can be guessed, and who pays for the guesses of others (design §2). */
import { expect } from 'chai';
import { DAY, MINUTE, SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, ask, type Harness, redeemLink, signInByCode, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, type Browser, formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import {
  allEvents,
  askForMail,
  csrfOf,
  isSignedIn,
  landingOf,
  newBrowser,
  wrongFor,
} from '../../support/sign-in.ts';

/** Wrong codes that are evaluated for one mailbox in a day, from browsers it does not know. */
const DAILY = 20;
const CHALLENGES = 200;
/** So many of them with all five guesses, the others with one: enough to see that the door stays closed. */
const GUESSED = 40;

describe('guessing codes', () => {
  let harness: Harness;
  let inspection: Inspection;
  before(async () => {
    const shop = { ...APPS.shop, limits: { mails_per_mailbox: 1000 } };
    harness = await startPostern({ apps: { shop, studio: APPS.studio } });
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
  });
  afterEach(restoreTime);

  const hasCodeField = (page: Answer): boolean =>
    formsOf(page).some(({ fields }) => fields.some(({ name }) => name === 'code'));

  /** Posts codes as a script would, whether or not the page still has a field for them. */
  async function guess(browser: Browser, waiting: Answer, codes: readonly string[]): Promise<Answer[]> {
    const url = waiting.url.replace(/\/begin$/, '/redeem');
    const csrf = csrfOf(waiting);
    const answers: Answer[] = [];
    for (const code of codes) {
      answers.push(await browser.visit(url, { method: 'POST', body: { csrf, code }, from: waiting.url }));
    }
    return answers;
  }

  const fiveWrong = (code: string): string[] => Array.from({ length: 5 }, (_, nth) => wrongFor(code, nth));

  async function evaluated(addressKey: string): Promise<number> {
    const ids = new Set(
      (await inspection.challenges())
        .filter(({ data }) => data.addressKey === addressKey)
        .map(({ id }) => id),
    );
    const events = await allEvents(harness);
    return events.filter(
      (event) => event.type === 'challenge.code_wrong' && event.challengeId && ids.has(event.challengeId),
    ).length;
  }

  it('ML-23 after five wrong codes the right one is refused; the page says what to do and the link works', async () => {
    const { browser, mail, waiting } = await askForMail(harness);
    const left: string[] = [];
    for (const answer of await guess(browser, waiting, fiveWrong(mail.code))) {
      expect(answer.status).to.equal(400);
      left.push(/(\d) tr(?:y|ies) left/.exec(pageOf(answer).text)?.[1] ?? '');
    }
    expect(left.slice(0, 4)).to.deep.equal(['4', '3', '2', '1']);
    const [sixth] = await guess(browser, waiting, [mail.code]);
    expect(sixth?.status).to.equal(429);
    const page = await browser.visit(waiting.url.replace(/\/begin$/, ''));
    expect(hasCodeField(page)).to.equal(false);
    expect(pageOf(page).text).to.include('The link in the mail still works in this browser');
    expect(pageOf(page).links.map(({ url }) => url)).to.include('http://client.test/');
    expect(await inspection.statusOf(mail.id)).to.equal('pending');
    const done = await redeemLink(browser, mail);
    expect(isSignedIn(done)).to.equal(true);
  });

  it('ML-23 neither "send again" nor another tab of the same request gives new tries', async () => {
    const { browser, mail, waiting, address } = await askForMail(harness);
    await guess(browser, waiting, fiveWrong(mail.code));
    // Late enough for a mail with a code of its own.
    passTime(harness, 6 * MINUTE);
    const page = await browser.tab().visit(waiting.url.replace(/\/begin$/, ''));
    const [resend] = formsOf(page).filter(({ action }) => action.endsWith('/resend'));
    if (!resend) throw new Error('no resend form');
    await browser.submit(resend, {}, { from: page.url });
    const fresh = await harness.mailTo(address);
    expect(fresh.code).not.to.equal(mail.code);
    const [answer] = await guess(browser, waiting, [fresh.code]);
    expect(answer?.status).to.equal(429);
  });

  it('ML-23 changing the address and back gives no new tries', async () => {
    const { browser, mail, waiting, address } = await askForMail(harness);
    await guess(browser, waiting, fiveWrong(mail.code));
    const [change] = formsOf(waiting).filter(({ action }) => action.endsWith('/change'));
    if (!change) throw new Error('no change form');
    for (const typed of [newAddress(), address]) {
      const page = await browser.submit(change, {}, { from: waiting.url });
      await browser.submit(formWith(page, 'email'), { email: typed });
    }
    const { code } = await harness.mailTo(address);
    const [answer] = await guess(browser, waiting, [code]);
    expect(answer?.status).to.equal(429);
  });

  it(`ML-24 ${CHALLENGES} fresh challenges of up to five guesses each: at most ${DAILY} are evaluated; ML-25 the owner is not locked out`, async () => {
    const address = newAddress();
    const owner = newBrowser(harness);
    expect(isSignedIn(await signInByCode(harness, owner, harness.rp(), address))).to.equal(true);

    const attack = async (nth: number): Promise<Answer[]> => {
      const browser = newBrowser(harness, { localAddress: `127.0.1.${nth + 1}` });
      const waiting = await ask(browser, harness.rp(), address);
      return guess(browser, waiting, fiveWrong(String(nth * 1000)).slice(0, nth < GUESSED ? 5 : 1));
    };
    const statuses: number[] = [];
    for (let first = 0; first < CHALLENGES; first += 20) {
      const batch = await Promise.all(Array.from({ length: 20 }, (_, nth) => attack(first + nth)));
      statuses.push(...batch.flat().map(({ status }) => status));
    }
    expect(new Set(statuses)).to.deep.equal(new Set([400, 429]));
    expect(statuses.filter((status) => status === 400).length).to.equal(DAILY);
    expect(await evaluated(address)).to.equal(DAILY);

    // A stranger is told, and the link in his own browser still works for whoever owns the mailbox.
    const elsewhere = await askForMail(harness, { address });
    expect(hasCodeField(elsewhere.waiting)).to.equal(false);
    expect(isSignedIn(await redeemLink(elsewhere.browser, elsewhere.mail))).to.equal(true);
    const known = await askForMail(harness, { address, browser: owner, params: { prompt: 'login' } });
    const byCode = await owner.submit(formWith(known.waiting, 'code'), { code: known.mail.code });
    expect(isSignedIn(byCode)).to.equal(true);
  });

  it('ML-24 codes typed where the link was opened come out of the same mailbox budget', async () => {
    const address = newAddress();
    for (let nth = 0; nth < 5; nth++) {
      const { mail } = await askForMail(harness, { address });
      const phone = newBrowser(harness);
      let page = await phone.visit(landingOf(mail));
      for (const code of fiveWrong(mail.code)) {
        if (!hasCodeField(page)) break;
        page = await phone.submit(formWith(page, 'code'), { code });
      }
    }
    expect(await evaluated(address)).to.equal(DAILY);
    const { waiting } = await askForMail(harness, { address });
    expect(hasCodeField(waiting)).to.equal(false);
  });

  it('ML-24 the budget of a mailbox is open again after a day', async () => {
    const address = newAddress();
    for (let nth = 0; nth < 4; nth++) {
      const { browser, waiting, mail } = await askForMail(harness, { address });
      await guess(browser, waiting, fiveWrong(mail.code));
    }
    expect(hasCodeField((await askForMail(harness, { address })).waiting)).to.equal(false);
    passTime(harness, DAY + SECOND);
    const { browser, waiting, mail } = await askForMail(harness, { address });
    expect(isSignedIn(await browser.submit(formWith(waiting, 'code'), { code: mail.code }))).to.equal(true);
  });

  it('ML-25 a known browser that guesses wrong pays from a budget of its own', async () => {
    const address = newAddress();
    const owner = newBrowser(harness);
    await signInByCode(harness, owner, harness.rp(), address);
    for (let nth = 0; nth < 4; nth++) {
      const { waiting, mail } = await askForMail(harness, {
        address,
        browser: owner,
        params: { prompt: 'login' },
      });
      await guess(owner, waiting, fiveWrong(mail.code));
    }
    const known = await askForMail(harness, { address, browser: owner, params: { prompt: 'login' } });
    expect(hasCodeField(known.waiting)).to.equal(false);
    const fresh = await askForMail(harness, { address });
    expect(
      isSignedIn(await fresh.browser.submit(formWith(fresh.waiting, 'code'), { code: fresh.mail.code })),
    ).to.equal(true);
  });

  it('a right code costs nothing, however it is typed', async () => {
    for (const write of [
      (code: string) => `${code.slice(0, 4)} ${code.slice(4)}`,
      (code: string) => ` ${code.slice(0, 4)}-${code.slice(4)} `,
      (code: string) => [...code].map((digit) => String.fromCodePoint(0xff10 + Number(digit))).join(''),
    ]) {
      const { browser, waiting, mail } = await askForMail(harness);
      const answer = await browser.submit(formWith(waiting, 'code'), { code: write(mail.code) });
      expect(isSignedIn(answer), write('12345678')).to.equal(true);
    }
  });

  it('ML-41 the mail warns, and an app without codes mails none, shows no field and takes none', async () => {
    const { mail } = await askForMail(harness);
    expect(mail.text).to.match(/never|anyone/i);
    const bare = await startPostern({
      apps: { shop: { ...APPS.shop, methods: { magic_link: { code: false } } } },
    });
    try {
      const { browser, waiting, mail: without } = await askForMail(bare);
      expect(without.code).to.equal('');
      expect(without.html).not.to.match(/\b\d{4} ?\d{4}\b/);
      expect(hasCodeField(waiting)).to.equal(false);
      const landing = await newBrowser(bare).visit(landingOf(without));
      expect(hasCodeField(landing)).to.equal(false);
      const [answer] = await guess(browser, waiting, ['00000000']);
      expect(answer && isSignedIn(answer)).to.equal(false);
      expect(isSignedIn(await redeemLink(browser, without))).to.equal(true);
    } finally {
      await bare.close();
    }
  });
});
