/** Who is signed in here already, and what a proof for another request or another person may do about it. */
import { expect } from 'chai';
import { callbackOf, type Harness, redeemLink, signInByCode, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, type Browser, formWith, pageOf } from '../../support/relying-party.ts';
import {
  askForMail,
  csrfOf,
  formTo,
  isSignedIn,
  landingOf,
  newBrowser,
  openLink,
  sessionsIn,
  subOf,
} from '../../support/sign-in.ts';

describe('sign-in beside a session', () => {
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

  /** A browser that is signed in as a new person. */
  async function signedIn(): Promise<{ browser: Browser; address: string; sub: string }> {
    const browser = newBrowser(harness);
    const address = newAddress();
    const rp = harness.rp();
    const sub = await subOf(rp, callbackOf(await signInByCode(harness, browser, rp, address)));
    return { browser, address, sub };
  }

  /** Whom a silent authorization finds here. */
  async function whoIs(browser: Browser): Promise<string> {
    const rp = harness.rp();
    const answer = await browser.tab().visit(await rp.authorizationUrl({ prompt: 'none' }));
    const error = new URL(callbackOf(answer)).searchParams.get('error');
    return error ?? subOf(rp, callbackOf(answer));
  }

  const prove: Readonly<Record<string, (asked: Awaited<ReturnType<typeof askForMail>>) => Promise<Answer>>> =
    {
      link: ({ browser, mail }) => redeemLink(browser, mail),
      code: ({ browser, mail, waiting }) => browser.submit(formWith(waiting, 'code'), { code: mail.code }),
    };

  for (const [way, run] of Object.entries(prove)) {
    it(`ML-44 by ${way}: signed in as somebody else, asked with both names; declining keeps him and burns nothing`, async () => {
      const first = await signedIn();
      const asked = await askForMail(harness, { browser: first.browser, params: { prompt: 'login' } });
      const question = await run(asked);
      const { text } = pageOf(question);
      expect(text).to.include(first.address).and.include(asked.address).and.include('Switch account?');
      expect(await inspection.statusOf(asked.mail.id)).to.equal('pending');

      const declined = await first.browser.submit(formTo(question, 'stay'));
      expect(declined.status).to.equal(200);
      expect(isSignedIn(declined)).to.equal(false);
      expect(await inspection.statusOf(asked.mail.id)).to.equal('pending');
      expect(await whoIs(first.browser)).to.equal(first.sub);

      // Nothing was spent: the same proof, now accepted.
      const again = await run(asked);
      const accepted = await first.browser.submit(formTo(again, 'redeem'));
      const sub = await subOf(asked.rp, callbackOf(accepted));
      expect(sub).not.to.equal(first.sub);
      expect(await whoIs(first.browser)).to.equal(sub);
      expect(await inspection.sessionsOf(first.sub)).to.equal(0);
      expect(await inspection.sessionsOf(sub)).to.equal(1);
    });
  }

  it('ML-44 accepting ends what was given in the session that is left', async () => {
    const browser = newBrowser(harness);
    const rp = harness.rp();
    const left = await rp.exchange(callbackOf(await signInByCode(harness, browser, rp, newAddress())));
    const asked = await askForMail(harness, { browser, params: { prompt: 'login' } });
    const question = await prove.code?.(asked);
    if (!question) throw new Error('no question');
    await browser.submit(formTo(question, 'redeem'));
    const answer = await rp.tokenRequest({
      grant_type: 'refresh_token',
      refresh_token: left.refresh_token ?? '',
    });
    expect(answer.json.error).to.equal('invalid_grant');
  });

  it('ML-44 the same person signing in again is not asked', async () => {
    const { browser, address, sub } = await signedIn();
    const asked = await askForMail(harness, { browser, address, params: { prompt: 'login' } });
    const answer = await prove.link?.(asked);
    expect(await subOf(asked.rp, callbackOf(answer ?? asked.waiting))).to.equal(sub);
  });

  it('ML-44 the sign-in that another tab began before: the person who came in meanwhile is named', async () => {
    const browser = newBrowser(harness);
    const early = await askForMail(harness, { browser: browser.tab() });
    const late = await askForMail(harness, { browser: browser.tab() });
    expect(isSignedIn((await prove.code?.(late)) ?? late.waiting)).to.equal(true);
    const question = await prove.code?.(early);
    expect(pageOf(question ?? early.waiting).text)
      .to.include(late.address)
      .and.include(early.address);
  });

  it('ML-45 the link of one request posted to another one of the same browser is refused and not burnt', async () => {
    const browser = newBrowser(harness);
    const first = await askForMail(harness, { browser: browser.tab() });
    const second = await askForMail(harness, { browser: browser.tab(), client: 'bare' });
    const crossed = await browser.visit(`${second.interaction}/redeem/${first.mail.id}`, {
      method: 'POST',
      body: { csrf: csrfOf(second.waiting), secret: first.mail.secret },
      from: second.waiting.url,
    });
    expect(crossed.status).to.equal(404);
    expect(isSignedIn(crossed)).to.equal(false);
    expect(await inspection.statusOf(first.mail.id)).to.equal('pending');
    expect(isSignedIn((await prove.link?.(first)) ?? crossed)).to.equal(true);
  });

  it('ML-45 a redeem without the cookie of that request, in the browser that asked for it', async () => {
    const { browser, mail, waiting } = await askForMail(harness);
    const { form } = await openLink(browser.tab(), mail);
    browser.jar.forget(/interaction-/);
    const answer = await browser.submit(form, { secret: mail.secret }, { from: waiting.url });
    expect(answer.status).to.equal(400);
    expect(await inspection.statusOf(mail.id)).to.equal('pending');
  });

  it('ML-42 the cookie of the request without that of the browser that asked is not enough', async () => {
    const { browser, mail, waiting, interaction } = await askForMail(harness);
    const stranger = await askForMail(harness);
    const [theirs] = stranger.browser.jar.named(/(^|-)ask-/);
    const csrf = csrfOf(waiting);
    for (const cookie of [undefined, `${theirs?.name}=${theirs?.value}; Path=/; HttpOnly`]) {
      browser.jar.forget(/(^|-)ask-/);
      if (cookie !== undefined) browser.jar.take([cookie], new URL(harness.url));
      for (const [path, body] of [
        ['redeem', { csrf, code: mail.code }],
        [`redeem/${mail.id}`, { csrf, secret: mail.secret }],
      ] as const) {
        const options = { method: 'POST', body, from: waiting.url } as const;
        const answer = await browser.tab().visit(`${interaction}/${path}`, options);
        expect(isSignedIn(answer), `${path} with ${cookie}`).to.equal(false);
      }
    }
    expect(await inspection.statusOf(mail.id)).to.equal('pending');
  });

  it('ML-46 a third-party client asks for consent after the link, and "no" reaches it', async () => {
    const { browser, mail } = await askForMail(harness, { client: 'partner' });
    const page = await redeemLink(browser, mail);
    expect(isSignedIn(page)).to.equal(false);
    expect(pageOf(page).text).to.include('Allow access?').and.include('Partner').and.include('client.test');
    const declined = await browser.submit(formTo(page, 'cancel'));
    expect(new URL(callbackOf(declined)).searchParams.get('error')).to.equal('access_denied');
  });

  it('ML-46 consent given once is remembered for that client, and is none for more', async () => {
    const { browser, rp, mail } = await askForMail(harness, { client: 'partner', rp: { scope: 'openid' } });
    const page = await redeemLink(browser, mail);
    await rp.exchange(callbackOf(await browser.submit(formTo(page, 'consent'))));
    expect(isSignedIn(await browser.visit(await rp.authorizationUrl()))).to.equal(true);
    const more = await browser.visit(await rp.authorizationUrl({ scope: 'openid email' }));
    expect(pageOf(more).text).to.include('see your email address');
  });

  it('ML-46 no mailbox is proved into a request that waits for consent', async () => {
    const { browser, mail } = await askForMail(harness, { client: 'partner' });
    const consent = await redeemLink(browser, mail);
    const body = { csrf: csrfOf(consent), email: newAddress() };
    const begun = await browser.visit(`${consent.url}/begin`, { method: 'POST', body, from: consent.url });
    expect(begun.status).to.equal(400);
  });

  it('the session ended while the mail travelled: the sign-in goes on', async () => {
    for (const [way, run] of Object.entries(prove)) {
      const { browser, address, sub } = await signedIn();
      const asked = await askForMail(harness, {
        browser: browser.tab(),
        address,
        params: { prompt: 'login' },
      });
      const confirm = await browser.visit(`${harness.url}/shop/session/end`);
      await browser.submit(formWith(confirm, 'xsrf'), { logout: 'yes' });
      expect(await whoIs(browser), way).to.equal('login_required');
      const done = await run(asked);
      expect(await subOf(asked.rp, callbackOf(done)), way).to.equal(sub);
      expect(sessionsIn(browser)).to.have.length(1);
    }
  });

  it('a session cookie that is lost while the mail travelled: the sign-in goes on', async () => {
    const { browser, sub, address } = await signedIn();
    const asked = await askForMail(harness, { browser, address, params: { prompt: 'login' } });
    browser.jar.forget(/session-/);
    const landing = await browser.tab().visit(landingOf(asked.mail));
    const done = await browser.submit(
      formWith(landing, 'secret'),
      { secret: asked.mail.secret },
      { from: landing.url },
    );
    expect(await subOf(asked.rp, callbackOf(done))).to.equal(sub);
  });

  it('ML-44 the app beside is another matter: its own session, its own people', async () => {
    const { browser, address, sub } = await signedIn();
    const rp = harness.rp('studio');
    const page = await browser.visit(await rp.authorizationUrl());
    formWith(page, 'email');
    const callback = callbackOf(await signInByCode(harness, browser, rp, address));
    expect(await subOf(rp, callback)).not.to.equal(sub);
    expect(await whoIs(browser)).to.equal(sub);
  });
});
