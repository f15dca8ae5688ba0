/** How many mails one network and one app can be made to send, and that people who are known do not pay for it. */
import { expect } from 'chai';
import { HOUR } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, ask, type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, type Browser, formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import { askForMail, isSignedIn, newBrowser, wrongFor } from '../../support/sign-in.ts';

const PER_NETWORK = 12;
const PER_APP = 30;
/** Wrong codes from one network in a day. */
const WRONG_CODES = 200;
const HOME = '2a02:908:1234:5600';

describe('the budget of a network', () => {
  let harness: Harness;
  beforeEach(async () => {
    const limits = { mails_per_network: PER_NETWORK, mails_per_app: PER_APP };
    harness = await startPostern({
      apps: { shop: { ...APPS.shop, limits }, studio: { ...APPS.studio, limits } },
      config: { trustedProxies: ['127.0.0.0/8'] },
    });
  });
  afterEach(async () => {
    restoreTime();
    await harness.close();
  });

  const at = (forwardedFor: string): Browser => newBrowser(harness, { forwardedFor });
  const sent = (answers: readonly Answer[]): number => answers.filter(({ status }) => status === 200).length;

  it('ML-51 WB-07 many addresses from one /64, two apps: the cap is sent, the rest is 429 with Retry-After', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, nth) =>
        ask(at(`${HOME}::${nth + 1}`), harness.rp(nth % 2 ? 'shop' : 'studio'), newAddress()),
      ),
    );
    await harness.server.jobs.runDue();
    expect(harness.mails()).to.have.length(PER_NETWORK);
    const held = answers.filter(({ status }) => status === 429);
    expect(held).to.have.length(60 - PER_NETWORK);
    for (const answer of held) {
      expect(answer.body).to.include('data-mail="held"');
      expect(Number(answer.headers['retry-after'])).to.be.within(3500, 3600);
      expect(pageOf(answer).title).to.include('Check your mail');
    }
    expect((await ask(at('8.8.4.4'), harness.rp(), newAddress())).status, 'elsewhere').to.equal(200);
    passTime(harness, HOUR + 1000);
    expect((await ask(at(`${HOME}::1`), harness.rp(), newAddress())).status, 'an hour later').to.equal(200);
  });

  it('ML-51 one app sends no more than its own number, from however many networks', async () => {
    const answers: Answer[] = [];
    for (let nth = 0; nth < PER_APP + 10; nth += 1)
      answers.push(await ask(at(`8.8.${nth}.1`), harness.rp(), newAddress()));
    expect(sent(answers)).to.equal(PER_APP);
    expect((await ask(at('8.9.1.1'), harness.rp('studio'), newAddress())).status, 'another app').to.equal(
      200,
    );
  });

  it('ML-25 ML-51 a browser that its mailbox knows has budgets of its own: for mails and for codes', async () => {
    const owner = at(`${HOME}::7`);
    const first = await askForMail(harness, { browser: owner });
    const done = await owner.submit(formWith(first.waiting, 'code'), { code: first.mail.code });
    expect(isSignedIn(done)).to.equal(true);
    // Strangers use up the budget of the mailbox, and that of the owner's network.
    for (let nth = 0; nth < 12; nth += 1) await ask(at(`9.9.9.${nth + 1}`), harness.rp(), first.address);
    for (let nth = 0; nth < PER_NETWORK; nth += 1) await ask(at(`${HOME}::9`), harness.rp(), newAddress());
    expect((await ask(at(`${HOME}::9`), harness.rp(), first.address)).status, 'a stranger').to.equal(429);
    const again = await askForMail(harness, {
      browser: owner,
      address: first.address,
      params: { prompt: 'login' },
    });
    expect(again.waiting.status).to.equal(200);
    const signedIn = await owner.submit(formWith(again.waiting, 'code'), { code: again.mail.code });
    expect(isSignedIn(signedIn)).to.equal(true);
    // Known to one mailbox only: the same browser is a stranger to any other.
    expect((await ask(owner.tab(), harness.rp(), newAddress(), { prompt: 'login' })).status).to.equal(429);
  });

  it('ML-51 WB-06 nothing is counted by network for addresses that are not public, nor for those that a stranger claims', async () => {
    const answers: Answer[] = [];
    for (let nth = 0; nth < PER_NETWORK + 5; nth += 1)
      answers.push(await ask(at('10.0.0.5'), harness.rp(), newAddress()));
    expect(sent(answers)).to.equal(PER_NETWORK + 5);
    const spoofed: Answer[] = [];
    for (let nth = 0; nth < PER_NETWORK + 1; nth += 1)
      spoofed.push(await ask(at(`9.8.7.${nth + 1}, 9.9.9.9`), harness.rp('studio'), newAddress()));
    expect(sent(spoofed), 'WB-06 the right-most address that is no proxy').to.equal(PER_NETWORK);
  });
});

describe('guessing from one network', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern({ config: { trustedProxies: ['127.0.0.0/8'] } });
  });
  after(() => harness.close());

  it('ML-24 wrong codes of one network close code entry there, over all mailboxes; the link still works', async () => {
    const asked = () => askForMail(harness, { browser: newBrowser(harness, { forwardedFor: '8.8.8.8' }) });
    const hasCodeField = (page: Answer) =>
      formsOf(page).some(({ fields }) => fields.some(({ name }) => name === 'code'));
    const guessed = async (): Promise<void> => {
      const { browser, waiting, mail } = await asked();
      let page = waiting;
      for (let nth = 0; nth < 5; nth += 1)
        page = await browser.submit(formWith(page, 'code'), { code: wrongFor(mail.code, nth) });
    };
    await Promise.all(Array.from({ length: WRONG_CODES / 5 }, guessed));
    const { browser, waiting, mail } = await asked();
    expect(hasCodeField(waiting)).to.equal(false);
    const landing = await browser.visit(mail.link.split('#')[0] ?? '');
    const form = formsOf(landing).find(({ fields }) => fields.some(({ name }) => name === 'secret'));
    if (!form) throw new Error('no form for the link');
    expect(isSignedIn(await browser.submit(form, { secret: mail.secret }))).to.equal(true);
    const elsewhere = await askForMail(harness, {
      browser: newBrowser(harness, { forwardedFor: '8.8.8.9' }),
    });
    expect(hasCodeField(elsewhere.waiting)).to.equal(true);
  });
});
