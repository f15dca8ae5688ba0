/** The database goes away at every point of a sign-in: 503 and a way on, never 500, never a hang, nothing lost. */
import { expect } from 'chai';
import { asAppId } from '../../../src/core/ids.ts';
import { type FaultMode, FaultyStore } from '../../support/faulty-store.ts';
import { CALLBACK, type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import {
  type Answer,
  Browser,
  formsOf,
  formWith,
  pageOf,
  type RelyingParty,
  type TokenAnswer,
} from '../../support/relying-party.ts';
import { formTo, wrongFor } from '../../support/sign-in.ts';

const PATIENCE_MS = 250;
/** Of one step: a single fault needs one more try; a slow machine may need another. */
const TRIES = 4;

describe('store away', () => {
  const faulty = new FaultyStore();
  let harness: Harness;
  let rp: RelyingParty;
  /** Where in the flow a call of each kind is made; each stuck one waits as long as patience lasts. */
  const kinds = new Map<string, number>();
  /** How often a person met an interaction that was over and had to go back to the client. */
  let startedAnew = 0;

  before(async () => {
    harness = await startPostern({ wrapStore: faulty.wrap, patienceMs: PATIENCE_MS });
    await harness.server.warmUp();
    rp = harness.rp();
    await rp.metadata();
    await journey('cut', -1);
  });
  after(() => harness.close());

  /** What a person does: presses what the page offers, until there is an answer. */
  async function persist(browser: Browser, first: Answer): Promise<Answer> {
    let answer = first;
    for (let tries = 0; answer.status === 503 && tries < TRIES; tries += 1) {
      expect(answer.headers['retry-after']).to.match(/^\d+$/);
      expect(answer.headers['content-type']).to.match(/^text\/html/);
      const [form] = formsOf(answer);
      const [again] = pageOf(answer).links.filter(({ text }) => text === 'Try again');
      if (!form && !again) throw new Error(`a dead end: ${pageOf(answer).text}`);
      answer = form
        ? await browser.submit(form)
        : await browser.visit(again?.url ?? '', { from: answer.url, until: rp.isCallback });
    }
    expect(answer.status, `${answer.url}: ${pageOf(answer).text}`).to.be.below(500);
    return answer;
  }

  /** What a client does: asks again. */
  async function repeat(call: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
    let answer = await call();
    for (let tries = 0; answer.status === 503 && tries < TRIES; tries += 1) {
      expect(answer.headers['retry-after']).to.match(/^\d+$/);
      expect(answer.json.error).to.equal('temporarily_unavailable');
      answer = await call();
    }
    expect(answer.status).to.be.below(500);
    return answer;
  }

  /** A limit may have been counted for a mail that was not made: then the page counts down until it may be asked for. */
  async function mailTo(browser: Browser, waiting: Answer, address: string): Promise<{ code: string }> {
    await harness.server.jobs.runDue();
    if (!harness.mails().some(({ mail }) => mail.to === address)) {
      harness.clock.move(31_000);
      await harness.server.tick();
      await harness.server.jobs.runDue();
    }
    if (!harness.mails().some(({ mail }) => mail.to === address)) {
      await persist(browser, await browser.submit(formTo(waiting, 'resend')));
    }
    return harness.mailTo(address);
  }

  const isCallback = (answer: Answer): boolean => answer.next?.startsWith(CALLBACK) ?? false;

  /** From the client to the client, by mailed code where there is no session; gives the callback. */
  async function authorize(browser: Browser, address: string): Promise<string> {
    let answer = await persist(browser, await browser.visit(await rp.authorizationUrl()));
    for (let rounds = 0; !isCallback(answer) && rounds < 3; rounds += 1) {
      if (formsOf(answer).some(({ fields }) => fields.some(({ name }) => name === 'email'))) {
        const waiting = await persist(
          browser,
          await browser.submit(formWith(answer, 'email'), { email: address }),
        );
        const { code } = await mailTo(browser, waiting, address);
        answer = await persist(browser, await browser.submit(formWith(waiting, 'code'), { code }));
      } else {
        // "Finished": what the person asked for has ended, the client begins anew.
        startedAnew += 1;
        answer = await persist(browser, await browser.visit(await rp.authorizationUrl()));
      }
    }
    expect(isCallback(answer), pageOf(answer).text).to.equal(true);
    return answer.next ?? '';
  }

  async function journey(mode: FaultMode, nth: number): Promise<string | undefined> {
    const [browser, address] = [new Browser({ now: harness.clock.now }), newAddress()];
    faulty.arm(mode, nth);
    let callback = await authorize(browser, address);
    let tokens = await repeat(() => rp.redeem(callback));
    if (tokens.status === 400) {
      // RFC 6749 §4.1.2, RL-06: the code was spent before the call that failed. The session gives another, silently.
      expect(tokens.json.error).to.equal('invalid_grant');
      const silent = await browser.visit(await rp.authorizationUrl({ prompt: 'none' }));
      expect(isCallback(silent), 'the session stands').to.equal(true);
      callback = silent.next ?? '';
      tokens = await repeat(() => rp.redeem(callback));
    }
    expect(tokens.status).to.equal(200);
    let refreshToken = String(tokens.json.refresh_token);
    // OA-20: whoever asks again within the window gets the same successor, so it is good for the next round.
    for (let round = 0; round < 2; round += 1) {
      const params = { grant_type: 'refresh_token', refresh_token: refreshToken };
      const refreshed = await repeat(() => rp.tokenRequest(params));
      expect(refreshed.status, JSON.stringify(refreshed.json)).to.equal(200);
      refreshToken = String(refreshed.json.refresh_token);
      tokens = refreshed;
    }
    const access = String(tokens.json.access_token);
    const { email } = await untilAnswered(() => rp.userinfo(access));
    expect(email).to.equal(address);
    return faulty.struck;
  }

  async function untilAnswered<T>(call: () => Promise<T>): Promise<T> {
    return call().catch((fault: unknown) => {
      expect(fault).to.include({ name: 'OAuthError', error: 'temporarily_unavailable', status: 503 });
      return call();
    });
  }

  it('RFC 6749 §4.1.2.1 prompt=none is told `temporarily_unavailable`, since nobody would see a page', async () => {
    const browser = new Browser({ now: harness.clock.now });
    await authorize(browser, newAddress());
    faulty.arm('cut', 0);
    const silent = await browser.visit(await rp.authorizationUrl({ prompt: 'none', state: 'the-state' }));
    const answer = new URL(silent.next ?? '').searchParams;
    expect(Object.fromEntries(answer)).to.deep.equal({
      error: 'temporarily_unavailable',
      state: 'the-state',
      iss: rp.options.issuer,
    });
  });

  it('a link opened while the store is away keeps its secret: the page reloads itself and is not stripped', async () => {
    const browser = new Browser({ now: harness.clock.now });
    const address = newAddress();
    const first = await browser.visit(await rp.authorizationUrl());
    await browser.submit(formWith(first, 'email'), { email: address });
    const { link } = await harness.mailTo(address);
    faulty.arm('cut', 0);
    const landing = await browser.visit(link.split('#')[0] ?? '');
    expect(landing.status).to.equal(503);
    expect(landing.body).to.contain('try-again.js').and.not.to.contain('strip-fragment.js');
    expect((await persist(browser, landing)).status).to.equal(200);
  });

  it('a first request of an app, before its keys were ever read, is answered the same way', async () => {
    const broken = new FaultyStore();
    const second = await startPostern({ wrapStore: broken.wrap });
    try {
      broken.breakFor('records');
      const token = await fetch(`${second.url}/studio/token`, { method: 'POST' });
      expect([token.status, token.headers.get('retry-after')]).to.deep.equal([503, '2']);
      expect(await token.json()).to.include({ error: 'temporarily_unavailable' });
      const page = await fetch(`${second.url}/studio/auth`, { headers: { accept: 'text/html' } });
      expect(page.status).to.equal(503);
      expect(await page.text()).to.contain('Try again');
    } finally {
      await second.close();
    }
  });

  it('WB-08 without the shared count no code is judged: every guess is refused until it is back', async () => {
    const browser = new Browser({ now: harness.clock.now });
    const address = newAddress();
    const first = await browser.visit(await rp.authorizationUrl());
    const waiting = await browser.submit(formWith(first, 'email'), { email: address });
    const { code } = await harness.mailTo(address);
    faulty.breakFor('counters.hit');
    const guesses = await Promise.all(
      Array.from({ length: 20 }, () =>
        browser.tab().submit(formWith(waiting, 'code'), { code: wrongFor(code) }, { from: waiting.url }),
      ),
    );
    faulty.breakFor(undefined);
    expect(new Set(guesses.map(({ status }) => status))).to.deep.equal(new Set([503]));
    const events = await harness.server.audit.list(harness.server.apps.all[0]?.id ?? asAppId(''), {
      limit: 1000,
    });
    expect(events.map(({ type }) => type)).not.to.include('challenge.code_wrong');
    const done = await browser.submit(formWith(waiting, 'code'), { code });
    expect(isCallback(done)).to.equal(true);
  });

  for (const mode of ['cut', 'lost'] as const) {
    it(`RL-08 one call ${mode} at every point of a sign-in: it completes`, async function () {
      this.timeout(60_000);
      const struck: string[] = [];
      startedAnew = 0;
      for (let nth = 0; ; nth += 1) {
        const call = await journey(mode, nth).catch((fault: unknown) => {
          throw new Error(`call ${nth} (${faulty.struck}) ${mode}: ${String(fault)}`, { cause: fault });
        });
        if (call === undefined) break;
        struck.push(call);
      }
      // The first of each kind: journeys differ by a call or two in length, so the last ones may not come again.
      for (const [nth, call] of struck.entries()) if (!kinds.has(call)) kinds.set(call, nth);
      // Only an end whose answer was lost looks like one that happened elsewhere.
      if (mode === 'cut') expect(startedAnew).to.equal(0);
      expect(struck.length).to.be.above(30);
      expect(new Set(struck)).to.include('artifacts.mark').and.include('counters.hit');
    });
  }

  it('RL-08 a store that never answers: 503 when patience ends, at each kind of call', async function () {
    this.timeout(60_000);
    expect(kinds.size).to.be.above(8);
    // Calls that one request makes side by side may change places, so the nth need not be of the same kind again.
    for (const [call, nth] of kinds) expect(await journey('stuck', nth), call).not.to.equal(undefined);
  });
});
