import { createHmac, createPrivateKey, createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { CompactEncrypt, exportSPKI, generateKeyPair } from 'jose';
import { type Harness, startPostern } from '../../support/harness.ts';
import { allEvents, newBrowser } from '../../support/sign-in.ts';
import {
  jwt,
  newSigningKey,
  OidcServer,
  rs256,
  type Twist,
  UpstreamWorld,
} from '../../support/upstream-server.ts';
import { comeBack, finishReturn, leaveFor } from '../../support/upstream-visit.ts';
import { upstreamApps } from './apps.ts';

const ADA = { sub: 'ada', email: 'ada@corp.example', email_verified: true };
const NOW = (): number => Math.floor(Date.now() / 1000);

describe('upstream: tokens that do not hold', () => {
  const world = new UpstreamWorld();
  const corp = world.add(
    new OidcServer({
      issuer: 'https://login.corp.example',
      // It claims to use what must never be used.
      metadata: { id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'] },
    }),
  );
  const own = corp.keys[0] ?? newSigningKey('first');
  const foreign = newSigningKey(own.kid);
  let harness: Harness;

  before(async () => {
    harness = await startPostern({ apps: upstreamApps({ authoritative: true }), fetch: world.fetch });
  });
  after(() => harness.close());
  afterEach(() => {
    corp.twist = {};
  });

  async function signIn(person: object = ADA) {
    const browser = newBrowser(harness);
    const away = await leaveFor(browser, harness.rp(), 'corp');
    const back = await comeBack(browser, away, corp.authorize(away.url, { ...ADA, ...person }));
    return finishReturn(browser, back);
  }

  const claims = (change: object): Twist => ({ claims: (honest) => ({ ...honest, ...change }) });
  const signed = (header: object, key = own): Twist => ({
    idToken: (payload) => jwt({ alg: 'RS256', kid: own.kid, ...header }, payload, rs256(key)),
  });
  const text = (change: (json: string) => string): Twist => ({
    idToken: (payload) => jwt({ alg: 'RS256', kid: own.kid }, change(JSON.stringify(payload)), rs256(own)),
  });

  const hostile: Readonly<Record<string, Twist>> = {
    'alg none': { idToken: (payload) => jwt({ alg: 'none' }, payload, () => '') },
    'alg none with a signature': { idToken: (payload) => jwt({ alg: 'none' }, payload, rs256(own)) },
    'HS256 under the public key': {
      idToken: async (payload) => {
        const spki = await exportSPKI(own.publicKey);
        return jwt({ alg: 'HS256', kid: own.kid }, payload, (input) =>
          createHmac('sha256', spki).update(input).digest('base64url'),
        );
      },
    },
    'HS256 under the client secret': {
      idToken: (payload) =>
        jwt({ alg: 'HS256' }, payload, (input) =>
          createHmac('sha256', 'secret').update(input).digest('base64url'),
        ),
    },
    'no signature at all': { idToken: (payload) => jwt({ alg: 'RS256', kid: own.kid }, payload, () => '') },
    'a foreign key under a known kid': signed({}, foreign),
    'a foreign key that the header brings along (jwk)': signed(
      {
        jwk: createPublicKey(
          createPrivateKey(foreign.privateKey.export({ type: 'pkcs8', format: 'pem' })),
        ).export({ format: 'jwk' }),
      },
      foreign,
    ),
    'a foreign key that the header points to (jku)': signed({ jku: 'https://evil.example/jwks' }, foreign),
    'a kid that is a path': signed({ kid: '../../../dev/null' }, foreign),
    'a critical header that nobody knows': signed({ crit: ['exp2'], exp2: 1 }),
    'another audience': claims({ aud: 'somebody-else' }),
    'no audience': claims({ aud: undefined }),
    'several audiences without azp': claims({ aud: ['postern', 'somebody-else'] }),
    'several audiences and another azp': claims({ aud: ['postern', 'somebody-else'], azp: 'somebody-else' }),
    'one audience and another azp': claims({ azp: 'somebody-else' }),
    'another issuer': claims({ iss: 'https://evil.example' }),
    'an issuer with a slash more': claims({ iss: 'https://login.corp.example/' }),
    'no issuer': claims({ iss: undefined }),
    expired: claims({ exp: NOW() - 3600 }),
    'no exp': claims({ exp: undefined }),
    'exp as text': claims({ exp: String(NOW() + 3600) }),
    'issued in the future': claims({ iat: NOW() + 3600 }),
    'no iat': claims({ iat: undefined }),
    'not yet valid': claims({ nbf: NOW() + 3600 }),
    'no nonce': claims({ nonce: undefined }),
    'another nonce': claims({ nonce: 'another' }),
    'no sub': claims({ sub: undefined }),
    'an empty sub': claims({ sub: '' }),
    'a number for sub': claims({ sub: 42 }),
    'a list for sub': claims({ sub: ['ada'] }),
    'a huge sub': claims({ sub: 'a'.repeat(256) }),
    'a sub with a line break': claims({ sub: 'ada\n' }),
    'a sub beyond ASCII': claims({ sub: 'аda' }),
    'another at_hash': claims({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }),
    'a claim given twice': text((json) => json.replace('"sub":"ada"', '"sub":"ada","sub":"eve"')),
    'a claim given twice, once escaped': text((json) =>
      json.replace('"sub":"ada"', '"sub":"ada","\\u0073ub":"eve"'),
    ),
    'a payload that is no object': text(() => '["ada"]'),
    'a payload that is no JSON': text(() => 'ada'),
    'four parts': { idToken: (payload) => `${jwt({ alg: 'RS256', kid: own.kid }, payload, rs256(own))}.x` },
    'no token at all': { tokens: ({ id_token: _none, ...rest }) => Response.json(rest) },
    'a token that is no text': { tokens: (honest) => Response.json({ ...honest, id_token: 42 }) },
    encrypted: {
      idToken: async (payload) => {
        const { publicKey } = await generateKeyPair('RSA-OAEP-256');
        return new CompactEncrypt(Buffer.from(JSON.stringify(payload)))
          .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' })
          .encrypt(publicKey);
      },
    },
  };

  for (const [what, twist] of Object.entries(hostile)) {
    it(`AC-09 ${what}: refused, nobody is made or signed in`, async () => {
      corp.twist = twist;
      const answer = await signIn();
      expect(answer.status).to.equal(400);
      expect(answer.body).to.contain('could not be confirmed');
      expect(answer.next).to.equal(undefined);
      expect(await harness.server.users.list(appOf(harness), { limit: 10 })).to.deep.equal([]);
    });
  }

  it('AC-09 every refusal is written down with its provider and no word of the token', async () => {
    const refused = (await allEvents(harness)).filter(({ type }) => type === 'upstream.refused');
    expect(refused).to.have.length(Object.keys(hostile).length);
    for (const event of refused) expect(event).to.include({ provider: 'corp', reason: 'bad_answer' });
    expect(JSON.stringify(refused)).to.not.match(/ada|evil|somebody|eyJ/);
  });

  it('the same person with an honest token is signed in', async () => {
    expect((await signIn()).next).to.match(/^http:\/\/client.test\/callback\?code=/);
  });

  it('AC-09 userinfo about somebody else: refused', async () => {
    corp.twist = {
      claims: ({ email: _none, ...rest }) => rest,
      userinfo: (honest) => Response.json({ ...honest, sub: 'eve' }),
    };
    expect((await signIn()).body).to.contain('could not be confirmed');
  });

  it('AC-09 userinfo as a token that nobody signed: refused', async () => {
    corp.twist = {
      claims: ({ email: _none, ...rest }) => rest,
      userinfo: (honest) =>
        new Response(
          jwt({ alg: 'none' }, honest, () => ''),
          { headers: { 'content-type': 'application/jwt' } },
        ),
    };
    expect((await signIn()).body).to.contain('could not be confirmed');
  });
});

function appOf({ server }: Harness) {
  const app = server.apps.bySlug('shop');
  if (!app) throw new Error('no app');
  return app;
}
