/** Services that ask for tokens in their own name (RFC 6749 §4.4, RFC 9068). */
import { expect } from 'chai';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { newKey, withProof } from '../../support/client-keys.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { auditOf, isAlive } from '../../support/logins.ts';
import type { TokenAnswer } from '../../support/relying-party.ts';
import { get, jsonOf, postForm } from '../../support/wire-forms.ts';

const SECRET = 'a-long-random-secret-for-tests-0123456789';
const ORDERS = 'https://orders.example';
const FILES = 'https://files.example';

describe('client credentials', () => {
  let harness: Harness;
  before(async () => {
    const service = { grant_types: ['client_credentials'], client_secret: SECRET };
    const clients = {
      ...APPS.shop.clients,
      service,
      narrow: { ...service, scope: 'orders:read' },
      bound: { ...service, dpop_bound_access_tokens: true },
    };
    const resources = {
      [ORDERS]: { scopes: { 'orders:read': 'read', 'orders:write': 'write' }, format: 'jwt' },
      [FILES]: { scopes: { 'files:read': 'read' }, format: 'opaque', introspection: ['secretive'] },
    };
    const { studio } = APPS;
    harness = await startPostern({ apps: { shop: { ...APPS.shop, clients, resources }, studio } });
  });
  after(() => harness.close());

  const ask = (params: object = {}, client = 'service', more: object = {}): Promise<TokenAnswer> =>
    harness
      .rp('shop', client, { clientSecret: SECRET, ...more })
      .tokenRequest({ grant_type: 'client_credentials', ...params });

  const refused = ({ status, json }: TokenAnswer, error: string): void => {
    expect(json.error, JSON.stringify(json)).to.equal(error);
    expect(status).to.equal(400);
    expect(json.access_token).to.equal(undefined);
  };

  it('OA-29 a JWT for a resource names the client as its subject, and no refresh token comes with it', async () => {
    const { status, json } = await ask({ resource: ORDERS, scope: 'orders:read' });
    expect(status, JSON.stringify(json)).to.equal(200);
    expect(Object.keys(json).sort()).to.deep.equal(['access_token', 'expires_in', 'scope', 'token_type']);
    const keys = createLocalJWKSet(JSON.parse((await get(`${harness.url}/shop/jwks`)).body));
    const { payload } = await jwtVerify(String(json.access_token), keys, {
      issuer: `${harness.url}/shop`,
      audience: ORDERS,
      typ: 'at+jwt',
    });
    expect(payload).to.include({ sub: 'service', client_id: 'service', scope: 'orders:read' });
    expect(Number(payload.exp) - Number(payload.iat)).to.equal(json.expires_in);
  });

  it('an opaque one is introspected by the resource server', async () => {
    const { json } = await ask({ resource: FILES, scope: 'files:read' });
    const reply = await postForm(
      `${harness.url}/shop/introspect`,
      { token: String(json.access_token) },
      { authorization: `Basic ${Buffer.from(`secretive:${SECRET}`).toString('base64')}` },
    );
    expect(jsonOf(reply)).to.include({ active: true, client_id: 'service', scope: 'files:read', aud: FILES });
    expect(jsonOf(reply)).to.not.have.property('username');
  });

  for (const [name, params] of [
    ['openid', { scope: 'openid' }],
    ['email', { scope: 'email', resource: ORDERS }],
    ['offline_access', { scope: 'offline_access orders:read', resource: ORDERS }],
    ['a scope of no resource', { scope: 'orders:read' }],
    ['a scope of another resource', { scope: 'files:read', resource: ORDERS }],
    ['an unknown scope', { scope: 'admin', resource: ORDERS }],
  ] as const) {
    it(`OA-43 ${name} is refused`, async () => refused(await ask(params), 'invalid_scope'));
  }

  it('RFC 7591 §2 a client that names its scopes has no others', async () => {
    expect((await ask({ resource: ORDERS, scope: 'orders:read' }, 'narrow')).status).to.equal(200);
    refused(await ask({ resource: ORDERS, scope: 'orders:write' }, 'narrow'), 'invalid_scope');
  });

  it('OA-51 an unknown resource is refused', async () => {
    refused(await ask({ resource: 'https://nowhere.example', scope: 'orders:read' }), 'invalid_target');
  });

  it('OA-15 a client that has the grant not is told so, and a public one has it never', async () => {
    refused(await ask({}, 'secretive'), 'unauthorized_client');
    refused(await ask({}, 'web', { clientSecret: undefined }), 'unauthorized_client');
  });

  it('OA-15 a service has no other grant', async () => {
    const rp = harness.rp('shop', 'service', { clientSecret: SECRET });
    refused(
      await rp.tokenRequest({ grant_type: 'refresh_token', refresh_token: 'x' }),
      'unauthorized_client',
    );
    const page = await get(await rp.authorizationUrl());
    expect(page.status).to.equal(400);
  });

  it('OA-44 its token is none of a person', async () => {
    const { json } = await ask();
    expect(await isAlive(harness.rp(), String(json.access_token))).to.equal(false);
  });

  it('OA-35 one that has to bind its tokens does so', async () => {
    refused(await ask({ resource: ORDERS }, 'bound'), 'invalid_grant');
    const { json } = await ask({ resource: ORDERS }, 'bound', { sender: withProof(await newKey()) });
    expect(json.token_type).to.equal('DPoP');
  });

  it('the audit log names client, resource and scopes, and no token', async () => {
    const before = (await auditOf(harness)).filter(({ type }) => type === 'token.service_issued').length;
    const { json } = await ask({ resource: ORDERS, scope: 'orders:write' });
    const events = (await auditOf(harness)).filter(({ type }) => type === 'token.service_issued');
    expect(events.length).to.equal(before + 1);
    expect(events).to.satisfy((all: object[]) =>
      all.some((event) => {
        const { clientId, resource, scopes } = event as {
          clientId: string;
          resource: string;
          scopes: string[];
        };
        return clientId === 'service' && resource === ORDERS && scopes.includes('orders:write');
      }),
    );
    expect(JSON.stringify(events)).not.to.include(String(json.access_token));
  });

  it('discovery names the grant in the app that has such a client, and in no other', async () => {
    const named = async (slug: string) =>
      jsonOf(await get(`${harness.url}/${slug}/.well-known/openid-configuration`)).grant_types_supported;
    expect(await named('shop')).to.include('client_credentials');
    expect(await named('studio')).not.to.include('client_credentials');
  });
});
