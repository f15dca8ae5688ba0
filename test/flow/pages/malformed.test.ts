/** Broken, hostile and oversized input on every page: refused with a page, never with a fault, an echo or a redirect. */
import { expect } from 'chai';
import { type Harness, signInByCode, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, formsOf, pageOf } from '../../support/relying-party.ts';
import { type Asked, askForMail, csrfOf, isSignedIn, landingOf, newBrowser } from '../../support/sign-in.ts';

const FORM = 'application/x-www-form-urlencoded';

/** Values that other systems fell over. */
const HOSTILE: readonly string[] = [
  '',
  ' ',
  '\u0000',
  '%',
  '%00',
  '%zz',
  '%ff%fe',
  '\ud800',
  '../../etc/passwd',
  '..%2f..',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '[object Object]',
  '{"$ne":null}',
  "' OR 1=1 --",
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  '{{constructor.constructor("return process")()}}',
  'javascript:alert(1)',
  '//evil.example',
  '\\\\evil.example',
  'https://evil.example/',
  '\r\nSet-Cookie: a=b',
  'x'.repeat(5000),
  '😀'.repeat(50),
  '-1',
  '1e309',
  'null',
  'undefined',
];

describe('malformed requests', () => {
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

  /** A page or a short refusal; nothing of the input comes back as markup, header or way out. */
  function expectRefused(answer: Answer, what: string): void {
    expect(answer.status, what).to.be.within(200, 499);
    expect(answer.body, what).not.to.match(/<script>alert|<img src=x|onerror=alert\(1\)>/);
    expect(answer.body, what).not.to.match(/\bat \S+\.(?:ts|js):\d+|node_modules/);
    expect(answer.headers['set-cookie']?.join('\n') ?? '', what).not.to.match(/^a=b/m);
    const ways = [
      answer.headers.location,
      pageOf(answer).refresh?.url,
      ...pageOf(answer).links.map(({ url }) => url),
      ...formsOf(answer).map(({ action }) => action),
    ];
    for (const way of ways) {
      if (way === undefined) continue;
      expect(new URL(way, harness.url).origin, `${what} leads to ${way}`).to.be.oneOf([
        harness.url,
        'http://client.test',
      ]);
    }
  }

  /** A third of the hostile values, another one for every neighbour: all of them meet every kind of place. */
  const some = (place: number): readonly string[] => HOSTILE.filter((_, at) => (at + place) % 3 === 0);

  const segment = (value: string): string => encodeURIComponent(value.toWellFormed());

  it('WB-09 WB-10 hostile ids and steps in every path', async () => {
    const asked = await askForMail(harness);
    const csrf = csrfOf(asked.waiting);
    for (const value of HOSTILE) {
      for (const path of [
        `/shop/interaction/${segment(value)}`,
        `/shop/interaction/${segment(value)}/begin`,
        `${new URL(asked.interaction).pathname}/${segment(value)}`,
        `${new URL(asked.interaction).pathname}/redeem/${segment(value)}`,
        `/shop/link/${segment(value)}`,
        `/shop/link/${asked.mail.id}/${segment(value)}`,
        `/shop/auth/${segment(value)}`,
        `/${segment(value)}/auth`,
        `/public/${segment(value)}/postern.css`,
        `/shop/.well-known/${segment(value)}`,
      ]) {
        const get = asked.browser.clone().visit(`${harness.url}${path}`, { follow: false });
        expectRefused(await get, `GET ${path}`);
        const post = { method: 'POST', body: { csrf }, from: asked.waiting.url, follow: false } as const;
        // Another copy: under the referrer policy of a refusal a form would carry no origin.
        expectRefused(await asked.browser.clone().visit(`${harness.url}${path}`, post), `POST ${path}`);
      }
    }
    expect(await inspection.statusOf(asked.mail.id)).to.equal('pending');
  });

  it('WB-09 ML-72 hostile values in every parameter of the authorization request', async () => {
    const names = [
      'client_id',
      'redirect_uri',
      'response_type',
      'response_mode',
      'scope',
      'state',
      'nonce',
      'prompt',
      'max_age',
      'ui_locales',
      'login_hint',
      'id_token_hint',
      'acr_values',
      'code_challenge',
      'code_challenge_method',
      'claims',
      'request',
      'request_uri',
      'resource',
      'next',
      'returnTo',
      'return_to',
      'redirect',
      'callbackUrl',
      'url',
      'error_description',
      '__proto__',
      'constructor[prototype][polluted]',
    ];
    const rp = harness.rp();
    for (const [place, name] of names.entries()) {
      for (const value of some(place)) {
        const url = new URL(await rp.authorizationUrl());
        url.searchParams.set(name, value);
        const answer = await newBrowser(harness).visit(url.href, { follow: false });
        expectRefused(answer, `${name}=${value.slice(0, 40)}`);
      }
    }
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });

  it('WB-09 hostile values in every field of every form', async () => {
    const asked = await askForMail(harness, { address: newAddress() });
    const pages: readonly (readonly [Asked['browser'], Answer])[] = [
      [asked.browser, asked.waiting],
      [asked.browser, await asked.browser.tab().visit(landingOf(asked.mail))],
      [newBrowser(harness), await newBrowser(harness).visit(await harness.rp().authorizationUrl())],
    ];
    for (const [browser, page] of pages) {
      for (const form of formsOf(page)) {
        if (form.action.endsWith('/change')) continue;
        for (const [place, field] of [
          ...form.fields.map(({ name }) => name),
          'switch',
          'next',
          'returnTo',
          '__proto__',
        ].entries()) {
          for (const value of some(place)) {
            const body = new URLSearchParams(
              form.fields.filter(({ isSent }) => isSent).map(({ name, value: own }) => [name, own]),
            );
            body.set(field, value);
            const answer = await browser
              .clone()
              .visit(form.action, { method: 'POST', body, from: page.url, follow: false });
            expectRefused(answer, `${form.action} ${field}=${value.slice(0, 40)}`);
            expect(isSignedIn(answer)).to.equal(false);
          }
        }
      }
    }
  });

  it('WB-09 hostile cookies are as good as none', async () => {
    const { browser } = await askForMail(harness);
    await signInByCode(harness, browser, harness.rp(), newAddress());
    const names = [...new Set(browser.jar.all().map(({ name }) => name))];
    expect(names.length).to.be.greaterThan(4);
    const isSendable = (value: string) => /^[\x21-\x7e]*$/.test(value);
    const more = ['=', ';;', '"', 'a.b.c', '%0d%0a', '*'.repeat(3000)];
    const { waiting, mail } = await askForMail(harness);
    for (const [place, name] of names.entries()) {
      for (const value of [...some(place).filter(isSendable), ...more]) {
        for (const url of [
          await harness.rp().authorizationUrl(),
          waiting.url.replace('/begin', ''),
          landingOf(mail),
        ]) {
          const answer = await newBrowser(harness).visit(url, {
            headers: { cookie: `${name}=${value}` },
            follow: false,
          });
          expectRefused(answer, `${name}=${value.slice(0, 40)}`);
          expect(isSignedIn(answer)).to.equal(false);
        }
      }
    }
  });

  it('RL-16 bodies that are too large, too many fields, of another type or packed', async () => {
    const { browser, waiting } = await askForMail(harness);
    const csrf = csrfOf(waiting);
    const tries: readonly (readonly [number, Record<string, string>, string])[] = [
      [413, { 'content-type': FORM }, `csrf=${csrf}&email=${'a'.repeat(20_000)}`],
      [
        400,
        { 'content-type': FORM },
        `csrf=${csrf}&${Array.from({ length: 10_00 }, (_, nth) => `f${nth}=`).join('&')}`,
      ],
      [400, { 'content-type': FORM }, `csrf=${csrf}&csrf=${csrf}`],
      [400, { 'content-type': FORM, 'content-encoding': 'gzip' }, 'x'],
      [400, { 'content-type': 'application/json' }, `{"csrf":"${csrf}","__proto__":{"polluted":1}}`],
      [400, { 'content-type': 'text/plain' }, `csrf=${csrf}`],
      [400, { 'content-type': '' }, `csrf=${csrf}`],
      [400, { 'content-type': 'multipart/form-data' }, 'x'],
    ];
    for (const [status, headers, body] of tries) {
      const answer = await browser.fetch(waiting.url, { method: 'POST', headers, body });
      expect(answer.status, JSON.stringify(headers)).to.equal(status);
    }
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });

  it('methods that no page has', async () => {
    const { browser, interaction, mail } = await askForMail(harness);
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      for (const url of [interaction, `${interaction}/begin`, landingOf(mail)]) {
        expect((await browser.fetch(url, { method })).status, `${method} ${url}`).to.equal(405);
      }
    }
  });

  it('WB-09 an error page carries a reference and a way on, and speaks JSON to scripts', async () => {
    const browser = newBrowser(harness);
    const page = await browser.visit(`${harness.url}/shop/interaction/${'A'.repeat(43)}`);
    expect(pageOf(page).text).to.match(/name this reference: [\w-]{12}/);
    const json = await browser.visit(`${harness.url}/shop/link/a/b/c`, {
      headers: { accept: 'application/json' },
    });
    expect(json.status).to.equal(404);
    expect(JSON.parse(json.body)).to.include({ error: 'not_found' });
  });
});
