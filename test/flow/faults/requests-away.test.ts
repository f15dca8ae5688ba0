/**
 * The store fails one call, at every point of what clients and people ask beside a plain sign-in: 503 or success, never 500,
 * and whoever asks again gets what was wanted.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type FaultMode, FaultyStore } from '../../support/faulty-store.ts';
import { ask, callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import { isAlive, loginWithTokens, newAddress, refreshWith } from '../../support/logins.ts';
import {
  type Answer,
  type Browser,
  formsOf,
  formWith,
  pageOf,
  type TokenAnswer,
} from '../../support/relying-party.ts';
import { askForMail, formTo, isSignedIn, newBrowser, openLink } from '../../support/sign-in.ts';
import { FILES, SHOP, withSecret } from '../tokens/shop.ts';

/** Of one step: a single fault needs one more. */
const TRIES = 3;
const MODES: readonly FaultMode[] = ['cut', 'lost'];

describe('store away: what is asked beside a sign-in', () => {
  const faulty = new FaultyStore();
  let harness: Harness;
  before(async () => {
    harness = await startPostern({ apps: { shop: SHOP }, wrapStore: faulty.wrap });
    await harness.server.warmUp();
  });
  after(() => harness.close());

  /** What a client does: the same request again. */
  async function repeat(call: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
    let answer = await call();
    for (let tries = 0; answer.status === 503 && tries < TRIES; tries += 1) {
      expect(answer.headers['retry-after']).to.match(/^\d+$/);
      expect(answer.json.error).to.equal('temporarily_unavailable');
      answer = await call();
    }
    expect(answer.status, JSON.stringify(answer.json)).to.be.below(500);
    return answer;
  }

  /** What a person does: the same press, or the same address, again. */
  async function press(send: () => Promise<Answer>): Promise<Answer> {
    let answer = await send();
    for (let tries = 0; answer.status === 503 && tries < TRIES; tries += 1) {
      expect(answer.headers['retry-after']).to.match(/^\d+$/);
      const { text, links } = pageOf(answer);
      if (formsOf(answer).length + links.length === 0) expect(text, 'a dead end').to.match(/\bgo back\b/i);
      answer = await send();
    }
    expect(answer.status, `${answer.url}: ${pageOf(answer).text}`).to.be.below(500);
    return answer;
  }

  /** `prepare` is not disturbed; the run it gives is, at its nth call, until it has no more. Gives the calls. */
  async function atEveryCall(
    mode: FaultMode,
    prepare: () => Promise<() => Promise<void>>,
  ): Promise<string[]> {
    const struck: string[] = [];
    for (let nth = 0; ; nth += 1) {
      faulty.disarm();
      const run = await prepare();
      faulty.arm(mode, nth);
      await run().catch((fault: unknown) => {
        throw new Error(`call ${nth} (${faulty.struck}) ${mode}: ${String(fault)}`, { cause: fault });
      });
      const call = faulty.struck;
      faulty.disarm();
      if (call === undefined) return struck;
      struck.push(call);
    }
  }

  for (const mode of MODES) {
    it(`RL-08 pushing a request, one call ${mode}: it is taken and leads to the sign-in page`, async () => {
      const struck = await atEveryCall(mode, async () => {
        const rp = harness.rp();
        await rp.metadata();
        return async () => {
          const { status, json } = await repeat(() => rp.push());
          expect(status).to.equal(201);
          const url = await rp.requestUriUrl(String(json.request_uri));
          const browser = newBrowser(harness);
          formWith(await press(() => browser.visit(url)), 'email');
        };
      });
      expect(struck.length).to.be.above(2);
    });

    it(`RL-08 introspection, one call ${mode}: never told inactive what is active`, async () => {
      const api = harness.rp('shop', 'files-api', withSecret());
      await api.metadata();
      const options = { rp: { scope: 'openid files:read' }, params: { resource: FILES } };
      const { tokens } = await loginWithTokens(harness, options);
      const struck = await atEveryCall(mode, async () => async () => {
        const { status, json } = await repeat(() => api.introspect(tokens.access_token));
        expect([status, json.active]).to.deep.equal([200, true]);
      });
      expect(struck.length).to.be.above(1);
    });

    it(`RL-08 OA-27 revocation, one call ${mode}: once accepted, the family is dead`, async () => {
      const struck = await atEveryCall(mode, async () => {
        const { rp, tokens } = await loginWithTokens(harness);
        return async () => {
          expect((await repeat(() => rp.revoke(tokens.refresh_token))).status).to.equal(200);
          faulty.disarm();
          expect((await refreshWith(rp, tokens.refresh_token)).json.error).to.equal('invalid_grant');
          expect(await isAlive(rp, tokens.access_token)).to.equal(false);
        };
      });
      expect(struck.length).to.be.above(2);
    });

    it(`RL-08 the link in the browser that asked, one call ${mode}: it signs in`, async () => {
      const struck = await atEveryCall(mode, async () => {
        const { browser, mail } = await askForMail(harness);
        const { form } = await openLink(browser, mail);
        return async () => {
          const values = { secret: mail.secret };
          const done = await press(() => browser.tab().submit(form, values, { from: form.action }));
          await expectSignedIn(browser, done, mode);
        };
      });
      expect(struck.length).to.be.above(8);
    });

    it(`RL-08 RL-07 the code typed elsewhere, one call ${mode}: that browser goes on`, async () => {
      const struck = await atEveryCall(mode, async () => {
        const { mail } = await askForMail(harness);
        const phone = newBrowser(harness);
        const landing = await phone.visit(mail.link.split('#')[0] ?? '');
        const form = formWith(landing, 'code');
        return async () => {
          const answer = await press(() => phone.submit(form, { code: mail.code }, { from: form.action }));
          expect(answer.next, pageOf(answer).text).to.equal('http://client.test/');
        };
      });
      expect(struck.length).to.be.above(4);
    });

    it(`RL-08 asking for a mail, one call ${mode}: asked again at once it is sent, or on its way already`, async () => {
      const struck = await atEveryCall(mode, async () => {
        const [browser, address] = [newBrowser(harness), newAddress()];
        const form = formWith(await browser.visit(await harness.rp().authorizationUrl()), 'email');
        return async () => {
          const values = { email: address };
          formWith(await press(() => browser.submit(form, values, { from: form.action })), 'code');
          faulty.disarm();
          const arrived = () => harness.mails().filter(({ mail }) => mail.to === address);
          // A delivery under way ends before the clock moves: it would outlive its lease, and be done twice.
          for (let look = 0; look < 50 && arrived().length === 0; look += 1) {
            await harness.server.jobs.runDue();
            await delay(10);
          }
          // What a fault left in the row only is found by the worker, within seconds.
          if (arrived().length === 0) harness.clock.move(11_000);
          await harness.server.tick();
          await harness.server.jobs.runDue();
          expect(arrived()).to.have.length(1);
        };
      });
      expect(struck.length).to.be.above(6);
    });

    it(`RL-08 consent, one call ${mode}: the yes is kept and the client gets its code`, async () => {
      const struck = await atEveryCall(mode, async () => {
        const [browser, rp] = [newBrowser(harness), harness.rp('shop', 'partner')];
        const address = newAddress();
        const waiting = await ask(browser, rp, address);
        const { code } = await harness.mailTo(address);
        const page = await browser.submit(formWith(waiting, 'code'), { code });
        const form = formTo(page, 'consent');
        return async () => {
          const done = await press(() => browser.tab().submit(form, {}, { from: form.action }));
          if (!isSignedIn(done)) {
            // Its answer was lost after the interaction had ended: the client asks again and nobody is asked anything.
            faulty.disarm();
            expect(isSignedIn(await browser.visit(await rp.authorizationUrl()))).to.equal(true);
          }
        };
      });
      expect(struck.length).to.be.above(4);
    });

    it(`RL-08 OA-36 sign-out, one call ${mode}: it ends the session`, async () => {
      const struck = await atEveryCall(mode, async () => {
        const { browser, rp, tokens } = await loginWithTokens(harness);
        const url = await rp.logoutUrl({ id_token_hint: tokens.id_token ?? '' });
        return async () => {
          const page = await press(() => browser.visit(url));
          const form = formWith(page, 'logout');
          await press(() => browser.tab().submit(form, {}, { from: form.action }));
          faulty.disarm();
          const silent = await browser.tab().visit(await rp.authorizationUrl({ prompt: 'none' }));
          expect(new URL(callbackOf(silent)).searchParams.get('error')).to.equal('login_required');
        };
      });
      expect(struck.length).to.be.above(3);
    });
  }

  /**
   * At the client. Where an end whose answer was lost looks like one that happened elsewhere: either the session stands, or
   * the page leads back to the client, which begins anew.
   */
  async function expectSignedIn(browser: Browser, done: Answer, mode: FaultMode): Promise<void> {
    if (isSignedIn(done)) return;
    const isLedBack = pageOf(done).links.some(({ url }) => url === 'http://client.test/');
    if (mode === 'lost' && isLedBack) return;
    faulty.disarm();
    const silent = await browser.tab().visit(await harness.rp().authorizationUrl({ prompt: 'none' }));
    expect(new URL(callbackOf(silent)).searchParams.has('code'), pageOf(done).text).to.equal(true);
  }
});
