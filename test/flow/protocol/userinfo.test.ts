/** Who a client is told that somebody is: userinfo, ID tokens, subjects, and which browsers may ask. */
import { expect } from 'chai';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { APPS, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { again, login, loginWithTokens, tokensFor } from '../../support/logins.ts';
import { get, jsonOf, postForm, send } from '../../support/wire-forms.ts';

const SPA = 'https://spa.example';

describe('userinfo and claims', () => {
  let harness: Harness;
  let me: string;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      spa: publicClient({ allowed_origins: [SPA] }),
      elliptic: publicClient({ id_token_signed_response_alg: 'ES256' }),
    };
    harness = await startPostern({ apps: { shop: { ...APPS.shop, clients }, studio: APPS.studio } });
    me = `${harness.url}/shop/me`;
  });
  after(() => harness.close());

  describe('OA-44 access to userinfo', () => {
    it('OA-44 a bearer token in the header is taken, and nothing is cached', async () => {
      const { tokens, address } = await loginWithTokens(harness);
      const reply = await get(me, { authorization: `Bearer ${tokens.access_token}` });
      expect(reply.status).to.equal(200);
      expect(reply.headers['cache-control']).to.equal('no-store');
      expect(jsonOf(reply)).to.deep.equal({ sub: tokens.claims?.sub, email: address, email_verified: true });
    });

    it('OA-44 a token in the query is refused', async () => {
      const { tokens } = await loginWithTokens(harness);
      const reply = await get(`${me}?access_token=${tokens.access_token}`);
      expect(reply.status).to.be.oneOf([400, 401]);
      expect(reply.body).not.to.include('@');
    });

    it('OA-44 a token in both places is refused', async () => {
      const { tokens } = await loginWithTokens(harness);
      const reply = await get(`${me}?access_token=${tokens.access_token}`, {
        authorization: `Bearer ${tokens.access_token}`,
      });
      expect(reply.body).not.to.include('@');
      expect(reply.status).to.be.oneOf([400, 401]);
    });

    for (const header of ['Bearer', 'Bearer x', 'Bearer x y', 'Basic x', 'bearer']) {
      it(`OA-44 ${header} is refused with a challenge`, async () => {
        const reply = await get(me, { authorization: header });
        expect(reply.status).to.be.oneOf([400, 401]);
        expect(reply.headers['www-authenticate']).to.match(/^Bearer /);
      });
    }

    it('OA-44, OA-29 neither an ID token nor a refresh token is an access token', async () => {
      const { tokens } = await loginWithTokens(harness);
      for (const token of [tokens.id_token, tokens.refresh_token]) {
        expect((await get(me, { authorization: `Bearer ${token}` })).status).to.equal(401);
      }
    });

    it('MT-01 a token of one app is nothing to another', async () => {
      const { tokens } = await loginWithTokens(harness);
      const reply = await get(`${harness.url}/studio/me`, { authorization: `Bearer ${tokens.access_token}` });
      expect(reply.status).to.equal(401);
    });
  });

  describe('OA-45 CORS', () => {
    const preflight = (url: string, origin: string) =>
      send('OPTIONS', url, {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      });

    it('OA-45 a registered origin of the client may read userinfo and tokens, without credentials', async () => {
      const { tokens, callback } = await loginWithTokens(harness, { client: 'spa' });
      const user = await get(me, { authorization: `Bearer ${tokens.access_token}`, origin: SPA });
      expect(user.headers['access-control-allow-origin']).to.equal(SPA);
      const code = new URL(callback).searchParams.get('code') ?? '';
      const token = await postForm(
        `${harness.url}/shop/token`,
        { grant_type: 'authorization_code', code, client_id: 'spa' },
        { origin: SPA },
      );
      expect(token.headers['access-control-allow-origin']).to.equal(SPA);
      for (const { headers } of [user, token]) {
        expect(headers['access-control-allow-credentials']).to.equal(undefined);
        expect(headers.vary).to.match(/Origin/i);
      }
      expect((await preflight(`${harness.url}/shop/token`, SPA)).status).to.be.oneOf([200, 204]);
    });

    for (const origin of [
      'https://evil.example',
      'null',
      'http://spa.example',
      'https://spa.example.evil.example',
      'https://spa.example:8443',
    ]) {
      it(`OA-45, OA-44 ${origin} may read nothing`, async () => {
        const { tokens } = await loginWithTokens(harness, { client: 'spa' });
        const user = await get(me, { authorization: `Bearer ${tokens.access_token}`, origin });
        const token = await postForm(
          `${harness.url}/shop/token`,
          { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: 'spa' },
          { origin },
        );
        for (const reply of [user, token]) {
          expect(reply.headers['access-control-allow-origin']).to.equal(undefined);
          expect(reply.status).to.be.at.least(400);
          expect(reply.body).not.to.match(/@|access_token/);
        }
      });
    }

    it('OA-45 an origin of one client is none of another', async () => {
      const { tokens } = await loginWithTokens(harness);
      const user = await get(me, { authorization: `Bearer ${tokens.access_token}`, origin: SPA });
      expect(user.headers['access-control-allow-origin']).to.equal(undefined);
    });
  });

  describe('OA-42 subjects', () => {
    it('OA-42 a sub is no address, stays the same over logins and clients, and differs between apps', async () => {
      const first = await loginWithTokens(harness);
      const { address } = first;
      const second = await loginWithTokens(harness, { address, client: 'bare' });
      const elsewhere = await loginWithTokens(harness, { address, slug: 'studio' });
      expect(first.tokens.claims?.sub).to.match(/^[A-Za-z0-9_-]{16,}$/);
      expect(second.tokens.claims?.sub).to.equal(first.tokens.claims?.sub);
      expect(elsewhere.tokens.claims?.sub).not.to.equal(first.tokens.claims?.sub);
    });
  });

  describe('OA-43 scopes and claims', () => {
    it('OA-43 without the scope email nothing is told of the address', async () => {
      const { rp, tokens } = await loginWithTokens(harness, { rp: { scope: 'openid' } });
      expect(await rp.userinfo(tokens.access_token)).to.deep.equal({ sub: tokens.claims?.sub });
    });

    it('OA-43 the ID token is minimal: how somebody signed in, never who by address', async () => {
      const { tokens, address } = await loginWithTokens(harness);
      const claims = decodeJwt(tokens.id_token ?? '');
      expect(Object.keys(claims).sort()).to.deep.equal([
        'acr',
        'amr',
        'aud',
        'auth_time',
        'exp',
        'iat',
        'iss',
        'nonce',
        'sid',
        'sub',
      ]);
      expect(JSON.stringify(claims)).not.to.include(address);
      expect(claims.amr).to.deep.equal(['email']);
    });

    it('OA-43 claims by request give nothing more', async () => {
      const claims = JSON.stringify({ userinfo: { email: { essential: true } }, id_token: { email: null } });
      const { rp, tokens } = await loginWithTokens(harness, { rp: { scope: 'openid' }, params: { claims } });
      expect(await rp.userinfo(tokens.access_token)).not.to.have.property('email');
      expect(tokens.claims).not.to.have.property('email');
    });

    it('OA-43 unknown scopes are ignored and not granted', async () => {
      const { tokens } = await loginWithTokens(harness, {
        rp: { scope: 'openid email admin address phone' },
      });
      expect(String(tokens.scope).split(' ').sort()).to.deep.equal(['email', 'openid']);
    });

    it('OA-30 ID tokens are signed as registered, with a published key and no header but alg, typ and kid', async () => {
      for (const [client, alg] of [
        ['web', 'RS256'],
        ['elliptic', 'ES256'],
      ] as const) {
        const { tokens } = await loginWithTokens(harness, { client });
        const header = decodeProtectedHeader(tokens.id_token ?? '');
        expect(header.alg).to.equal(alg);
        expect(Object.keys(header).filter((name) => !['alg', 'kid', 'typ'].includes(name))).to.deep.equal([]);
      }
    });

    it('auth_time is the moment of the sign-in, not of the token', async () => {
      const { browser, rp, callback } = await login(harness);
      const first = await tokensFor(rp, callback);
      const second = await tokensFor(rp, await again(browser, rp));
      expect(second.claims?.auth_time).to.equal(first.claims?.auth_time);
    });
  });
});
