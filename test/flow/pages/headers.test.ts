/** What stands on every answer, whoever makes it: security headers, caching, and the attributes of cookies. */
import { expect } from 'chai';
import type { Store } from '../../../src/store/port.ts';
import { ask, callbackOf, redeemLink, signInByCode, startPostern } from '../../support/harness.ts';
import { ORIGIN, type SecureHarness, startSecure } from '../../support/https.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, type Browser, formWith } from '../../support/relying-party.ts';
import { landingOf, newBrowser } from '../../support/sign-in.ts';
import { everyKind } from './every-kind.ts';

const ALWAYS: Readonly<Record<string, RegExp>> = {
  'strict-transport-security': /^max-age=(3153[6-9]\d{3}|31[6-9]\d{5}|3[2-9]\d{6}|[4-9]\d{7}|\d{9,})\b/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'x-robots-tag': /noindex/,
  'cross-origin-opener-policy': /^same-origin$/,
  'permissions-policy': /camera=\(\)/,
  'referrer-policy': /^(no-referrer|same-origin)$/,
};
const CSP = new RegExp(
  "^default-src 'none'; script-src 'nonce-[\\w-]{22,}'; style-src 'self' 'nonce-[\\w-]{22,}'; " +
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$",
);

describe('headers', () => {
  let secure: SecureHarness;
  before(async () => {
    secure = await startSecure();
  });
  after(() => secure.close());

  it('WB-04 ML-78 every kind of answer carries them', async () => {
    for (const [name, status, { headers, ...answer }] of await everyKind(secure)) {
      expect(answer.status, name).to.equal(status);
      for (const [header, pattern] of Object.entries(ALWAYS)) {
        expect(String(headers[header]), `${name}: ${header}`).to.match(pattern);
      }
      expect(headers, name).not.to.have.any.keys('server', 'x-powered-by');
    }
  });

  it('WB-03 ML-78 every HTML answer has the policy with a nonce of its own', async () => {
    const nonces = new Set<string>();
    let pages = 0;
    for (const [name, status, { headers, body }] of await everyKind(secure)) {
      if ((status >= 300 && status < 400) || !/^text\/html/.test(headers['content-type'] ?? '')) continue;
      pages += 1;
      const policy = String(headers['content-security-policy']);
      expect(policy, name).to.match(CSP);
      nonces.add(/nonce-([\w-]+)/.exec(policy)?.[1] ?? '');
      expect(body, name).not.to.match(/<script(?![^>]*nonce=)|<style(?![^>]*nonce=)| on\w+="| style="/);
      expect(body, name).not.to.match(
        /(?:src|href)="(?!data:image|https:\/\/id\.example|http:\/\/client\.test|\/|https:\/\/client)/,
      );
    }
    expect(pages).to.be.greaterThan(12);
    expect(nonces.size).to.equal(pages);
  });

  it('WB-05 nothing is cached but discovery, key set and what is named by its hash', async () => {
    for (const [name, , { headers }] of await everyKind(secure)) {
      if (name === 'discovery' || name === 'key set')
        expect(headers['cache-control'], name).to.equal('public, max-age=300');
      else expect(headers['cache-control'], name).to.match(/no-store/);
    }
    const page = await secure.browser().visit(await secure.rp().authorizationUrl());
    const [asset] = /\/public\/[\w-]+\/postern\.css/.exec(page.body) ?? [];
    const css = await secure.browser().visit(`${ORIGIN}${asset}`);
    expect(css.headers['cache-control']).to.include('immutable');
  });

  it('ML-01 pages with a form keep the referrer on their origin, all others send none', async () => {
    for (const [name, , { headers, body }] of await everyKind(secure)) {
      const expected = /<form/.test(body) ? 'same-origin' : 'no-referrer';
      expect(headers['referrer-policy'], name).to.equal(expected);
    }
  });

  it('WB-04 an answer to a fault of ours carries them too, with a reference and nothing else', async () => {
    let isBroken = false;
    const harness = await startPostern({ directory: secure.harness.directory, wrapStore: breakable });
    try {
      const browser = newBrowser(harness);
      const page = await browser.visit(await harness.rp().authorizationUrl());
      isBroken = true;
      const answers = [
        await browser.submit(formWith(page, 'email'), { email: newAddress() }),
        await newBrowser(harness).visit(await harness.rp().authorizationUrl()),
      ];
      for (const answer of answers) {
        expect(answer.status).to.equal(500);
        expect(answer.headers['x-content-type-options']).to.equal('nosniff');
        expect(answer.headers['x-frame-options']).to.equal('DENY');
        expect(answer.headers['cache-control']).to.match(/no-store/);
        expect(answer.body).not.to.match(/secret detail|at .*\.ts|node_modules/);
      }
    } finally {
      isBroken = false;
      await harness.close();
    }

    function breakable(store: Store): Store {
      const artifacts = new Proxy(store.artifacts, {
        get(target, name, receiver) {
          if (isBroken) return () => Promise.reject(new Error('secret detail of the store'));
          const value: unknown = Reflect.get(target, name, receiver);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      return new Proxy(store, {
        get(target, name) {
          if (name === 'artifacts') return artifacts;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    }
  });

  it('WB-01 every cookie is Secure, HttpOnly, Lax, prefixed, and has the app in its name', async () => {
    const lines: string[] = [];
    const browser = secure.browser();
    const collect = async (answer: Promise<Answer>): Promise<Answer> => {
      const found = await answer;
      lines.push(...(found.headers['set-cookie'] ?? []));
      return found;
    };
    const rp = secure.rp();
    const address = newAddress();
    const start = await collect(browser.visit(await rp.authorizationUrl(), { follow: false }));
    const first = await collect(browser.visit(start.next ?? ''));
    const waiting = await collect(browser.submit(formWith(first, 'email'), { email: address }));
    const mail = await secure.harness.mailTo(address);
    const done = await collect(
      browser.submit(formWith(waiting, 'code'), { code: mail.code }, { follow: false }),
    );
    await collect(browser.visit(done.next ?? '', { follow: false }));
    await withPass(collect);

    const appId = secure.harness.server.apps.bySlug('shop')?.id ?? 'none';
    const kinds = new Set<string>();
    for (const line of lines) {
      const [, prefix, kind, app] = /^(__Host-|__Secure-)([a-z]+)-([\w-]+?)(?:\.sig)?=/.exec(line) ?? [];
      expect(app, line).to.equal(appId);
      kinds.add(kind ?? '');
      expect(line.toLowerCase(), line)
        .to.include('; secure')
        .and.include('; httponly')
        .and.include('; samesite=lax');
      expect(line, line).not.to.match(/domain=/i);
      if (prefix === '__Host-') expect(line, line).to.match(/; path=\/(;|$)/);
      else expect(kind, line).to.be.oneOf(['interaction', 'resume']);
    }
    expect([...kinds].sort()).to.deep.equal([
      'ask',
      'csrf',
      'interaction',
      'known',
      'last',
      'pass',
      'resume',
      'session',
    ]);
  });

  async function withPass(collect: (answer: Promise<Answer>) => Promise<Answer>): Promise<void> {
    const address = newAddress();
    await ask(secure.browser(), secure.rp(), address);
    const mail = await secure.harness.mailTo(address);
    const phone: Browser = secure.browser();
    const landing = await collect(phone.visit(landingOf(mail)));
    await collect(phone.submit(formWith(landing, 'code'), { code: mail.code }, { refresh: false }));
  }

  it('WB-01 the whole way works with these cookies', async () => {
    const browser = secure.browser();
    const rp = secure.rp();
    const byCode = await signInByCode(secure.harness, browser, rp, newAddress());
    expect((await rp.exchange(callbackOf(byCode))).claims?.iss).to.equal(`${ORIGIN}/shop`);
    const address = newAddress();
    const other = secure.browser();
    await ask(other, rp, address);
    await rp.exchange(callbackOf(await redeemLink(other, await secure.harness.mailTo(address))));
  });

  it('WB-01 on an http issuer cookies are unprefixed and still HttpOnly and Lax', async () => {
    const harness = await startPostern();
    try {
      const browser = newBrowser(harness);
      await signInByCode(harness, browser, harness.rp(), newAddress());
      const cookies = browser.jar.all();
      expect(cookies.length).to.be.greaterThan(2);
      for (const cookie of cookies) {
        expect(cookie, cookie.name).to.include({ isHttpOnly: true, sameSite: 'lax', isSecure: false });
        expect(cookie.name).not.to.match(/^__/);
      }
    } finally {
      await harness.close();
    }
  });
});
