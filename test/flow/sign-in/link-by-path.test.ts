/** `link_secret: path`, for recipients whose mail gateway cuts fragments off. */
import { expect } from 'chai';
import { MINUTE } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { type Answer, formWith } from '../../support/relying-party.ts';
import {
  askForMail,
  formTo,
  isSignedIn,
  newBrowser,
  pressEverything,
  sessionsIn,
} from '../../support/sign-in.ts';

const withLink = (link_secret: unknown) => ({ methods: { magic_link: { link_secret } } });

describe('a link with its secret in the path', () => {
  let harness: Harness;
  let inspection: Inspection;
  before(async () => {
    harness = await startPostern({
      apps: {
        shop: { ...APPS.shop, ...withLink('path') },
        studio: { ...APPS.studio, ...withLink({ path_for: ['cutting.example'] }) },
      },
    });
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
  });
  afterEach(restoreTime);

  const press = (landing: Answer) => formTo(landing, 'redeem');

  it('moves the secret into a cookie at once and signs in by one button, without script', async () => {
    const { browser, rp, mail } = await askForMail(harness);
    expect(mail.link).to.equal(`${harness.url}/shop/link/${mail.id}/${mail.secret}`);
    const landing = await browser.tab().visit(mail.link);
    expect(landing.hops.map(({ status }) => status)).to.deep.equal([303, 200]);
    expect(landing.url).to.equal(`${harness.url}/shop/link/${mail.id}`);
    expect(landing.body).not.to.include(mail.secret);
    const [cookie] = browser.jar.named(/(^|-)link-/);
    expect(cookie).to.include({ isHttpOnly: true, sameSite: 'lax' });
    const done = await browser.submit(press(landing), {}, { from: landing.url });
    await rp.exchange(callbackOf(done));
  });

  it('ML-12 signs nobody in elsewhere, whatever is pressed there', async () => {
    const asked = await askForMail(harness);
    const other = newBrowser(harness);
    const landing = await other.visit(asked.mail.link);
    await pressEverything(other, landing, { code: '', secret: asked.mail.secret });
    expect(sessionsIn(other)).to.have.length(0);
    expect(await inspection.statusOf(asked.mail.id)).to.equal('pending');
    const own = await asked.browser.tab().visit(asked.mail.link);
    expect(isSignedIn(await asked.browser.submit(press(own), {}, { from: own.url }))).to.equal(true);
  });

  it('ML-13 punctuation behind the secret is cut off, nonsense leads to the code', async () => {
    const { browser, mail } = await askForMail(harness);
    for (const tail of ['.', '>', ')', '?x=1&amp;follow=true', '%3E']) {
      const answer = await browser.tab().visit(`${mail.link}${tail}`);
      expect(answer.status, tail).to.equal(200);
      expect(answer.body, tail).to.include('data-has-secret="yes"');
    }
    browser.jar.forget(/(^|-)link-/);
    const short = await browser.tab().visit(mail.link.slice(0, -10));
    expect(short.status).to.equal(200);
    expect(short.body).to.include('data-has-secret="no"');
    expect(
      isSignedIn(await browser.submit(formWith(short, 'code'), { code: mail.code }, { from: short.url })),
    ).to.equal(true);
  });

  it('the secret of one link does not serve another one of the same browser', async () => {
    const first = await askForMail(harness);
    const second = await askForMail(harness, { browser: first.browser.tab() });
    await first.browser.tab().visit(first.mail.link);
    const landing = await first.browser.tab().visit(`${harness.url}/shop/link/${second.mail.id}`);
    expect(landing.body).to.include('data-has-secret="no"');
    const answer = await first.browser.submit(formWith(landing, 'secret'), {}, { from: landing.url });
    expect(isSignedIn(answer)).to.equal(false);
  });

  it('the cookie ends with the link', async () => {
    const { browser, mail } = await askForMail(harness);
    await browser.tab().visit(mail.link);
    passTime(harness, 11 * MINUTE);
    expect(browser.jar.named(/(^|-)link-/)).to.have.length(0);
  });

  it('path_for: only the domains named', async () => {
    for (const [address, separator] of [
      ['ann@cutting.example', '/'],
      ['ann@sub.cutting.example', '#'],
      ['ann@other.example', '#'],
    ] as const) {
      const { mail } = await askForMail(harness, { slug: 'studio', address });
      expect(mail.link, address).to.equal(`${harness.url}/studio/link/${mail.id}${separator}${mail.secret}`);
    }
  });
});
