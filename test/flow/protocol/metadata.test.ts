/** What an app tells the world about itself: discovery, key set, and what is not offered. */
import { expect } from 'chai';
import { type Harness, startPostern } from '../../support/harness.ts';
import { loginWithTokens } from '../../support/logins.ts';
import { get, jsonOf, postForm, send } from '../../support/wire-forms.ts';

const DISCOVERY = '/.well-known/openid-configuration';
const METADATA = '/.well-known/oauth-authorization-server';
const PUBLIC_MEMBERS = ['alg', 'crv', 'e', 'kid', 'kty', 'n', 'use', 'x', 'y'];

/** Every string in the document that is a URL, with the name of its member. */
function urlsOf(document: object): (readonly [string, string])[] {
  return Object.entries(document).filter(([, value]) => /^[a-z]+:\/\//.test(String(value)));
}

describe('metadata', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern();
  });
  after(() => harness.close());

  it('RFC 8414 §3.1: the document is the same at all four addresses', async () => {
    const bodies = await Promise.all([
      get(`${harness.url}/shop${DISCOVERY}`),
      get(`${harness.url}${DISCOVERY}/shop`),
      get(`${harness.url}/shop${METADATA}`),
      get(`${harness.url}${METADATA}/shop`),
    ]);
    for (const { status, body } of bodies) {
      expect(status).to.equal(200);
      expect(JSON.parse(body)).to.deep.equal(JSON.parse(bodies[0]?.body ?? ''));
    }
  });

  it('ML-70 every URL in it is of the configured origin, whatever the request claims', async () => {
    const honest = jsonOf(await get(`${harness.url}/shop${DISCOVERY}`));
    const urls = urlsOf(honest);
    expect(urls.length).to.be.at.least(5);
    for (const [name, url] of urls) expect(url, name).to.match(new RegExp(`^${harness.url}/shop(/|$)`));

    const forged = await get(`${harness.url}/studio${DISCOVERY}`, {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example;proto=https',
    });
    expect(forged.status).to.equal(200);
    expect(forged.body).not.to.include('evil.example');
    expect(forged.body).not.to.include('https://');
  });

  it('ML-70 a foreign Host is misdirected before anything is answered', async () => {
    const answer = await get(`${harness.url}/shop/jwks`, { host: 'evil.example' });
    expect(answer.status).to.be.oneOf([307, 302, 421]);
    expect(answer.body).not.to.include('"keys"');
  });

  it('OA-31 the key set holds public members only, for both algorithms', async () => {
    const answer = await get(`${harness.url}/shop/jwks`);
    const keys = jsonOf(answer).keys as Record<string, string>[]; // shape of RFC 7517 §5, checked below
    expect(keys.map(({ alg }) => alg).sort()).to.deep.equal(['ES256', 'RS256']);
    for (const key of keys) {
      expect(Object.keys(key).filter((member) => !PUBLIC_MEMBERS.includes(member))).to.deep.equal([]);
      expect(key.use).to.equal('sig');
    }
  });

  it('MT-01 no two apps share a key', async () => {
    const sets = await Promise.all(['shop', 'studio'].map((slug) => get(`${harness.url}/${slug}/jwks`)));
    const names = sets
      .flatMap((set) =>
        (jsonOf(set).keys as { kid: string; n?: string; x?: string }[]).map(({ kid, n, x }) => [kid, n ?? x]),
      )
      .flat();
    expect(names).to.have.length(8);
    expect(new Set(names).size).to.equal(8);
  });

  it('OA-11, OA-13 it promises the code flow with iss, and nothing that is not offered', async () => {
    const document = jsonOf(await get(`${harness.url}/shop${DISCOVERY}`));
    expect(document.issuer).to.equal(`${harness.url}/shop`);
    expect(document.response_types_supported).to.deep.equal(['code']);
    expect(document.authorization_response_iss_parameter_supported).to.equal(true);
    expect(document.code_challenge_methods_supported).to.deep.equal(['S256']);
    expect(document.grant_types_supported).to.deep.equal(['authorization_code', 'refresh_token']);
    expect(document.response_modes_supported).to.deep.equal(['query', 'form_post']);
    expect(document.subject_types_supported).to.deep.equal(['public']);
    expect(document.id_token_signing_alg_values_supported).to.include('RS256').and.not.include('none');
    expect(document.token_endpoint_auth_methods_supported).to.have.members([
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ]);
    expect(document.token_endpoint_auth_signing_alg_values_supported).to.satisfy((algs: string[]) =>
      algs.every((alg) => !/^(HS|none)/i.test(alg)),
    );
  });

  it('OA-38, OA-39, OA-52 it is silent on front-channel logout, session management, registration, devices and CIBA', async () => {
    const names = Object.keys(jsonOf(await get(`${harness.url}/shop${DISCOVERY}`)));
    const foreign = /frontchannel|check_session|registration_endpoint|device|backchannel_auth/;
    expect(names.filter((name) => foreign.test(name))).to.deep.equal([]);
  });

  for (const path of [
    'reg',
    'device',
    'device/auth',
    'backchannel',
    'token/introspection',
    'token/revocation',
    'challenge',
    'interaction',
  ]) {
    it(`OA-39, OA-52 /${path} is not there`, async () => {
      const url = `${harness.url}/shop/${path}`;
      expect((await get(url)).status).to.equal(404);
      expect((await postForm(url, { client_id: 'web', scope: 'openid' })).status).to.be.oneOf([403, 404]);
    });
  }

  it('OA-45 discovery and keys are open to every origin, without credentials', async () => {
    for (const path of [DISCOVERY, '/jwks']) {
      const { headers } = await get(`${harness.url}/shop${path}`, { origin: 'https://anybody.example' });
      expect(headers['access-control-allow-origin']).to.equal('*');
      expect(headers['access-control-allow-credentials']).to.equal(undefined);
    }
  });

  it('ML-10 HEAD on what changes state is refused', async () => {
    const { rp } = await loginWithTokens(harness);
    for (const url of [await rp.authorizationUrl(), await rp.logoutUrl()]) {
      expect((await send('HEAD', url)).status).to.equal(405);
    }
  });
});
