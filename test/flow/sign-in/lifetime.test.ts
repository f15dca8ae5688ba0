/** When a link and its code end, what "send again" gives, and what becomes of late clicks. */
import { expect } from 'chai';
import { MINUTE, SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { callbackOf, type Harness, redeemLink, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { type Answer, formWith, pageOf } from '../../support/relying-party.ts';
import {
  type Asked,
  askForMail,
  formTo,
  isSignedIn,
  landingOf,
  newBrowser,
  openLink,
} from '../../support/sign-in.ts';

const LIFE = 10 * MINUTE;

describe('the life of a mail', () => {
  let harness: Harness;
  let inspection: Inspection;
  before(async () => {
    harness = await startPostern();
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
  });
  afterEach(restoreTime);

  const byCode = ({ browser, waiting }: Asked, code: string): Promise<Answer> =>
    browser.submit(formWith(waiting, 'code'), { code }, { from: waiting.url });

  it('ML-14 link and code work after 9:59', async () => {
    const byLink = await askForMail(harness);
    const other = await askForMail(harness);
    passTime(harness, LIFE - SECOND);
    expect(isSignedIn(await redeemLink(byLink.browser, byLink.mail))).to.equal(true);
    expect(isSignedIn(await byCode(other, other.mail.code))).to.equal(true);
  });

  it('ML-14 after 10:01 the link says so, and "send again" keeps the same request', async () => {
    const browser = newBrowser(harness);
    const state = 'the-state-of-this-request';
    const asked = await askForMail(harness, { browser, params: { state } });
    passTime(harness, LIFE + SECOND);
    const landing = await browser.visit(landingOf(asked.mail));
    expect(landing.status).to.equal(410);
    expect(pageOf(landing).text).to.include('This link has expired');
    const waiting = await browser.submit(formTo(landing, 'resend'));
    expect(pageOf(waiting).text).to.include(asked.address);
    const fresh = await harness.mailTo(asked.address);
    expect(fresh.id).not.to.equal(asked.mail.id);
    const done = await browser.submit(formWith(waiting, 'code'), { code: fresh.code });
    expect(new URL(callbackOf(done)).searchParams.get('state')).to.equal(state);
    await asked.rp.exchange(callbackOf(done));
  });

  it('ML-14 after 10:01 the code says so, and the page that says it can send a new one', async () => {
    const asked = await askForMail(harness);
    passTime(harness, LIFE + SECOND);
    const late = await byCode(asked, asked.mail.code);
    expect(late.status).to.equal(400);
    expect(pageOf(late).text).to.include('has expired');
    const waiting = await asked.browser.submit(formTo(late, 'resend'));
    const fresh = await harness.mailTo(asked.address);
    expect(isSignedIn(await asked.browser.submit(formWith(waiting, 'code'), { code: fresh.code }))).to.equal(
      true,
    );
  });

  it('ML-14 the landing page was opened in time, its form was sent too late', async () => {
    const { browser, mail } = await askForMail(harness);
    const { form } = await openLink(browser, mail);
    passTime(harness, LIFE + SECOND);
    const answer = await browser.submit(form, { secret: mail.secret });
    expect(isSignedIn(answer)).to.equal(false);
    expect(answer.status).to.be.oneOf([400, 410]);
    formTo(answer, 'resend');
  });

  it('ML-29 in the first half of its life a second mail has the same link and code, later a sibling has its own', async () => {
    const asked = await askForMail(harness);
    passTime(harness, 31 * SECOND);
    await asked.browser.submit(formTo(asked.waiting, 'resend'), {}, { from: asked.waiting.url });
    const again = await harness.mailTo(asked.address);
    expect([again.link, again.code]).to.deep.equal([asked.mail.link, asked.mail.code]);
    expect(again.messageId).not.to.equal(asked.mail.messageId);

    passTime(harness, 5 * MINUTE);
    await asked.browser.submit(formTo(asked.waiting, 'resend'), {}, { from: asked.waiting.url });
    const sibling = await harness.mailTo(asked.address);
    expect(sibling.id).not.to.equal(asked.mail.id);
    expect(sibling.code).not.to.equal(asked.mail.code);
    expect(sibling.secret).not.to.equal(asked.mail.secret);
  });

  const siblings = async (): Promise<Asked & { sibling: Asked['mail'] }> => {
    const asked = await askForMail(harness);
    passTime(harness, 6 * MINUTE);
    await asked.browser.submit(formTo(asked.waiting, 'resend'), {}, { from: asked.waiting.url });
    return { ...asked, sibling: await harness.mailTo(asked.address) };
  };

  it('ML-29 the older mail still works by link and by code, and its success closes the newer', async () => {
    for (const way of ['link', 'code']) {
      const asked = await siblings();
      const done =
        way === 'link'
          ? await redeemLink(asked.browser.tab(), asked.mail)
          : await byCode(asked, asked.mail.code);
      expect(isSignedIn(done), way).to.equal(true);
      expect(await inspection.statusOf(asked.sibling.id), way).to.equal('closed');
      const landing = await asked.browser.visit(landingOf(asked.sibling));
      expect(pageOf(landing).text).to.include('This link has been used');
    }
  });

  it('ML-29 the newer mail works after the older has ended, whose own link has expired', async () => {
    const asked = await siblings();
    passTime(harness, 5 * MINUTE);
    expect((await asked.browser.tab().visit(landingOf(asked.mail))).status).to.equal(410);
    const old = await byCode(asked, asked.mail.code);
    expect(isSignedIn(old)).to.equal(false);
    expect(isSignedIn(await byCode(asked, asked.sibling.code))).to.equal(true);
  });

  it('ML-29 a request of another browser for the same address closes nothing', async () => {
    const first = await askForMail(harness);
    const second = await askForMail(harness, { address: first.address });
    expect(isSignedIn(await byCode(second, second.mail.code))).to.equal(true);
    expect(isSignedIn(await byCode(first, first.mail.code))).to.equal(true);
  });

  it('ML-47 a click at 9:50 completes, though the page before it was open for half an hour', async () => {
    const { browser, rp, waiting, address } = await askForMail(harness);
    passTime(harness, 30 * MINUTE);
    const resent = await browser.submit(formTo(waiting, 'resend'), {}, { from: waiting.url });
    const mail = await harness.mailTo(address);
    passTime(harness, 9 * MINUTE + 50 * SECOND);
    expect(resent.status).to.equal(200);
    await rp.exchange(callbackOf(await redeemLink(browser, mail)));
  });

  it('ML-47 the request is gone: a page that says where to start again, no raw fault', async () => {
    const { browser, waiting, mail } = await askForMail(harness);
    passTime(harness, 61 * MINUTE);
    const late = await browser.visit(landingOf(mail));
    expect(late.status).to.equal(410);
    expect(pageOf(late).links.map(({ url }) => url)).to.include('http://client.test/');
    const page = await browser.submit(formWith(waiting, 'code'), { code: mail.code }, { from: waiting.url });
    expect(page.status).to.equal(400);
    expect(pageOf(page).text).to.include('This sign-in has ended').and.include('start again');
  });

  it('"send again" waits for thirty seconds and counts them down', async () => {
    const asked = await askForMail(harness);
    expect(asked.waiting.body).to.include('data-resend-in="30"').and.include('data-expires-in="600"');
    const resend = formTo(asked.waiting, 'resend');
    passTime(harness, 29 * SECOND);
    const early = await asked.browser.submit(resend, {}, { from: asked.waiting.url });
    expect(early.status).to.equal(429);
    expect(early.body).to.include('data-resend-in="1"');
    await harness.server.jobs.runDue();
    const mails = () => harness.mails().filter(({ mail }) => mail.to === asked.address).length;
    expect(mails()).to.equal(1);
    passTime(harness, SECOND);
    const done = await asked.browser.submit(resend, {}, { from: asked.waiting.url });
    expect(done.status).to.equal(200);
    expect(done.body).to.include('data-resend-in="30"');
    await harness.mailTo(asked.address);
    expect(mails()).to.equal(2);
  });
});
