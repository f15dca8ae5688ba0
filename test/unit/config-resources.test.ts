/** What the configuration file may say of resource servers and refresh tokens. */
import { expect } from 'chai';
import { configOf, faultsOf, PRODUCTION, Workplace } from './config.fixture.ts';

const SECRET = 'k3Jw9qXv7Zt1Lm5Np8Rb2Yc4Gd6Hf0Sa';
const CLIENTS = {
  web: { redirect_uris: ['https://shop.example/callback'], token_endpoint_auth_method: 'none' },
  api: { redirect_uris: ['https://api.example/callback'], client_secret: SECRET },
};

const fileWith = (app: object): string =>
  JSON.stringify({ apps: { shop: { name: 'Shop', clients: CLIENTS, ...app } } });

describe('configuration of tokens', () => {
  const place = new Workplace();
  after(() => place.remove());
  const faults = (app: object, env: NodeJS.ProcessEnv = PRODUCTION): string =>
    faultsOf(place.load(env, fileWith(app))).join('\n');
  const resource = (settings: object, identifier = 'https://api.example') => ({
    resources: { [identifier]: settings },
  });

  it('a resource without a word has JWTs of five minutes, for every client, and nobody may ask about them', () => {
    const { apps } = configOf(place.load(PRODUCTION, fileWith(resource({}))));
    expect(apps.shop?.resources['https://api.example']).to.deep.equal({
      scopes: {},
      format: 'jwt',
      lifetime: 300_000,
      signing_alg: 'RS256',
      introspection: [],
    });
  });

  for (const identifier of [
    'https://api.example',
    'https://api.example/v1',
    'urn:example:api',
    'api://orders',
  ]) {
    it(`takes ${identifier}`, () => expect(faults(resource({}, identifier))).to.equal('') as never);
  }

  for (const [title, app, message] of [
    ['no URI', resource({}, 'orders'), /absolute URI/],
    ['a fragment (RFC 8707 §2)', resource({}, 'https://api.example#a'), /fragment/],
    ['plain http in production', resource({}, 'http://api.example'), /https/],
    ['OA-29 a JWT that lives longer than an hour', resource({ lifetime: '2h' }), /between 30s and 1h/],
    ['OA-29 an audience that is a client', resource({}, 'https://app.example'), /id of a client/],
    ['OA-30 no signature', resource({ signing_alg: 'none' }), /signing_alg/],
    ['OA-30 a shared secret', resource({ signing_alg: 'HS256' }), /signing_alg/],
    ['a scope of OpenID Connect', resource({ scopes: { email: 'read it' } }), /scope of OpenID Connect/],
    ['a scope with a space', resource({ scopes: { 'a b': 'both' } }), /without spaces/],
    ['a client that is not there', resource({ clients: ['wbe'] }), /no client wbe/],
    ['OA-28 a resource server that is not there', resource({ introspection: ['wbe'] }), /no client wbe/],
    ['OA-28 a resource server without a secret', resource({ introspection: ['web'] }), /public client/],
    [
      'a client scope that nobody offers',
      { clients: { web: { ...CLIENTS.web, scope: 'openid orders:read' } } },
      /no scope orders:read/,
    ],
    ['an unknown key', resource({ ttl: '5m' }), /ttl/],
    [
      'OA-20 a public client that does not rotate (RFC 9700 §4.14.2)',
      { clients: { web: { ...CLIENTS.web, refresh_token_rotation: false } } },
      /must rotate/,
    ],
    [
      'a policy that is none',
      { clients: { web: { ...CLIENTS.web, refresh_tokens: 'never' } } },
      /refresh_tokens/,
    ],
  ] as const) {
    it(`refuses ${title}`, () => {
      const clients = { ...CLIENTS, 'https://app.example': CLIENTS.web };
      expect(faults({ clients, ...app })).to.match(message);
    });
  }

  it('OA-20 a confidential client may do without rotation', () => {
    expect(faults({ clients: { api: { ...CLIENTS.api, refresh_token_rotation: false } } })).to.equal('');
  });
});
