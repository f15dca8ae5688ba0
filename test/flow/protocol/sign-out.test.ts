/** Sign-out started by a client (OpenID Connect RP-Initiated Logout): who may end whose session, and where it leads. */
import { createHmac, createPublicKey, generateKeyPairSync, sign, type webcrypto } from 'node:crypto';
import { expect } from 'chai';
import { DAY, HOUR, SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, callbackOf, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import type { Form } from '../../support/html-forms.ts';
import {
  again,
  auditOf,
  isAlive,
  loginWithTokens,
  refreshWith,
  type TokenLogin,
  tokensFor,
} from '../../support/logins.ts';
import { type Answer, Browser, formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import { get, jsonOf } from '../../support/wire-forms.ts';

const BYE = 'https://client.test/bye?x=1';

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');

const stayOf = (page: Answer): string => {
  const [link] = pageOf(page).links.filter(({ url }) => url.includes('/session/stay'));
  if (link === undefined) throw new Error(`no way to stay at ${page.url}`);
  return link.url;
};

describe('sign-out', () => {
  let harness: Harness;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      leaving: publicClient({ post_logout_redirect_uris: [BYE] }),
      other: publicClient({ post_logout_redirect_uris: ['https://other.example/bye'] }),
    };
    harness = await startPostern({ apps: { shop: { ...APPS.shop, clients }, studio: APPS.studio } });
  });
  after(() => harness.close());
  afterEach(restoreTime);

  it('RL-14 what a stranger leaves who asks to sign out is kept for an hour at most', async () => {
    const { headers } = await get(await harness.rp().logoutUrl());
    const cookies = [headers['set-cookie'] ?? []].flat().filter((one) => one.includes('session-'));
    const ends = cookies.map((one) => Date.parse(/expires=([^;]+)/.exec(one)?.[1] ?? ''));
    // The engine writes the end of the row into the cookie, by the real time and in whole seconds.
    expect(ends).not.to.have.length(0);
    expect(Math.max(...ends)).to.be.within(Date.now(), Date.now() + HOUR + SECOND);
  });

  const isSignedIn = async ({ browser, rp }: Pick<TokenLogin, 'browser' | 'rp'>): Promise<boolean> => {
    const answer = await browser.tab().visit(await rp.authorizationUrl({ prompt: 'none' }));
    return new URL(answer.next ?? '').searchParams.has('code');
  };
  const isQuestion = (answer: Answer): Form => {
    const form = formWith(answer, 'logout');
    expect(form.fields.find(({ name }) => name === 'logout')?.type).to.equal('submit');
    return form;
  };
  /** The page that a valid hint gives: it posts itself by script, without a question. */
  const leave = async (person: TokenLogin, params: Record<string, string> = {}): Promise<Answer> => {
    const url = await person.rp.logoutUrl({ id_token_hint: person.tokens.id_token ?? '', ...params });
    const page = await person.browser.visit(url);
    const form = formWith(page, 'logout');
    expect(form.fields.find(({ name }) => name === 'logout')?.type).to.equal('hidden');
    return person.browser.submit(form);
  };

  describe('OA-36 nobody is signed out by a foreign page', () => {
    for (const method of ['GET', 'POST'] as const) {
      it(`OA-36 a cross-site ${method} without a hint changes nothing until the button is pressed`, async () => {
        const person = await loginWithTokens(harness);
        const url = await person.rp.logoutUrl();
        const options = method === 'POST' ? { method, body: { client_id: 'web' } } : { method };
        const page = await person.browser.visit(url, { ...options, from: 'https://evil.example/' });
        expect(await isSignedIn(person)).to.equal(true);
        if (method === 'POST') return;
        await person.browser.submit(isQuestion(page), { logout: 'yes' });
        expect(await isSignedIn(person)).to.equal(false);
      });
    }

    it('OA-36 the other button keeps the session', async () => {
      const person = await loginWithTokens(harness);
      const page = await person.browser.visit(await person.rp.logoutUrl());
      isQuestion(page);
      const answer = await person.browser.visit(stayOf(page));
      expect(pageOf(answer).text).to.include('still signed in');
      expect(await isSignedIn(person)).to.equal(true);
      expect(await isAlive(person.rp, person.tokens.access_token)).to.equal(true);
    });

    it('OA-36 "stay signed in" leads back to the client that asked, never to the address for a sign-out', async () => {
      const person = await loginWithTokens(harness, { client: 'leaving' });
      const url = await person.rp.logoutUrl({ client_id: 'leaving', post_logout_redirect_uri: BYE });
      const answer = await person.browser.visit(stayOf(await person.browser.visit(url)));
      expect(answer.status).to.equal(200);
      expect(answer.body).to.include('http://client.test/').and.not.include('/bye');
    });

    for (const [name, change] of [
      ['without', () => ({})],
      ['with a wrong', () => ({ xsrf: 'x'.repeat(43) })],
      ['with an empty', () => ({ xsrf: '' })],
    ] as const) {
      it(`OA-36 confirming ${name} token ends nothing`, async () => {
        const person = await loginWithTokens(harness);
        const form = isQuestion(await person.browser.visit(await person.rp.logoutUrl()));
        const answer = await person.browser.tab().visit(form.action, {
          method: 'POST',
          body: { logout: 'yes', ...change() },
          from: form.action,
        });
        expect(answer.status).to.equal(400);
        expect(await isSignedIn(person)).to.equal(true);
      });
    }

    it("OA-36 another person's token for the confirmation ends nothing", async () => {
      const person = await loginWithTokens(harness);
      const evil = await loginWithTokens(harness);
      const theirs = isQuestion(await evil.browser.visit(await evil.rp.logoutUrl()));
      const xsrf = theirs.fields.find(({ name }) => name === 'xsrf')?.value ?? '';
      await person.browser.visit(await person.rp.logoutUrl());
      const body = { logout: 'yes', xsrf };
      const answer = await person.browser.visit(theirs.action, { method: 'POST', body, from: theirs.action });
      expect(answer.status).to.equal(400);
      expect(await isSignedIn(person)).to.equal(true);
    });

    it("OA-36 another person's ID token as hint asks first", async () => {
      const person = await loginWithTokens(harness);
      const evil = await loginWithTokens(harness);
      const url = await person.rp.logoutUrl({ id_token_hint: evil.tokens.id_token ?? '' });
      isQuestion(await person.browser.visit(url));
      expect(await isSignedIn(person)).to.equal(true);
    });

    it('OA-36 an ID token of the same person from another session asks first', async () => {
      const elsewhere = await loginWithTokens(harness);
      passTime(harness, 5000);
      const person = await loginWithTokens(harness, { address: elsewhere.address });
      const url = await person.rp.logoutUrl({ id_token_hint: elsewhere.tokens.id_token ?? '' });
      isQuestion(await person.browser.visit(url));
      expect(await isSignedIn(person)).to.equal(true);
    });

    it('OA-36 a confirmation works once', async () => {
      const person = await loginWithTokens(harness);
      const form = isQuestion(await person.browser.visit(await person.rp.logoutUrl()));
      await person.browser.submit(form, { logout: 'yes' });
      const again = await person.browser.submit(form, { logout: 'yes' }, { from: form.action });
      expect(again.status).to.be.oneOf([400, 403]);
    });
  });

  describe('with a hint of the session itself', () => {
    it('OA-36 nothing is asked, and the session is over', async () => {
      const person = await loginWithTokens(harness);
      const answer = await leave(person);
      expect(answer.status).to.equal(200);
      expect(await isSignedIn(person)).to.equal(false);
    });

    it('OA-33 an expired ID token is still a hint', async () => {
      const person = await loginWithTokens(harness);
      passTime(harness, DAY);
      await leave(person);
      expect(await isSignedIn(person)).to.equal(false);
    });

    it('OA-36 it ends the families of the session, except those asked for beyond it', async () => {
      const person = await loginWithTokens(harness);
      const offline = harness.rp('shop', 'web', { scope: 'openid email offline_access' });
      // Granted only with consent (OIDC Core §11, OA-25), by a client of the house too.
      const asked = await person.browser.visit(await offline.authorizationUrl({ prompt: 'consent' }));
      const kept = await tokensFor(offline, callbackOf(await person.browser.submit(formWith(asked, 'csrf'))));
      const other = harness.rp('shop', 'bare');
      const bound = await tokensFor(other, await again(person.browser, other));
      await leave(person);

      for (const [rp, tokens] of [
        [person.rp, person.tokens],
        [other, bound],
      ] as const) {
        expect(await isAlive(rp, tokens.access_token)).to.equal(false);
        expect((await refreshWith(rp, tokens.refresh_token)).json.error).to.equal('invalid_grant');
      }
      expect((await refreshWith(offline, kept.refresh_token)).status).to.equal(200);
      const told = (await auditOf(harness)).filter(
        (event) => event.userId === person.tokens.claims?.sub && event.type === 'grant.revoked',
      );
      expect(told).to.have.length(2);
    });

    it('OA-36 it ends families given before a second sign-in in the same browser, too', async () => {
      const person = await loginWithTokens(harness);
      const params = { prompt: 'login' };
      const second = await loginWithTokens(harness, {
        browser: person.browser,
        address: person.address,
        params,
      });
      await leave(second);
      for (const { rp, tokens } of [person, second]) {
        expect(await isAlive(rp, tokens.access_token)).to.equal(false);
        expect((await refreshWith(rp, tokens.refresh_token)).json.error).to.equal('invalid_grant');
      }
    });

    it('OA-36 a code that was given before and not yet redeemed is worth nothing', async () => {
      const person = await loginWithTokens(harness);
      const callback = await again(person.browser, person.rp);
      await leave(person);
      expect((await person.rp.redeem(callback)).json.error).to.equal('invalid_grant');
    });

    it('OA-36 a refresh on its way does not outlive it', async () => {
      const person = await loginWithTokens(harness);
      const [answer] = await Promise.all([
        refreshWith(person.rp, person.tokens.refresh_token),
        leave(person),
      ]);
      expect(await isAlive(person.rp, String(answer.json.access_token))).to.equal(false);
      const next = await refreshWith(person.rp, String(answer.json.refresh_token));
      expect(next.json.error).to.equal('invalid_grant');
    });

    it('OA-36 it ends this session only, not that of the same person elsewhere', async () => {
      const person = await loginWithTokens(harness);
      const elsewhere = await loginWithTokens(harness, { address: person.address });
      await leave(person);
      expect(await isSignedIn(elsewhere)).to.equal(true);
      expect((await refreshWith(elsewhere.rp, elsewhere.tokens.refresh_token)).status).to.equal(200);
    });

    it('ML-43 the cookie of the ended session opens nothing', async () => {
      const person = await loginWithTokens(harness);
      const copy = { ...person, browser: person.browser.clone() };
      await leave(person);
      expect(await isSignedIn(copy)).to.equal(false);
    });
  });

  describe('OA-36 post_logout_redirect_uri', () => {
    it('OA-36 the registered one is gone to, with state', async () => {
      const person = await loginWithTokens(harness, { client: 'leaving' });
      const answer = await leave(person, { post_logout_redirect_uri: BYE, state: 'a b&c' });
      const url = new URL(answer.next ?? '');
      expect(`${url.origin}${url.pathname}`).to.equal('https://client.test/bye');
      expect(url.searchParams.get('x')).to.equal('1');
      expect(url.searchParams.get('state')).to.equal('a b&c');
    });

    it('OA-12 the confirmation is answered by a page of ours that goes on, not by a redirect', async () => {
      const person = await loginWithTokens(harness, { client: 'leaving' });
      const answer = await leave(person, { post_logout_redirect_uri: BYE });
      expect(answer.status).to.equal(200);
      expect(answer.headers.location).to.equal(undefined);
      expect(answer.hops.map(({ method }) => method)).to.deep.equal(['POST']);
      expect(String(answer.headers['content-security-policy'])).to.include("form-action 'self'");
    });

    for (const uri of [
      'https://client.test/bye',
      'https://client.test/bye?x=1&y=2',
      'https://client.test/bye?x=1#f',
      'https://client.test:443/bye?x=1',
      'https://CLIENT.test/bye?x=1',
      'https://client.test@evil.example/bye?x=1',
      'https://other.example/bye',
      'javascript:alert(1)',
      '',
    ]) {
      it(`OA-36 ${uri || 'an empty one'} is refused, and nobody is signed out`, async () => {
        const person = await loginWithTokens(harness, { client: 'leaving' });
        const hint = person.tokens.id_token ?? '';
        const url = await person.rp.logoutUrl({ id_token_hint: hint, post_logout_redirect_uri: uri });
        const answer = await person.browser.visit(url);
        // An empty parameter counts as none (RFC 6749 §3.1): then the hint alone decides.
        if (uri !== '') {
          expect(answer.status).to.equal(400);
          expect(formsOf(answer).filter(({ action }) => !action.startsWith(harness.url))).to.deep.equal([]);
        }
        expect(answer.next).to.equal(undefined);
        expect(await isSignedIn(person)).to.equal(true);
      });
    }

    it('OA-36 without a known client it leads nowhere', async () => {
      const person = await loginWithTokens(harness, { client: 'leaving' });
      const page = await person.browser.visit(await person.rp.logoutUrl({ post_logout_redirect_uri: BYE }));
      const answer = await person.browser.submit(isQuestion(page), { logout: 'yes' });
      expect(answer.next).to.equal(undefined);
      expect(
        pageOf(answer).links.filter(({ url }) => url.startsWith('https://client.test/bye')),
      ).to.deep.equal([]);
    });

    it('OA-36 somebody who is not signed in gets to the registered address too', async () => {
      const person = await loginWithTokens(harness, { client: 'leaving' });
      const stranger = new Browser();
      const hint = person.tokens.id_token ?? '';
      const url = await person.rp.logoutUrl({ id_token_hint: hint, post_logout_redirect_uri: BYE });
      const page = await stranger.visit(url);
      const answer = await stranger.submit(formWith(page, 'xsrf'));
      expect(answer.next).to.equal(BYE);
      expect(await isSignedIn(person)).to.equal(true);
    });
  });

  describe('OA-30, OA-33 hints that are refused', () => {
    let person: TokenLogin;
    let publicKeys: (webcrypto.JsonWebKey & { kid: string; alg: string })[];
    before(async () => {
      person = await loginWithTokens(harness);
      const reply = await get(`${harness.url}/shop/jwks`);
      publicKeys = jsonOf(reply).keys as typeof publicKeys; // RFC 7517 §5, checked in metadata.test.ts
    });

    const payload = (change: object = {}): object => ({ ...person.tokens.claims, ...change });
    const rsaKey = () => publicKeys.find(({ alg }) => alg === 'RS256') ?? { kid: '', alg: '' };
    const hmac = (header: object, body: object, key: string | Buffer): string => {
      const text = `${encode(header)}.${encode(body)}`;
      return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
    };
    const foreign = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const signed = (header: object, body: object): string => {
      const text = `${encode(header)}.${encode(body)}`;
      return `${text}.${sign('sha256', Buffer.from(text), foreign.privateKey).toString('base64url')}`;
    };
    const pem = () =>
      createPublicKey({ key: rsaKey(), format: 'jwk' }).export({ format: 'pem', type: 'spki' });

    const forgeries: Record<string, () => string> = {
      'no JWT at all': () => 'x',
      'alg none': () => `${encode({ alg: 'none' })}.${encode(payload())}.`,
      'alg None': () => `${encode({ alg: 'None' })}.${encode(payload())}.`,
      'alg nOnE with the real signature': () =>
        `${encode({ alg: 'nOnE' })}.${encode(payload())}.${person.tokens.id_token?.split('.')[2]}`,
      'HS256 keyed by our public PEM': () => hmac({ alg: 'HS256', kid: rsaKey().kid }, payload(), pem()),
      'HS256 keyed by our public JWK': () => hmac({ alg: 'HS256' }, payload(), JSON.stringify(rsaKey())),
      'HS256 keyed by nothing': () => hmac({ alg: 'HS256' }, payload(), ''),
      'a foreign key under our kid': () => signed({ alg: 'RS256', kid: rsaKey().kid }, payload()),
      'its own key in the header': () =>
        signed({ alg: 'RS256', jwk: foreign.publicKey.export({ format: 'jwk' }) }, payload()),
      'a key to be fetched': () =>
        signed({ alg: 'RS256', jku: 'http://127.0.0.1:1/jwks', kid: 'x' }, payload()),
      'a certificate to be fetched': () => signed({ alg: 'RS256', x5u: 'http://127.0.0.1:1/x' }, payload()),
      'a kid with a path': () => signed({ alg: 'RS256', kid: '../../etc/passwd' }, payload()),
      'an unknown crit': () => signed({ alg: 'RS256', kid: rsaKey().kid, crit: ['x'], x: 1 }, payload()),
      'a changed payload': () => {
        const [header, , signature] = (person.tokens.id_token ?? '').split('.');
        return `${header}.${encode(payload({ sub: 'somebody-else' }))}.${signature}`;
      },
      'another algorithm than registered': () => hmac({ alg: 'ES256', kid: rsaKey().kid }, payload(), 'x'),
      'another issuer': () =>
        signed({ alg: 'RS256', kid: rsaKey().kid }, payload({ iss: 'https://evil.example' })),
      'an unknown audience': () => signed({ alg: 'RS256', kid: rsaKey().kid }, payload({ aud: 'nobody' })),
    };
    for (const [name, forge] of Object.entries(forgeries)) {
      it(`OA-30, OA-33 ${name}`, async () => {
        const hint = forge();
        const answer = await person.browser.visit(await person.rp.logoutUrl({ id_token_hint: hint }));
        expect(answer.status).to.be.oneOf([400, 401]);
        expect(
          formsOf(answer).filter(({ fields }) => fields.some((field) => field.name === 'logout')),
        ).to.deep.equal([]);
        const asked = await person.browser.visit(
          await person.rp.authorizationUrl({ prompt: 'none', id_token_hint: hint }),
        );
        expect(String(asked.next)).not.to.include('code=');
        expect(await isSignedIn(person)).to.equal(true);
      });
    }

    it('MT-01, OA-33 the ID token of another app', async () => {
      const elsewhere = await loginWithTokens(harness, { slug: 'studio' });
      const url = await person.rp.logoutUrl({ id_token_hint: elsewhere.tokens.id_token ?? '' });
      expect((await person.browser.visit(url)).status).to.equal(400);
      expect(await isSignedIn(person)).to.equal(true);
    });

    it('OA-33 a hint of one client under the name of another', async () => {
      const url = await person.rp.logoutUrl({
        id_token_hint: person.tokens.id_token ?? '',
        client_id: 'other',
      });
      expect((await person.browser.visit(url)).status).to.equal(400);
    });
  });
});
