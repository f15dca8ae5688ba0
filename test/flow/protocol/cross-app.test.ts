/** MT-01: everything that one app gives out, at every endpoint of another one. */
import { expect } from 'chai';
import { assertion, assertionParams, type ClientKey, newKey } from '../../support/client-keys.ts';
import { CALLBACK, callbackOf, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { isAlive, loginWithTokens, refreshWith, type TokenLogin } from '../../support/logins.ts';
import { basic, get, jsonOf, postForm } from '../../support/wire-forms.ts';

const SECRET = 'a-long-random-secret-for-tests-0123456789';

describe('MT-01 two apps with the same clients', () => {
  let harness: Harness;
  let key: ClientKey;
  let person: TokenLogin;
  before(async () => {
    key = await newKey();
    // The same names, secrets and keys on both sides: the app alone tells them apart.
    const clients = {
      web: publicClient(),
      secretive: { redirect_uris: [CALLBACK], client_secret: SECRET },
      service: { grant_types: ['client_credentials'], client_secret: SECRET },
      keyed: {
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [key.jwk] },
      },
    };
    const resources = {
      'https://api.example': { scopes: { read: 'read' }, format: 'opaque', introspection: ['secretive'] },
    };
    harness = await startPostern({
      apps: {
        shop: { name: 'Shop', clients, resources },
        studio: { name: 'Studio', clients, resources },
      },
    });
    person = await loginWithTokens(harness);
  });
  after(() => harness.close());

  const at = (path: string): string => `${harness.url}/studio/${path}`;
  const authorization = basic('secretive', SECRET);
  const service = async (): Promise<string> => {
    const rp = harness.rp('shop', 'service', { clientSecret: SECRET });
    const { json } = await rp.tokenRequest({
      grant_type: 'client_credentials',
      resource: 'https://api.example',
      scope: 'read',
    });
    return String(json.access_token);
  };

  it('MT-01 no token is taken at userinfo', async () => {
    const { access_token, refresh_token, id_token = '' } = person.tokens;
    for (const token of [access_token, refresh_token, id_token, await service()]) {
      for (const method of [get, (url: string, headers: object) => postForm(url, '', { ...headers })]) {
        const reply = await method(at('me'), { authorization: `Bearer ${token}` });
        expect([reply.status, jsonOf(reply).error]).to.deep.equal([401, 'invalid_token']);
      }
    }
  });

  it('MT-01 no token is active at introspection', async () => {
    const { access_token, refresh_token } = person.tokens;
    for (const token of [access_token, refresh_token, await service()]) {
      const reply = await postForm(at('introspect'), { token }, { authorization });
      expect(jsonOf(reply), reply.body).to.deep.equal({ active: false });
    }
  });

  it('MT-01 no grant is given for a code, a refresh token or an assertion, and none of them is burnt', async () => {
    const callback = callbackOf(await person.browser.visit(await person.rp.authorizationUrl()));
    const code = new URL(callback).searchParams.get('code') ?? '';
    const jwt = await assertion(key, 'keyed', `${harness.url}/shop`);
    const attempts = [
      {
        grant_type: 'authorization_code',
        code,
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(43),
        client_id: 'web',
      },
      { grant_type: 'refresh_token', refresh_token: person.tokens.refresh_token, client_id: 'web' },
      { grant_type: 'client_credentials', ...assertionParams(jwt) },
    ];
    for (const body of attempts) {
      const reply = await postForm(at('token'), body);
      expect(jsonOf(reply).error, reply.body).to.be.oneOf(['invalid_grant', 'invalid_client']);
    }
    expect((await person.rp.redeem(callback)).status).to.equal(200);
    const home = await postForm(`${harness.url}/shop/token`, {
      grant_type: 'client_credentials',
      ...assertionParams(jwt),
    });
    expect(home.status, home.body).to.equal(200);
  });

  it('MT-01 revocation and sign-out there change nothing here', async () => {
    const { access_token, refresh_token, id_token = '' } = person.tokens;
    for (const token of [access_token, refresh_token]) {
      await postForm(at('revoke'), { token, client_id: 'web' });
    }
    const out = await person.browser
      .tab()
      .visit(`${at('session/end')}?${new URLSearchParams({ id_token_hint: id_token })}`);
    expect(out.status).to.equal(400);
    expect(await isAlive(person.rp, access_token)).to.equal(true);
    expect((await refreshWith(person.rp, refresh_token)).status).to.equal(200);
  });

  it('MT-01 a request_uri opens nothing there and is not burnt', async () => {
    const url = new URL(await person.rp.pushedUrl());
    const there = await person.browser.tab().visit(url.href.replace('/shop/', '/studio/'));
    expect(there.status).to.equal(400);
    expect(new URL(callbackOf(await person.browser.visit(url.href))).searchParams.get('code')).to.be.a(
      'string',
    );
  });

  it('MT-01, MT-07 its session and interaction cookies sign nobody in there, under its own names or theirs', async () => {
    const url = (await person.rp.authorizationUrl({ prompt: 'none' })).replace('/shop/', '/studio/');
    const answer = await person.browser.clone().visit(url);
    expect(new URL(callbackOf(answer)).searchParams.get('error')).to.equal('login_required');
    // The values under the other app's names: the signature is of another key, and the row is of another app.
    const names = await Promise.all(
      ['shop', 'studio'].map((slug) => harness.server.apps.bySlug(slug)?.id ?? ''),
    );
    const [shop = '', studio = ''] = names;
    const cookie = person.browser.jar.header({
      url: new URL(`${harness.url}/shop/auth`),
      isCrossSite: false,
      isSafeNavigation: true,
    });
    expect(cookie).to.include(shop);
    const forged = await get(url, { cookie: String(cookie).replaceAll(shop, studio) });
    expect(new URL(forged.headers.location ?? '').searchParams.get('error')).to.equal('login_required');
  });
});
