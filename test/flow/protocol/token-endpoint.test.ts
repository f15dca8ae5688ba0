/** The token endpoint as a stranger meets it: form, methods, grants and client authentication. */
import { hash } from 'node:crypto';
import { expect } from 'chai';
import { APPS, CALLBACK, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { login, loginWithTokens, refreshWith, tokensFor } from '../../support/logins.ts';
import { exchange, type Reply } from '../../support/wire.ts';
import { basic, FORM, get, jsonOf, postForm, send } from '../../support/wire-forms.ts';

const SECRET = 'a-long-random-secret-for-tests-0123456789';
const POST_SECRET = 'another-long-random-secret-for-tests-98765';
const ODD_SECRET = 'odd+secret%2B/with:signs=that&need-encoding~';
const KEPT = `sha256:${hash('sha256', SECRET, 'base64url')}`;

describe('token endpoint', () => {
  let harness: Harness;
  let url: string;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      posting: confidential('client_secret_post', POST_SECRET),
      odd: confidential('client_secret_basic', ODD_SECRET),
    };
    harness = await startPostern({ apps: { shop: { ...APPS.shop, clients } } });
    url = `${harness.url}/shop/token`;
  });
  after(() => harness.close());

  const refused = (reply: Reply, status: number, error: string): void => {
    expect(jsonOf(reply).error, reply.body).to.equal(error);
    expect(reply.status).to.equal(status);
  };
  const redemption = {
    grant_type: 'authorization_code',
    code: 'x',
    redirect_uri: CALLBACK,
    code_verifier: 'v'.repeat(43),
  };

  describe('OA-47 one way in', () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD']) {
      it(`OA-47 ${method} is not offered`, async () => {
        expect((await send(method, url)).status).to.be.oneOf([404, 405]);
      });
    }

    for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain', undefined]) {
      it(`OA-47 a body of ${type ?? 'no type'} is refused`, async () => {
        const body = JSON.stringify({ ...redemption, client_id: 'web' });
        const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
        refused(await exchange(new URL(url), { method: 'POST', body, headers }), 400, 'invalid_request');
      });
    }

    it('OA-47 a body beyond 56 KB is refused', async () => {
      const reply = await postForm(url, { ...redemption, client_id: 'web', filler: 'x'.repeat(60_000) });
      expect(reply.status).to.be.oneOf([400, 413]);
    });

    it('OA-47 nothing of it is cached, be it success or error', async () => {
      const { rp, callback } = await login(harness);
      for (const { headers } of [await rp.redeem(callback), await rp.redeem(callback)]) {
        expect(headers['cache-control']).to.equal('no-store');
      }
    });

    it('OA-47 what stands in the query does not count', async () => {
      const { rp, callback } = await login(harness);
      const code = new URL(callback).searchParams.get('code') ?? '';
      const reply = await postForm(`${url}?${new URLSearchParams({ code, client_id: 'web' })}`, {
        grant_type: 'authorization_code',
      });
      expect(reply.status).to.be.oneOf([400, 401]);
      expect((await rp.redeem(callback)).status).to.equal(200);
    });
  });

  for (const grant_type of [
    'password',
    'client_credentials',
    'implicit',
    'urn:ietf:params:oauth:grant-type:device_code',
    'urn:openid:params:grant-type:ciba',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    '__proto__',
    'constructor',
    'x',
  ]) {
    it(`OA-15 ${grant_type} is no grant`, async () => {
      const body = { grant_type, username: 'a', password: 'b', client_id: 'web' };
      refused(await postForm(url, body), 400, 'unsupported_grant_type');
    });
  }

  it('OA-17 each parameter given twice is refused', async () => {
    const { rp, tokens } = await loginWithTokens(harness);
    const body = {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token,
      client_id: 'web',
      scope: 'openid',
    };
    for (const [name, value] of Object.entries(body)) {
      const doubled = new URLSearchParams(body);
      doubled.append(name, value);
      refused(await postForm(url, doubled.toString()), 400, 'invalid_request');
    }
    expect((await refreshWith(rp, tokens.refresh_token)).status).to.equal(200);
  });

  describe('OA-18 client authentication', () => {
    const attempt = (body: object, authorization?: string): Promise<Reply> =>
      postForm(url, { ...redemption, ...body }, authorization === undefined ? {} : { authorization });

    for (const [name, body, authorization] of [
      ['a wrong secret', {}, basic('secretive', 'wrong')],
      ['an empty secret', {}, basic('secretive', '')],
      ['what the server keeps of the secret', {}, basic('secretive', KEPT)],
      ['the secret of another client', {}, basic('secretive', POST_SECRET)],
      ['the secret in other case', {}, basic('secretive', SECRET.toUpperCase())],
      ['no secret', { client_id: 'secretive' }, undefined],
      ['an unknown client', {}, basic('nobody', SECRET)],
      ['a public client with a secret by Basic', {}, basic('web', SECRET)],
      ['a public client with a secret in the body', { client_id: 'web', client_secret: SECRET }, undefined],
      ['one client by Basic, another in the body', { client_id: 'posting' }, basic('secretive', SECRET)],
    ] as const) {
      it(`OA-18 ${name} is refused`, async () => {
        const reply = await attempt(body, authorization);
        expect(jsonOf(reply).error, reply.body).to.be.oneOf(['invalid_client', 'invalid_request']);
        expect(reply.status).to.be.oneOf([400, 401]);
        expect(jsonOf(reply).error).not.to.equal('invalid_grant');
      });
    }

    it('OA-18 a wrong secret is 401 with WWW-Authenticate (RFC 6749 §5.2)', async () => {
      const reply = await attempt({}, basic('secretive', 'wrong'));
      refused(reply, 401, 'invalid_client');
      expect(reply.headers['www-authenticate']).to.match(/^Basic /);
    });

    it('OA-18 two methods at once are refused', async () => {
      const reply = await attempt(
        { client_id: 'secretive', client_secret: SECRET },
        basic('secretive', SECRET),
      );
      refused(reply, 400, 'invalid_request');
    });

    for (const header of [
      'Basic',
      'Basic !!!',
      `Basic ${Buffer.from('secretive').toString('base64')}`,
      `Basic ${Buffer.from('a:b%zz').toString('base64')}`,
      'Bearer abc',
      'Basic \t',
    ]) {
      it(`OA-18 the header ${JSON.stringify(header)} is refused, not guessed at`, async () => {
        const reply = await attempt({}, header);
        expect(reply.status).to.be.oneOf([400, 401]);
        expect(jsonOf(reply).error).to.be.oneOf(['invalid_request', 'invalid_client']);
      });
    }

    for (const [client, secret, authMethod] of [
      ['secretive', SECRET, 'client_secret_basic'],
      ['posting', POST_SECRET, 'client_secret_post'],
      ['odd', ODD_SECRET, 'client_secret_basic'],
    ] as const) {
      it(`OA-18 ${client} signs people in with its own secret and refreshes with it`, async () => {
        const found = await login(harness, { client, rp: { clientSecret: secret, authMethod } });
        const { refresh_token } = await tokensFor(found.rp, found.callback);
        refused(
          await postForm(url, { grant_type: 'refresh_token', refresh_token, client_id: client }),
          401,
          'invalid_client',
        );
        expect((await refreshWith(found.rp, refresh_token)).status).to.equal(200);
      });
    }
  });

  it('OA-48 what is published of a client holds no secret', async () => {
    const reply = await get(`${harness.url}/shop/.well-known/openid-configuration`);
    expect(reply.body).not.to.match(/secret-for-tests|sha256:/);
  });

  it('the content type may name a charset', async () => {
    const { callback } = await login(harness);
    const code = new URL(callback).searchParams.get('code') ?? '';
    const body = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      client_id: 'web',
      code_verifier: 'w'.repeat(43),
    };
    const reply = await postForm(url, body, { 'content-type': `${FORM}; charset=utf-8` });
    refused(reply, 400, 'invalid_grant');
  });
});

function confidential(token_endpoint_auth_method: string, client_secret: string): object {
  return publicClient({ token_endpoint_auth_method, client_secret });
}
