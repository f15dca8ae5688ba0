/** Apps on one host are kept apart: paths, cookies, links and codes of one are nothing in another. */
import { expect } from 'chai';
import {
  APPS,
  callbackOf,
  type Harness,
  publicClient,
  redeemLink,
  signInByCode,
  startPostern,
} from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { newAddress } from '../../support/logins.ts';
import { head, sendRaw } from '../../support/raw-request.ts';
import { formWith } from '../../support/relying-party.ts';
import {
  askForMail,
  csrfOf,
  isSignedIn,
  landingOf,
  newBrowser,
  sessionsIn,
  subOf,
} from '../../support/sign-in.ts';

const twin = (name: string) => ({ name, clients: { web: publicClient() } });

describe('apps beside one another', () => {
  let harness: Harness;
  let inspection: Inspection;
  before(async () => {
    harness = await startPostern({
      apps: { ...APPS, 'a-b': twin('A-B'), ab: twin('AB'), 'a-b-c': twin('A-B-C') },
    });
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
  });

  const keysOf = async (slug: string): Promise<readonly string[]> => {
    const { body } = await newBrowser(harness).visit(`${harness.url}/${slug}/jwks`);
    // RFC 7517 §5: an object with `keys`.
    return (JSON.parse(body) as { keys: { kid: string; n?: string; x?: string }[] }).keys.flatMap(
      ({ kid, n, x }) => [kid, n ?? x ?? ''],
    );
  };

  it('MT-01 MT-03 no key, id or session cookie is shared, however alike the slugs', async () => {
    const slugs = ['shop', 'studio', 'a-b', 'ab', 'a-b-c'];
    const keys = (await Promise.all(slugs.map(keysOf))).flat();
    expect(new Set(keys).size).to.equal(keys.length);
    const ids = slugs.map((slug) => harness.server.apps.bySlug(slug)?.id);
    expect(new Set(ids).size).to.equal(slugs.length);
    const subs = new Set<string>();
    for (const slug of slugs) {
      const rp = harness.rp(slug);
      subs.add(
        await subOf(rp, callbackOf(await signInByCode(harness, newBrowser(harness), rp, 'one@example.org'))),
      );
    }
    expect(subs.size).to.equal(slugs.length);
  });

  it('MT-04 MT-07 signed in at one app is not signed in at another; signing out there leaves the other', async () => {
    const browser = newBrowser(harness);
    const address = newAddress();
    await signInByCode(harness, browser, harness.rp('shop'), address);
    formWith(await browser.tab().visit(await harness.rp('studio').authorizationUrl()), 'email');
    await signInByCode(harness, browser, harness.rp('studio'), address);
    expect(sessionsIn(browser)).to.have.length(2);
    const question = await browser.visit(`${harness.url}/shop/session/end`);
    await browser.submit(formWith(question, 'xsrf'), { logout: 'yes' });
    const isIn = async (slug: string) =>
      isSignedIn(await browser.tab().visit(await harness.rp(slug).authorizationUrl({ prompt: 'none' })));
    expect(await isIn('shop')).to.equal(false);
    expect(await isIn('studio')).to.equal(true);
  });

  it('MT-07 the session cookie of one app under the name of another is none', async () => {
    const browser = newBrowser(harness);
    await signInByCode(harness, browser, harness.rp('shop'), newAddress());
    const ids = ['shop', 'studio'].map((slug) => harness.server.apps.bySlug(slug)?.id ?? '');
    const cookie = browser.jar
      .all()
      .map(({ name, value }) => `${name.replace(ids[0] ?? '', ids[1] ?? '')}=${value}`)
      .join('; ');
    const url = await harness.rp('studio').authorizationUrl({ prompt: 'none' });
    const answer = await newBrowser(harness).visit(url, { headers: { cookie } });
    expect(new URL(callbackOf(answer)).searchParams.get('error')).to.equal('login_required');
  });

  it('MT-05 a link of one app at another: a neutral page; it still works where it belongs', async () => {
    const asked = await askForMail(harness);
    for (const browser of [asked.browser.tab(), newBrowser(harness)]) {
      const page = await browser.visit(landingOf(asked.mail).replace('/shop/', '/studio/'));
      expect(page.status).to.equal(404);
      expect(page.body).not.to.include(asked.address);
      for (const step of ['continue', 'report']) {
        const body = { csrf: 'x', code: asked.mail.code };
        const answer = await browser.visit(`${page.url}/${step}`, { method: 'POST', body, from: page.url });
        expect(answer.status).to.be.oneOf([403, 404]);
      }
    }
    expect(await inspection.statusOf(asked.mail.id)).to.equal('pending');
    expect(isSignedIn(await redeemLink(asked.browser, asked.mail))).to.equal(true);
  });

  it('MT-01 ML-79 interaction, link secret, code and authorization code of one app at another: refused', async () => {
    const asked = await askForMail(harness);
    const other = await askForMail(harness, { slug: 'studio', browser: asked.browser.tab() });
    const studio = asked.interaction.replace('/shop/', '/studio/');
    expect((await asked.browser.tab().visit(studio)).status).to.equal(400);
    const csrf = csrfOf(other.waiting);
    for (const [url, body] of [
      [`${studio}/redeem/${asked.mail.id}`, { csrf, secret: asked.mail.secret }],
      [`${other.interaction}/redeem/${asked.mail.id}`, { csrf, secret: asked.mail.secret }],
      [`${other.interaction}/redeem`, { csrf, code: asked.mail.code }],
    ] as const) {
      const answer = await other.browser.tab().visit(url, { method: 'POST', body, from: other.waiting.url });
      expect(answer.status, url).to.be.oneOf([400, 404]);
      expect(isSignedIn(answer), url).to.equal(false);
    }
    const callback = callbackOf(
      await asked.browser.submit(formWith(asked.waiting, 'code'), { code: asked.mail.code }),
    );
    const code = new URL(callback).searchParams.get('code') ?? '';
    const wrong = await harness.rp('studio').tokenRequest({
      grant_type: 'authorization_code',
      code,
      redirect_uri: 'http://client.test/callback',
      code_verifier: 'v'.repeat(43),
    });
    expect(wrong.json.error).to.equal('invalid_grant');
    expect((await asked.rp.exchange(callback)).claims?.iss).to.equal(`${harness.url}/shop`);
  });

  it('ML-79 a challenge id, a secret and a code of another challenge are not interchangeable', async () => {
    const browser = newBrowser(harness);
    const first = await askForMail(harness, { browser: browser.tab() });
    const second = await askForMail(harness, { browser: browser.tab() });
    const csrf = csrfOf(second.waiting);
    for (const [path, body] of [
      [`redeem/${second.mail.id}`, { csrf, secret: first.mail.secret }],
      [`redeem/${first.mail.id}`, { csrf, secret: first.mail.secret }],
      [`redeem/${first.mail.id}`, { csrf, secret: second.mail.secret }],
      [`redeem/${second.mail.id}`, { csrf, secret: second.mail.code }],
      ['redeem', { csrf, code: first.mail.code }],
    ] as const) {
      const answer = await browser
        .tab()
        .visit(`${second.interaction}/${path}`, { method: 'POST', body, from: second.waiting.url });
      expect(answer.status, path).to.be.oneOf([400, 404]);
    }
    for (const { mail } of [first, second]) expect(await inspection.statusOf(mail.id)).to.equal('pending');
  });

  it('MT-02 paths that only look like another app’s are the exact app or nothing', async () => {
    const { host } = new URL(harness.url);
    const paths = [
      '/shop/../studio/jwks',
      '/shop/./jwks',
      '/shop/%2e%2e/studio/jwks',
      '/shop/%2E%2E/studio/jwks',
      '/shop/..%2fstudio/jwks',
      '/shop/%252e%252e/studio/jwks',
      '//shop/jwks',
      '/shop//jwks',
      '/shop;x=1/jwks',
      '/shop/;/jwks',
      '/SHOP/jwks',
      '/Shop/jwks',
      '/shop%2fjwks',
      '/shop%00/jwks',
      '/shop\\jwks',
      '/sh%6fp/jwks',
      '/shopx/jwks',
      '/shop-/jwks',
      '/a-b%2d/jwks',
      '/.well-known/openid-configuration',
      '/shop/jwks%00',
      '/sh\u00f6p/jwks',
      '/shop.well-known/openid-configuration',
    ];
    for (const path of paths) {
      const target = Buffer.from(path, 'utf8').toString('latin1');
      const reply = await sendRaw(
        harness,
        head(`GET ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close'),
      );
      expect(reply.status, path).to.be.oneOf([400, 404]);
      expect(reply.body, path).not.to.include('"keys"');
    }
  });

  it('MT-02 the issuer in the token is that of discovery, byte for byte, and the trailing slash is not', async () => {
    for (const slug of ['shop', 'a-b', 'ab']) {
      const rp = harness.rp(slug);
      const { issuer } = await rp.metadata();
      const { claims } = await rp.exchange(
        callbackOf(await signInByCode(harness, newBrowser(harness), rp, newAddress())),
      );
      expect(claims?.iss).to.equal(issuer);
      expect(issuer).to.equal(`${harness.url}/${slug}`);
    }
  });

  it('OA-71 discovery stands in both places and says the same', async () => {
    const at = async (path: string) => (await newBrowser(harness).visit(`${harness.url}${path}`)).body;
    const behind = await at('/shop/.well-known/openid-configuration');
    expect(await at('/.well-known/openid-configuration/shop')).to.equal(behind);
    expect(await at('/.well-known/oauth-authorization-server/shop')).to.equal(behind);
    expect(behind).not.to.equal(await at('/studio/.well-known/openid-configuration'));
  });
});
