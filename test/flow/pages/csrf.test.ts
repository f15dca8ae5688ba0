/** Every POST that acts by cookie comes from a page of ours in the same browser; nothing else has an effect. */
import { expect } from 'chai';
import { callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { newAddress } from '../../support/logins.ts';
import { formWith, pageOf } from '../../support/relying-party.ts';
import {
  askForMail,
  csrfOf,
  interactionOf,
  isSignedIn,
  landingOf,
  newBrowser,
} from '../../support/sign-in.ts';
import { exchange, type Reply } from '../../support/wire.ts';
import { type Prepared, posts, ROUTES } from './posts.ts';

interface Forgery {
  readonly body?: Readonly<Record<string, string>>;
  /** Undefined: the header is left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** A POST with this browser's cookies and exactly these headers. */
function post(
  { browser, url, page }: Prepared,
  body: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string | undefined>>,
): Promise<Reply> {
  const target = new URL(url);
  const all = {
    cookie: browser.jar.header({ url: target, isCrossSite: false, isSafeNavigation: false }),
    origin: new URL(page).origin,
    referer: page,
    'sec-fetch-site': 'same-origin',
    'content-type': 'application/x-www-form-urlencoded',
    ...headers,
  };
  const given = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return exchange(target, {
    method: 'POST',
    headers: Object.fromEntries(given),
    body: new URLSearchParams(body).toString(),
  });
}

describe('forms', () => {
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

  /** What is changed about a genuine request; the answers that are allowed then. */
  const FORGERIES: Readonly<Record<string, (given: Prepared) => Promise<Forgery>>> = {
    'without token': async ({ body: { csrf: _, xsrf: __, ...body } }) => ({ body }),
    "with another browser's token": async ({ body }) => {
      const other = await newBrowser(harness).visit(await harness.rp().authorizationUrl());
      const token = csrfOf(other);
      return {
        body: { ...body, ...(body.csrf ? { csrf: token } : {}), ...(body.xsrf ? { xsrf: token } : {}) },
      };
    },
    'with Origin evil': async ({ body }) => ({ body, headers: { origin: 'https://evil.example' } }),
    'with Origin null': async ({ body }) => ({ body, headers: { origin: 'null' } }),
    'with the Origin of a look-alike': async ({ body }) => ({
      body,
      headers: { origin: `${harness.url}.evil.example` },
    }),
    'cross-site by fetch metadata, without Origin': async ({ body }) => ({
      body,
      headers: { origin: undefined, 'sec-fetch-site': 'cross-site' },
    }),
  };

  for (const route of ROUTES) {
    it(`WB-02 ${route}: forged six ways, nothing happens; genuine, it does`, async () => {
      const given = await posts(harness, inspection)[route]();
      for (const [kind, forge] of Object.entries(FORGERIES)) {
        const { body = {}, headers = {} } = await forge(given);
        const reply = await post(given, body, headers);
        expect(reply.status, `${kind}: ${reply.body.slice(0, 200)}`).to.be.oneOf([400, 403]);
        if ('origin' in headers) expect(reply.status, kind).to.equal(403);
        expect(reply.headers.location, kind).to.equal(undefined);
        expect(await given.isUnchanged(), `${kind} changed something`).to.equal(true);
      }
      const real = await given.browser.visit(given.url, {
        method: 'POST',
        body: given.body,
        from: given.page,
      });
      expect(real.status, real.body.slice(0, 300)).to.be.oneOf([200, 303]);
    });
  }

  it('WB-02 a page older than its cookie is shown anew with a note; nothing was done', async () => {
    const browser = newBrowser(harness);
    const page = await browser.visit(await harness.rp().authorizationUrl());
    browser.jar.forget(/(^|-)csrf-/);
    const address = newAddress();
    const stale = await browser.submit(formWith(page, 'email'), { email: address });
    expect(stale.status).to.equal(400);
    expect(pageOf(stale).text).to.include('This page was open too long');
    await harness.server.jobs.runDue();
    expect(harness.mails().some(({ mail }) => mail.to === address)).to.equal(false);
    expect((await browser.submit(formWith(stale, 'email'), { email: address })).status).to.equal(200);
  });

  it('WB-02 a token of one app is none in another', async () => {
    const browser = newBrowser(harness);
    const shop = await browser.tab().visit(await harness.rp('shop').authorizationUrl());
    const studio = await browser.tab().visit(await harness.rp('studio').authorizationUrl());
    const body = { csrf: csrfOf(shop), email: newAddress() };
    const answer = await browser.visit(`${interactionOf(studio)}/begin`, {
      method: 'POST',
      body,
      from: studio.url,
    });
    expect(answer.status).to.equal(400);
    expect(csrfOf(shop)).not.to.equal(csrfOf(studio));
  });

  it('WB-02 no GET sends a mail, spends a secret or signs anyone in or out', async () => {
    const { browser, mail, waiting, interaction } = await askForMail(harness);
    const before = harness.mails().length;
    for (const step of [
      'begin?email=x@example.org',
      'resend',
      `redeem?code=${mail.code}`,
      `redeem/${mail.id}?secret=${mail.secret}`,
      'change',
      'cancel',
      'consent',
      'continue',
      'stay',
      'other',
    ]) {
      const answer = await browser.tab().visit(`${interaction}/${step}`, { from: waiting.url });
      expect(answer.status, step).to.be.oneOf([404, 405]);
    }
    for (const step of ['continue', 'report']) {
      const answer = await newBrowser(harness).visit(`${landingOf(mail)}/${step}?code=${mail.code}`);
      expect(answer.status, step).to.be.oneOf([200, 404, 405]);
    }
    await harness.server.jobs.runDue();
    expect(harness.mails()).to.have.length(before);
    expect(await inspection.statusOf(mail.id)).to.equal('pending');
    expect(
      isSignedIn(await browser.submit(formWith(waiting, 'code'), { code: mail.code }, { from: waiting.url })),
    ).to.equal(true);
    await browser.visit(`${harness.url}/shop/session/end`);
    expect(
      callbackOf(await browser.visit(await harness.rp().authorizationUrl({ prompt: 'none' }))),
    ).to.include('code=');
  });

  it('WB-02 HEAD is refused where a GET changes state', async () => {
    const { browser, interaction } = await askForMail(harness);
    for (const path of [
      '/shop/auth',
      interaction.slice(harness.url.length).replace('/interaction/', '/auth/'),
      '/shop/session/end',
    ]) {
      const answer = await browser.visit(`${harness.url}${path}`, { method: 'HEAD' });
      expect(answer.status, path).to.equal(405);
      expect(answer.headers.allow).to.include('GET');
    }
  });

  it('WB-02, ML-10 what is checked at the door has one spelling: the engine takes any case and a slash behind', async () => {
    const { browser, interaction } = await askForMail(harness);
    const uid = interaction.split('/').at(-1) ?? '';
    for (const path of [
      `/AUTH/${uid}`,
      `/auth/${uid}/`,
      '/Auth',
      '/Session/end',
      '/SESSION/END/',
      '/JWKS',
      '/jwks/',
    ]) {
      for (const method of ['HEAD', 'GET'] as const) {
        const answer = await browser.visit(`${harness.url}/shop${path}`, { method, follow: false });
        expect(answer.status, `${method} ${path}`).to.equal(404);
      }
    }
    for (const path of ['/Session/end/confirm', '/session/END/confirm']) {
      const headers = { origin: 'https://evil.test', 'content-type': 'application/x-www-form-urlencoded' };
      const url = new URL(`${harness.url}/shop${path}`);
      const answer = await exchange(url, { method: 'POST', headers, body: 'logout=yes&xsrf=x' });
      expect(answer.status, path).to.equal(404);
    }
  });
});
