/** Many requests for one thing at the same moment: one winner, one session, one authorization code. */
import { expect } from 'chai';
import { APPS, callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { auditOf, newAddress } from '../../support/logins.ts';
import { type Answer, formWith, type RelyingParty } from '../../support/relying-party.ts';
import {
  type Asked,
  askForMail,
  isSignedIn,
  newBrowser,
  openLink,
  sendAtOnce,
  subOf,
  wrongFor,
} from '../../support/sign-in.ts';

const RACE = 64;
const PEOPLE = 50;
/** 429: a code counts as a try while it is being compared, so more than five at once are refused (ML-26). */
const SENSIBLE = [200, 303, 404, 409, 410, 429];

describe('sign-in, concurrently', () => {
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

  /** One of the answers led to the client; everybody else was told something sensible, and the store agrees. */
  async function expectOneWinner(answers: readonly Answer[], rp: RelyingParty): Promise<void> {
    const winners = answers.filter(isSignedIn);
    expect(winners, 'answers that led to the client with a code').to.have.length(1);
    for (const answer of answers) expect(answer.status, answer.body.slice(0, 300)).to.be.oneOf(SENSIBLE);
    const [winner] = winners;
    if (!winner) return;
    const sub = await subOf(rp, callbackOf(winner));
    expect(await inspection.sessionsOf(sub)).to.equal(1);
    expect(await inspection.codesOf(sub)).to.equal(1);
  }

  it(`ML-21 ${RACE} redemptions of one link: one session, one code`, async () => {
    const { browser, rp, mail } = await askForMail(harness);
    const { form } = await openLink(browser, mail);
    const proved = await sendAtOnce(browser, form, RACE, () => ({ secret: mail.secret }));
    await expectOneWinner(proved, rp);
    expect(await inspection.statusOf(mail.id)).to.equal('used');
  });

  it(`ML-21 ${RACE} redemptions of one code: one session, one code`, async () => {
    const { browser, rp, mail, waiting } = await askForMail(harness);
    const form = formWith(waiting, 'code');
    await expectOneWinner(await sendAtOnce(browser, form, RACE, () => ({ code: mail.code })), rp);
  });

  it(`ML-22 link and code of one challenge, ${RACE / 2} times each: one session, one code`, async () => {
    const { browser, rp, mail, waiting } = await askForMail(harness);
    const code = formWith(waiting, 'code');
    const { form: link } = await openLink(browser, mail);
    const answers = await Promise.all([
      sendAtOnce(browser, code, RACE / 2, () => ({ code: mail.code })),
      sendAtOnce(browser, link, RACE / 2, () => ({ secret: mail.secret })),
    ]);
    await expectOneWinner(answers.flat(), rp);
  });

  it(`ML-21 ${RACE} resumes of one interaction: one session, one code, the others are told`, async () => {
    const { browser, rp, mail, waiting } = await askForMail(harness);
    const stop = { until: () => true };
    const proved = await browser.submit(formWith(waiting, 'code'), { code: mail.code }, stop);
    const resume = proved.next ?? '';
    expect(new URL(resume).pathname).to.match(/^\/shop\/auth\/./);
    const copies = Array.from({ length: RACE }, () => browser.clone());
    const answers = await Promise.all(copies.map((copy) => copy.visit(resume, { from: proved.url })));
    await expectOneWinner(answers, rp);
    const losers = answers.filter((answer) => !isSignedIn(answer));
    for (const loser of losers) expect(loser.status).to.equal(409);
  });

  it('ML-22 the code on the waiting page while the link tab has proved but not gone on', async () => {
    const { browser, rp, mail, waiting } = await askForMail(harness);
    const { form } = await openLink(browser, mail);
    await browser.tab().submit(form, { secret: mail.secret }, { refresh: false });
    const answer = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    await expectOneWinner([answer], rp);
  });

  it('ML-26 of 100 concurrent wrong codes at most five are compared, then the right one is refused', async () => {
    const { browser, mail, waiting } = await askForMail(harness);
    const form = formWith(waiting, 'code');
    const before = await compared(harness, mail.id);
    const answers = await sendAtOnce(browser, form, 100, (index) => ({ code: wrongFor(mail.code, index) }));
    const tried = answers.filter(({ status }) => status === 400).length;
    // A try that waits for its turn holds a place, so fewer may be let in at once; what is left can be tried afterwards.
    expect(tried).to.be.within(1, 5);
    expect(answers.filter(({ status }) => status === 429)).to.have.length(100 - tried);
    for (let nth = tried; nth < 5; nth += 1) {
      const next = await browser
        .tab()
        .submit(form, { code: wrongFor(mail.code, 100 + nth) }, { from: form.action });
      expect(next.status).to.equal(400);
    }
    expect((await compared(harness, mail.id)) - before).to.equal(5);
    const right = await sendAtOnce(browser, form, 20, () => ({ code: mail.code }));
    expect(right.some(isSignedIn)).to.equal(false);
    expect(new Set(right.map(({ status }) => status))).to.deep.equal(new Set([429]));
    expect(await inspection.statusOf(mail.id)).to.equal('pending');
  });

  it(`ML-50 ${RACE} concurrent requests for one mail: one challenge, one mail`, async () => {
    const browser = newBrowser(harness);
    const rp = harness.rp();
    const address = newAddress();
    const page = await browser.visit(await rp.authorizationUrl());
    const form = formWith(page, 'email');
    const answers = await sendAtOnce(browser, form, RACE, () => ({ email: address }));
    expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
    expect(answers.filter(({ status }) => status === 429)).to.have.length(RACE - 1);
    await harness.mailTo(address);
    expect(harness.mails().filter(({ mail }) => mail.to === address)).to.have.length(1);
    const rows = (await inspection.challenges()).filter(({ data }) => data.address === address);
    expect(rows).to.have.length(1);
    expect(rows[0]?.data.sends).to.equal(1);
  });

  it(`AC-12 ${PEOPLE} concurrent first sign-ins of one new address: one user, the same sub for all`, async () => {
    const address = newAddress();
    const asked: Asked[] = [];
    for (let person = 0; person < PEOPLE; person++) asked.push(await askForMail(harness, { address }));
    // By link: only so many codes of one mailbox are compared at a time (ML-26).
    const forms = await Promise.all(asked.map(({ browser, mail }) => openLink(browser, mail)));
    const callbacks = await Promise.all(
      asked.map(async ({ browser, mail }, index) => {
        const form = forms[index]?.form;
        if (!form) throw new Error('no form');
        return callbackOf(await browser.submit(form, { secret: mail.secret }));
      }),
    );
    const subs = await Promise.all(asked.map(({ rp }, index) => subOf(rp, callbacks[index] ?? '')));
    expect(new Set(subs).size).to.equal(1);
    expect((await inspection.users()).filter(({ key }) => key === address)).to.have.length(1);
  });

  it('ML-64 20 concurrent first sign-ins under two spellings: one user', async () => {
    const address = newAddress();
    const spellings = [address, `P${address.slice(1)}`];
    const asked: Asked[] = [];
    for (let person = 0; person < 20; person++) {
      asked.push(await askForMail(harness, { address: spellings[person % 2] ?? '' }));
    }
    const answers = await Promise.all(
      asked.map(({ browser, waiting, mail }) =>
        browser.submit(formWith(waiting, 'code'), { code: mail.code }),
      ),
    );
    expect(answers.every(isSignedIn)).to.equal(true);
    expect((await inspection.users()).filter(({ key }) => key === address)).to.have.length(1);
  });
});

/** How many guesses were really compared with the code of this challenge. */
async function compared(harness: Harness, challengeId: string): Promise<number> {
  const events = await auditOf(harness);
  return events.filter((event) => event.type === 'challenge.code_wrong' && event.challengeId === challengeId)
    .length;
}
