/** Access tokens for resource servers: who may ask for which (RFC 8707), and what a JWT says (RFC 9068). */
import { expect } from 'chai';
import { createRemoteJWKSet, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import { APPS, callbackOf, type Harness, signInByCode, startPostern } from '../../support/harness.ts';
import { isAlive, login, loginWithTokens, newAddress, refreshWith, tokensFor } from '../../support/logins.ts';
import { Browser, formsOf, pageOf, type RelyingParty } from '../../support/relying-party.ts';
import { FILES, ORDERS, SHOP, withSecret } from './shop.ts';

const STOCK = 'urn:shop:stock';
const ordersLogin = { rp: { scope: 'openid email orders:read orders:write' }, params: { resource: ORDERS } };

/** What a resource server does: keys by discovery, then issuer, audience, times and type (RFC 9068 §4). */
async function verified(rp: RelyingParty, token: string, audience: string): Promise<JWTPayload> {
  const { jwks_uri } = await rp.metadata();
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwks_uri)), {
    issuer: rp.options.issuer,
    audience,
    typ: 'at+jwt',
    requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'],
  });
  return payload;
}

const fails = async (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    () => true,
  );

describe('resources', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern({ apps: { shop: SHOP, studio: APPS.studio } });
  });
  after(() => harness.close());

  /** The error that an authorization request ends in. */
  const refusedWith = async (
    client: string,
    resource: string | readonly string[],
  ): Promise<string | null> => {
    const url = new URL(await harness.rp('shop', client).authorizationUrl());
    for (const one of [resource].flat()) url.searchParams.append('resource', one);
    const answer = await new Browser().visit(url.href);
    return answer.next === undefined ? null : new URL(answer.next).searchParams.get('error');
  };

  describe('JWT access tokens', () => {
    it('OA-29 a resource server verifies it by discovery alone, and reads what RFC 9068 asks for', async () => {
      const { rp, tokens } = await loginWithTokens(harness, ordersLogin);
      const claims = await verified(rp, tokens.access_token, ORDERS);
      expect(claims).to.deep.include({
        iss: `${harness.url}/shop`,
        aud: ORDERS,
        sub: tokens.claims?.sub,
        client_id: 'web',
        scope: 'orders:read orders:write',
        auth_time: tokens.claims?.auth_time,
        acr: 'urn:postern:acr:email',
        amr: ['email'],
      });
      expect(Number(claims.exp) - Number(claims.iat)).to.equal(600);
      expect(tokens.expires_in).to.equal(600);
      expect(claims.jti).to.be.a('string').with.length.at.least(16);
      expect(JSON.stringify(claims)).not.to.include('@');
    });

    it('OA-29 is signed as the resource wants it', async () => {
      const client = {
        client: 'secretive',
        rp: withSecret('openid stock:read'),
        params: { resource: STOCK },
      };
      const { rp, tokens } = await loginWithTokens(harness, client);
      expect(decodeProtectedHeader(tokens.access_token)).to.include({ alg: 'ES256', typ: 'at+jwt' });
      expect((await verified(rp, tokens.access_token, STOCK)).client_id).to.equal('secretive');
    });

    it('OA-29 an ID token is no access token, for resource server and userinfo alike', async () => {
      const { rp, tokens } = await loginWithTokens(harness, ordersLogin);
      const idToken = String(tokens.id_token);
      expect(await fails(verified(rp, idToken, ORDERS))).to.equal(true);
      expect(await fails(verified(rp, idToken, 'web'))).to.equal(true);
      expect(await isAlive(rp, idToken)).to.equal(false);
    });

    it('OA-29 an access token is no ID token: not for the client, not as a hint', async () => {
      const { rp, browser, tokens } = await loginWithTokens(harness, ordersLogin);
      expect(await fails(rp.verifyIdToken(tokens.access_token))).to.equal(true);
      const url = await rp.authorizationUrl({ id_token_hint: tokens.access_token, prompt: 'none' });
      const answer = await browser.visit(url);
      expect(new URL(callbackOf(answer)).searchParams.get('error')).to.equal('invalid_request');
      const signOut = await browser.visit(await rp.logoutUrl({ id_token_hint: tokens.access_token }));
      expect(signOut.status).to.equal(400);
    });

    it('OA-29 is nothing to userinfo, to another resource, and to the token endpoint', async () => {
      const { rp, tokens } = await loginWithTokens(harness, ordersLogin);
      expect(await isAlive(rp, tokens.access_token)).to.equal(false);
      expect(await fails(verified(rp, tokens.access_token, FILES))).to.equal(true);
      expect((await refreshWith(rp, tokens.access_token)).json.error).to.equal('invalid_grant');
    });

    it('MT-01 the keys of another app do not verify it', async () => {
      const { tokens } = await loginWithTokens(harness, ordersLogin);
      const { jwks_uri } = await harness.rp('studio').metadata();
      const keys = createRemoteJWKSet(new URL(jwks_uri));
      expect(await fails(jwtVerify(tokens.access_token, keys))).to.equal(true);
    });
  });

  describe('OA-51 a resource that is not there', () => {
    for (const resource of [
      'https://unknown.example',
      `${ORDERS}/`,
      ORDERS.toUpperCase(),
      `${ORDERS}#part`,
      'orders',
      'constructor',
      '__proto__',
      'urn:__proto__',
    ]) {
      it(`OA-51 ${resource}: invalid_target at the authorization endpoint`, async () => {
        expect(await refusedWith('web', resource)).to.equal('invalid_target');
      });
    }

    it('OA-51 one of two unknown, or not for this client: invalid_target, nothing is asked of anybody', async () => {
      expect(await refusedWith('web', [ORDERS, 'https://unknown.example'])).to.equal('invalid_target');
      expect(await refusedWith('web', STOCK)).to.equal('invalid_target');
      expect(await refusedWith('secretive', STOCK)).to.equal(null);
    });

    it('OA-51 at the endpoint for pushed requests', async () => {
      for (const resource of ['https://unknown.example', STOCK, `${ORDERS}/`]) {
        const { status, json } = await harness.rp().push({ resource });
        expect([status, json.error], resource).to.deep.equal([400, 'invalid_target']);
      }
      expect((await harness.rp().push({ resource: ORDERS })).status).to.equal(201);
    });

    it('OA-51 for a service of its own', async () => {
      const service = harness.rp('shop', 'service', withSecret());
      const ask = (resource: string) => service.tokenRequest({ grant_type: 'client_credentials', resource });
      for (const resource of ['https://unknown.example', STOCK]) {
        const { status, json } = await ask(resource);
        expect([status, json.error], resource).to.deep.equal([400, 'invalid_target']);
      }
      expect((await ask(ORDERS)).status).to.equal(200);
    });

    it('OA-51 at the token endpoint: unknown or not granted is invalid_target, and a retry within the window works', async () => {
      const { rp, tokens } = await loginWithTokens(harness, ordersLogin);
      for (const resource of ['https://unknown.example', FILES]) {
        const refused = await refreshWith(rp, tokens.refresh_token, { resource });
        expect([refused.status, refused.json.error]).to.deep.equal([400, 'invalid_target']);
      }
      expect((await refreshWith(rp, tokens.refresh_token)).status).to.equal(200);
    });

    it('OA-51 at the exchange of a code', async () => {
      const { rp, callback } = await login(harness, ordersLogin);
      const refused = await rp.redeem(callback, { resource: FILES });
      expect([refused.status, refused.json.error]).to.deep.equal([400, 'invalid_target']);
    });
  });

  describe('what is granted', () => {
    it('scopes of the resource only, in the access token as in the answer; OpenID scopes stay with the ID token', async () => {
      const { rp, tokens } = await loginWithTokens(harness, {
        rp: { scope: 'openid email orders:read files:read' },
        params: { resource: ORDERS },
      });
      expect((await verified(rp, tokens.access_token, ORDERS)).scope).to.equal('orders:read');
      expect(tokens.scope).to.equal('orders:read');
      expect(tokens.claims?.email, 'userinfo cannot be asked with this token').to.be.a('string');
    });

    it('several resources: each token is for the one that the request names', async () => {
      const rp = harness.rp('shop', 'web', { scope: 'openid orders:read files:read' });
      const url = new URL(await rp.authorizationUrl());
      for (const resource of [ORDERS, FILES]) url.searchParams.append('resource', resource);
      const address = newAddress();
      const browser = new Browser({ now: harness.clock.now });
      const answer = await signInByCode(
        harness,
        browser,
        { authorizationUrl: async () => url.href } as RelyingParty,
        address,
      );
      const tokens = await tokensFor(rp, callbackOf(answer));
      // No resource named: a token for userinfo.
      expect(await isAlive(rp, tokens.access_token)).to.equal(true);

      const orders = await refreshWith(rp, tokens.refresh_token, { resource: ORDERS });
      expect((await verified(rp, String(orders.json.access_token), ORDERS)).scope).to.equal('orders:read');
      const files = await refreshWith(rp, String(orders.json.refresh_token), { resource: FILES });
      const { json } = await harness
        .rp('shop', 'files-api', withSecret())
        .introspect(String(files.json.access_token));
      expect(json).to.include({ active: true, aud: FILES });
      expect(String(json.scope).split(' ').sort()).to.deep.equal(['files:read', 'orders:read']);
    });

    it('OA-25 a refresh keeps the resource, may narrow its scope, and never widens it', async () => {
      const { rp, tokens } = await loginWithTokens(harness, {
        rp: { scope: 'openid orders:read' },
        params: { resource: ORDERS },
      });
      const next = await refreshWith(rp, tokens.refresh_token);
      expect((await verified(rp, String(next.json.access_token), ORDERS)).scope).to.equal('orders:read');
      const wider = await refreshWith(rp, String(next.json.refresh_token), {
        scope: 'openid orders:read orders:write',
      });
      expect([wider.status, wider.json.error]).to.deep.equal([400, 'invalid_scope']);
      const narrow = await refreshWith(rp, String(next.json.refresh_token), { scope: 'openid' });
      expect((await verified(rp, String(narrow.json.access_token), ORDERS)).scope).to.equal(undefined);
    });

    it('OA-25 a client that names its scopes gets no others of the resource', async () => {
      const { rp, tokens } = await loginWithTokens(harness, { ...ordersLogin, client: 'reader' });
      expect((await verified(rp, tokens.access_token, ORDERS)).scope).to.equal('orders:read');
    });

    it('OA-49 a third-party client: the page says in the words of the configuration what is asked', async () => {
      const rp = harness.rp('shop', 'partner', { scope: 'openid orders:read' });
      const browser = new Browser({ now: harness.clock.now });
      const page = await signInByCode(harness, browser, rp, newAddress(), { resource: ORDERS });
      expect(pageOf(page).text).to.include('see your orders').and.not.include('change your orders');
      const form = formsOf(page).find(({ action }) => action.endsWith('/consent'));
      if (!form) throw new Error('no consent asked');
      const tokens = await tokensFor(rp, callbackOf(await browser.submit(form)));
      expect((await verified(rp, tokens.access_token, ORDERS)).scope).to.equal('orders:read');

      const silent = async (scope: string, resource: string) => {
        const answer = await browser.visit(await rp.authorizationUrl({ scope, resource, prompt: 'none' }));
        return new URL(callbackOf(answer)).searchParams.get('error');
      };
      expect(await silent('openid orders:read', ORDERS)).to.equal(null);
      expect(await silent('openid orders:read orders:write', ORDERS)).to.equal('consent_required');
      // The same word at another resource was never agreed to.
      expect(await silent('openid orders:read', FILES)).to.equal('consent_required');
    });
  });

  it('OA-29 of a revoked family no further JWT comes; the last one lives on for its short life', async () => {
    const { rp, tokens } = await loginWithTokens(harness, ordersLogin);
    await rp.revoke(tokens.refresh_token);
    expect((await refreshWith(rp, tokens.refresh_token)).json.error).to.equal('invalid_grant');
    expect((await verified(rp, tokens.access_token, ORDERS)).aud).to.equal(ORDERS);
  });
});
