/** How clients may prove who they are, as the configuration file takes it or not. */
import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { configOf, faultsOf, PRODUCTION, Workplace } from './config.fixture.ts';

const SECRET = 'k3Jw9qXv7Zt1Lm5Np8Rb2Yc4Gd6Hf0Sa';
const HASH = `sha256:${'A'.repeat(43)}`;
const OTHER_HASH = `sha256:${'B'.repeat(43)}`;
const SITE = { redirect_uris: ['https://a.example/cb'] };

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = pair.publicKey.export({ format: 'jwk' });
const keyed = (keys: readonly object[]): object => ({
  ...SITE,
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: { keys },
});

describe('clients in the configuration file', () => {
  const place = new Workplace();
  after(() => place.remove());

  /** YAML is a superset of JSON. */
  const load = (client: object, env: NodeJS.ProcessEnv = PRODUCTION) =>
    place.load(env, JSON.stringify({ apps: { shop: { name: 'Shop', clients: { web: client } } } }));

  for (const [what, client] of [
    [
      'two secrets, one of which ends',
      {
        ...SITE,
        client_secrets: [
          { client_secret: SECRET },
          { client_secret_hash: HASH, expires_at: '2030-01-01T00:00:00Z' },
        ],
      },
    ],
    [
      'one secret beside the single one',
      { ...SITE, client_secret_hash: OTHER_HASH, client_secrets: [{ client_secret_hash: HASH }] },
    ],
    ['a P-256 key', keyed([jwk])],
    ['an Ed25519 key', keyed([generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })])],
    [
      'a published key set',
      { ...SITE, token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://a.example/jwks' },
    ],
    ['a service without redirect URIs', { grant_types: ['client_credentials'], client_secret: SECRET }],
    ['PKCE waived for a client with a secret', { ...SITE, client_secret: SECRET, require_pkce: false }],
  ] as const) {
    it(`takes ${what}`, () => {
      expect(faultsOf(load(client))).to.deep.equal([]);
    });
  }

  it('OA-48 keeps of listed secrets the hash only', () => {
    const { apps } = configOf(load({ ...SITE, client_secrets: [{ client_secret: SECRET }] }));
    expect(JSON.stringify(apps)).not.to.include(SECRET);
    const [kept] = apps.shop?.clients.web?.client_secrets ?? [];
    expect(kept).to.deep.equal({ client_secret_hash: 'sha256:-1-HXR9139ukKRAtAUp7F7CAog4bVgwVjjyWFBbSCgQ' });
  });

  for (const [what, client, path, message] of [
    [
      'three secrets',
      {
        ...SITE,
        client_secret: SECRET,
        client_secrets: [{ client_secret_hash: HASH }, { client_secret_hash: OTHER_HASH }],
      },
      'client_secrets',
      /at most 2/,
    ],
    [
      'a listed secret that is none',
      { ...SITE, client_secrets: [{ expires_at: '2030-01-01T00:00:00Z' }] },
      'client_secrets[0]',
      /needs client_secret/,
    ],
    [
      'a listed secret and its hash',
      { ...SITE, client_secrets: [{ client_secret: SECRET, client_secret_hash: HASH }] },
      'client_secrets[0].client_secret_hash',
      /not both/,
    ],
    [
      'an example as listed secret',
      { ...SITE, client_secrets: [{ client_secret: 'change-me-change-me-change-me-change-me' }] },
      'client_secrets[0].client_secret',
      /example/,
    ],
    [
      'an end that is no moment',
      { ...SITE, client_secrets: [{ client_secret_hash: HASH, expires_at: 'tomorrow' }] },
      'client_secrets[0].expires_at',
      /moment/,
    ],
    [
      'a listed secret of a public client',
      { ...SITE, token_endpoint_auth_method: 'none', client_secrets: [{ client_secret_hash: HASH }] },
      'client_secrets',
      /has no secret/,
    ],
    ['a secret beside a key', { ...keyed([jwk]), client_secret: SECRET }, 'client_secret', /no secret/],
    ['no key', { ...SITE, token_endpoint_auth_method: 'private_key_jwt' }, 'jwks', /needs jwks or jwks_uri/],
    ['keys in both places', { ...keyed([jwk]), jwks_uri: 'https://a.example/jwks' }, 'jwks_uri', /not both/],
    [
      'keys of a client with a secret',
      { ...SITE, client_secret: SECRET, jwks: { keys: [jwk] } },
      'jwks',
      /is for private_key_jwt/,
    ],
    [
      'a key set by http',
      { ...SITE, token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'http://a.example/jwks' },
      'jwks_uri',
      /must be https/,
    ],
    [
      'OA-37 a logout receiver at a private address',
      { ...SITE, client_secret: SECRET, backchannel_logout_uri: 'https://10.0.0.7/logout' },
      'backchannel_logout_uri',
      /OUTBOUND_ALLOW/,
    ],
    [
      'OA-37 a logout receiver at a loopback address in another notation',
      { ...SITE, client_secret: SECRET, backchannel_logout_uri: 'https://0x7f.1/logout' },
      'backchannel_logout_uri',
      /OUTBOUND_ALLOW/,
    ],
    [
      'OA-37 a logout receiver at the metadata service by IPv6',
      { ...SITE, client_secret: SECRET, backchannel_logout_uri: 'https://[::ffff:169.254.169.254]/' },
      'backchannel_logout_uri',
      /OUTBOUND_ALLOW/,
    ],
    [
      'OA-37 a logout receiver with a fragment',
      { ...SITE, client_secret: SECRET, backchannel_logout_uri: 'https://a.example/logout#x' },
      'backchannel_logout_uri',
      /fragment/,
    ],
    [
      'OA-37 a logout receiver by http',
      { ...SITE, client_secret: SECRET, backchannel_logout_uri: 'http://a.example/logout' },
      'backchannel_logout_uri',
      /must be https/,
    ],
    [
      'OA-41 a key set at a private address',
      { ...SITE, token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://192.168.1.1/jwks' },
      'jwks_uri',
      /OUTBOUND_ALLOW/,
    ],
    ['a private key', keyed([pair.privateKey.export({ format: 'jwk' })]), 'jwks.keys[0]', /holds d/],
    ['a symmetric key', keyed([{ kty: 'oct', k: 'AAAA' }]), 'jwks.keys[0].kty', /RSA or EC or OKP/],
    [
      'a key on another curve',
      keyed([generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })]),
      'jwks.keys[0]',
      /P-256/,
    ],
    [
      'a short RSA key',
      keyed([generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })]),
      'jwks.keys[0]',
      /2048/,
    ],
    [
      'a broken key',
      keyed([{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }]),
      'jwks.keys[0]',
      /no valid public key/,
    ],
    [
      'OA-48 client_secret_jwt',
      { ...SITE, token_endpoint_auth_method: 'client_secret_jwt', client_secret: SECRET },
      'token_endpoint_auth_method',
      /private_key_jwt/,
    ],
    [
      'OA-04 PKCE waived for a public client',
      { ...SITE, token_endpoint_auth_method: 'none', require_pkce: false },
      'require_pkce',
      /public client/,
    ],
    [
      'OA-04 PKCE waived for a native client',
      { ...SITE, application_type: 'native', client_secret: SECRET, require_pkce: false },
      'require_pkce',
      /public client/,
    ],
    [
      'a public service',
      { token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] },
      'grant_types',
      /secret or key/,
    ],
    [
      'redirect URIs of a service',
      { ...SITE, grant_types: ['client_credentials'], client_secret: SECRET },
      'redirect_uris',
      /nobody is sent/,
    ],
  ] as const) {
    it(`RL-20 refuses ${what}`, () => {
      const faults = faultsOf(load(client));
      const prefix = `CONFIG: apps.shop.clients.web.${path}: `;
      const found = faults.find((fault) => fault.startsWith(prefix) && message.test(fault));
      expect(found, `${prefix} among\n${faults.join('\n')}`).to.not.equal(undefined);
      expect(faults.join('\n')).not.to.include(SECRET);
    });
  }
});
