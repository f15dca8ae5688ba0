/** Tokens that are bound to a key of the client (DPoP, RFC 9449). */
import { createHmac, createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { exportSPKI } from 'jose';
import { type ClientKey, newKey, proof, resigned, withProof } from '../../support/client-keys.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, callbackOf, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { isAlive, login, loginWithTokens, refreshWith, type TokenLogin } from '../../support/logins.ts';
import type { Sender, TokenAnswer } from '../../support/relying-party.ts';
import { startTwin, type Twin } from '../../support/twin.ts';
import { exchange } from '../../support/wire.ts';
import { get, jsonOf, send } from '../../support/wire-forms.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const RACE = 20;
const SECRET = 'a-long-random-secret-for-tests-0123456789';

describe('DPoP', () => {
  let harness: Harness;
  let twin: Twin;
  let key: ClientKey;
  before(async () => {
    key = await newKey();
    const clients = {
      ...APPS.shop.clients,
      bound: publicClient({ dpop_bound_access_tokens: true }),
      service: { grant_types: ['client_credentials'], client_secret: SECRET },
    };
    const demanding = { name: 'Demanding', dpop: { nonce: 'required' }, clients };
    const plain = { name: 'Plain', dpop: { nonce: 'off' }, clients };
    harness = await startPostern({
      apps: {
        shop: { ...APPS.shop, clients },
        // Names that stand in paths of the engine: it guesses mount points by searching for them.
        token: { name: 'Token', clients },
        me: { name: 'Me', clients },
        demanding,
        plain,
      },
    });
    twin = await startTwin(harness);
  });
  afterEach(restoreTime);
  after(async () => {
    await twin.close();
    await harness.close();
  });

  const urlOf = (path: string, slug = 'shop'): string => `${harness.url}/${slug}/${path}`;
  const service = (dpop: string, slug = 'shop', on: object = {}): Promise<TokenAnswer> =>
    harness
      .rp(slug, 'service', { clientSecret: SECRET, sender: async () => ({ headers: { dpop } }), ...on })
      .tokenRequest({ grant_type: 'client_credentials' });
  const refused = ({ status, json }: TokenAnswer, ...errors: string[]): void => {
    expect(json.error, JSON.stringify(json)).to.be.oneOf(
      errors.length === 0 ? ['invalid_dpop_proof'] : errors,
    );
    expect(status).to.equal(400);
    expect(json.access_token).to.equal(undefined);
  };
  const bound = (slug = 'shop', client = 'bound', by = key): Promise<TokenLogin> =>
    loginWithTokens(harness, { slug, client, rp: { sender: withProof(by) } });
  const userinfo = async (token: string, dpop: string | undefined, scheme = 'DPoP', slug = 'shop') =>
    exchange(new URL(urlOf('me', slug)), {
      method: 'GET',
      headers: { authorization: `${scheme} ${token}`, ...(dpop === undefined ? {} : { dpop }) },
    });

  for (const slug of ['shop', 'token', 'me', 'plain']) {
    it(`OA-35 a sign-in at ${slug}: code, userinfo and refresh are bound to the key`, async () => {
      const { rp, tokens } = await bound(slug);
      expect(tokens.token_type).to.equal('DPoP');
      expect((await rp.userinfo(tokens.access_token)).sub).to.equal(tokens.claims?.sub);
      const next = await rp.refresh(tokens.refresh_token);
      expect(next.token_type).to.equal('DPoP');
      expect((await rp.userinfo(next.access_token)).sub).to.equal(tokens.claims?.sub);
    });
  }

  for (const alg of ['PS256', 'EdDSA']) {
    it(`OA-35 takes a key for ${alg}`, async () => {
      const other = await newKey(alg);
      expect((await service(await proof(other, 'POST', urlOf('token')))).json.token_type).to.equal('DPoP');
    });
  }

  describe('OA-35 the proof', () => {
    const now = (): number => Math.floor(Date.now() / SECOND);
    for (const [name, make] of [
      ['another method', () => proof(key, 'GET', urlOf('token'))],
      ['another endpoint', () => proof(key, 'POST', urlOf('me'))],
      ['another app', () => proof(key, 'POST', urlOf('token', 'studio'))],
      ['another host', () => proof(key, 'POST', 'https://evil.example/shop/token')],
      ['the path without its app', () => proof(key, 'POST', `${harness.url}/token`)],
      ['no address', () => proof(key, 'POST', urlOf('token'), { htu: undefined })],
      ['no method', () => proof(key, 'POST', urlOf('token'), { htm: undefined })],
      ['no jti', () => proof(key, 'POST', urlOf('token'), { jti: undefined })],
      ['an empty jti', () => proof(key, 'POST', urlOf('token'), { jti: '' })],
      ['no iat', () => proof(key, 'POST', urlOf('token'), { iat: undefined })],
      ['an iat six minutes ago', () => proof(key, 'POST', urlOf('token'), { iat: now() - 360 })],
      ['an iat in six minutes', () => proof(key, 'POST', urlOf('token'), { iat: now() + 360 })],
      ['another type', () => proof(key, 'POST', urlOf('token'), {}, { typ: 'JWT' })],
      ['a nonce of nobody', () => proof(key, 'POST', urlOf('token'), { nonce: 'x' })],
      [
        'a critical header that nobody knows',
        async () => resigned(key, await proof(key, 'POST', urlOf('token')), { crit: ['x'], x: 1 }),
      ],
    ] as const) {
      it(`OA-35 with ${name} is refused`, async () =>
        refused(await service(await make()), 'invalid_dpop_proof', 'use_dpop_nonce'));
    }

    it('OA-35 an address with a query or a fragment is taken for the one without (RFC 9449 §4.3)', async () => {
      expect((await service(await proof(key, 'POST', `${urlOf('token')}?a=b#c`))).status).to.equal(200);
    });

    it('OA-35 is good for one use, here and on another server', async () => {
      const dpop = await proof(key, 'POST', urlOf('token'));
      expect((await service(dpop)).status).to.equal(200);
      refused(await service(dpop), 'invalid_grant', 'invalid_dpop_proof');
      refused(await service(dpop, 'shop', { route: twin.route }), 'invalid_grant', 'invalid_dpop_proof');
    });

    it(`OA-35 of ${RACE} at once on two servers one is served`, async () => {
      const dpop = await proof(key, 'POST', urlOf('token'));
      const answers = await Promise.all(
        Array.from({ length: RACE }, (_, index) =>
          service(dpop, 'shop', index % 2 === 0 ? {} : { route: twin.route }),
        ),
      );
      expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
      for (const answer of answers)
        if (answer.status !== 200) refused(answer, 'invalid_grant', 'invalid_dpop_proof');
    });

    it('OA-35 one dated ahead stays used for as long as it would be taken', async () => {
      const dpop = await proof(key, 'POST', urlOf('token'), { iat: now() + 290 });
      expect((await service(dpop)).status).to.equal(200);
      passTime(harness, 5.5 * MINUTE);
      refused(await service(dpop), 'invalid_grant', 'invalid_dpop_proof');
    });

    it('OA-30 with no signature, one by a public key, or a private key inside is refused', async () => {
      const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
      const good = await proof(key, 'POST', urlOf('token'));
      const [head = '', payload = '', signature = ''] = good.split('.');
      const header = JSON.parse(Buffer.from(head, 'base64url').toString());
      const hs256 = (secret: string): string => {
        const input = `${encode({ ...header, alg: 'HS256' })}.${payload}`;
        return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
      };
      const [published] = JSON.parse((await get(urlOf('jwks'))).body).keys;
      const stranger = await newKey();
      const bad = [
        ...['none', 'None', 'NONE', 'nOnE'].map((alg) => `${encode({ ...header, alg })}.${payload}.`),
        `${head}.${payload}.`,
        `${encode({ ...header, alg: 'none' })}.${payload}.${signature}`,
        hs256(await exportSPKI(createPublicKey({ key: header.jwk, format: 'jwk' }))),
        hs256(await exportSPKI(createPublicKey({ key: published, format: 'jwk' }))),
        hs256(JSON.stringify(header.jwk)),
        await proof(key, 'POST', urlOf('token'), {}, { jwk: undefined, kid: '../../x' }),
        await proof(key, 'POST', urlOf('token'), {}, { jwk: { kty: 'oct', k: 'AAAA' } }),
        await proof(key, 'POST', urlOf('token'), {}, { jwk: stranger.jwk }),
        await proof(key, 'POST', urlOf('token'), {}, { jwk: { ...header.jwk, d: header.jwk.x } }),
        'x',
        'a.b.c',
        `${good}, ${good}`,
      ];
      for (const dpop of bad) refused(await service(dpop));
      expect((await service(good)).status).to.equal(200);
    });
  });

  describe('OA-35 the access token', () => {
    it('OA-35 needs a proof by its own key, for itself', async () => {
      const { tokens } = await bound();
      const [other, url] = [await newKey(), urlOf('me')];
      const token = tokens.access_token;
      const attempts: [string | undefined, string?][] = [
        [undefined],
        [undefined, 'Bearer'],
        [await proof(key, 'GET', url, { accessToken: token }), 'Bearer'],
        [await proof(other, 'GET', url, { accessToken: token })],
        [await proof(key, 'GET', url)],
        [await proof(key, 'GET', url, { accessToken: 'another' })],
        [await proof(key, 'POST', url, { accessToken: token })],
        [await proof(key, 'GET', urlOf('token'), { accessToken: token })],
      ];
      for (const [dpop, scheme] of attempts) {
        const reply = await userinfo(token, dpop, scheme);
        expect(reply.status, reply.body).to.be.oneOf([400, 401]);
        expect(jsonOf(reply).sub).to.equal(undefined);
      }
      const dpop = await proof(key, 'GET', url, { accessToken: token });
      expect((await userinfo(token, dpop)).status).to.equal(200);
      const again = await userinfo(token, dpop);
      expect([again.status, jsonOf(again).error]).to.deep.equal([401, 'invalid_token']);
      expect(again.headers['www-authenticate']).to.match(/^DPoP /);
    });

    it('OA-35 without a key is not dressed up with a proof', async () => {
      const { tokens } = await loginWithTokens(harness);
      const dpop = await proof(key, 'GET', urlOf('me'), { accessToken: tokens.access_token });
      expect((await userinfo(tokens.access_token, dpop)).status).to.equal(401);
      expect(await isAlive(harness.rp(), tokens.access_token)).to.equal(true);
    });

    it('OA-35 a client that has to bind its tokens gets none without a proof, and its code is not burnt', async () => {
      let hasProof = false;
      const sender: Sender = async (request) => (hasProof ? withProof(key)(request) : {});
      const { rp, callback } = await login(harness, { client: 'bound', rp: { sender } });
      refused(await rp.redeem(callback), 'invalid_grant', 'invalid_dpop_proof');
      hasProof = true;
      expect((await rp.redeem(callback)).json.token_type).to.equal('DPoP');
    });

    it('MT-01 a bound token of one app is nothing to another', async () => {
      const { tokens } = await bound('token');
      const dpop = await proof(key, 'GET', urlOf('me'), { accessToken: tokens.access_token });
      expect((await userinfo(tokens.access_token, dpop)).status).to.equal(401);
    });
  });

  describe('OA-35 the refresh token of a public client', () => {
    const refresh = async (found: TokenLogin, dpop: string | undefined): Promise<TokenAnswer> => {
      const sender = dpop === undefined ? undefined : async () => ({ headers: { dpop } });
      const rp = harness.rp('shop', 'web', { sender });
      return refreshWith(rp, found.tokens.refresh_token);
    };

    it('OA-35 is refused with another key or none, and burns nothing', async () => {
      const found = await bound('shop', 'web');
      const other = await newKey();
      refused(await refresh(found, undefined), 'invalid_grant');
      refused(await refresh(found, await proof(other, 'POST', urlOf('token'))), 'invalid_grant');
      const done = await refresh(found, await proof(key, 'POST', urlOf('token')));
      expect(done.status, JSON.stringify(done.json)).to.equal(200);
      // The successor is bound to the same key.
      const next = { ...found, tokens: { ...found.tokens, refresh_token: String(done.json.refresh_token) } };
      refused(await refresh(next, await proof(other, 'POST', urlOf('token'))), 'invalid_grant');
      expect((await refresh(next, await proof(key, 'POST', urlOf('token')))).status).to.equal(200);
    });

    it('OA-22, OA-35 a retry with the same proof is refused and burns nothing, with a fresh one it gets the same successor', async () => {
      const found = await bound('shop', 'web');
      const dpop = await proof(key, 'POST', urlOf('token'));
      const first = await refresh(found, dpop);
      expect(first.status).to.equal(200);
      refused(await refresh(found, dpop), 'invalid_grant');
      const retry = await refresh(found, await proof(key, 'POST', urlOf('token')));
      expect(retry.status, JSON.stringify(retry.json)).to.equal(200);
      expect(retry.json.refresh_token).to.equal(first.json.refresh_token);
      expect(retry.json.token_type).to.equal('DPoP');
    });
  });

  describe('nonces', () => {
    const nonced = async (nonce: unknown, slug = 'demanding', on: object = {}) =>
      service(await proof(key, 'POST', urlOf('token', slug), { nonce }), slug, on);

    it('OA-35 where they are required a proof without one is told the one to use', async () => {
      const answer = await nonced(undefined);
      refused(answer, 'use_dpop_nonce');
      const nonce = answer.headers['dpop-nonce'];
      expect(nonce).to.match(/^[\w-]{20,}$/);
      expect((await nonced(nonce)).status).to.equal(200);
    });

    it('OA-35 one that a server gave out is taken by another, and by no other app', async () => {
      const nonce = (await nonced(undefined)).headers['dpop-nonce'];
      expect((await nonced(nonce, 'demanding', { route: twin.route })).status).to.equal(200);
      refused(await nonced(nonce, 'shop'), 'use_dpop_nonce');
    });

    it('OA-35 an old one is refused', async () => {
      const nonce = (await nonced(undefined)).headers['dpop-nonce'];
      passTime(harness, 6 * MINUTE);
      refused(await nonced(nonce), 'use_dpop_nonce');
    });

    it('OA-35 where they are optional one is offered and none is needed; where they are off there are none', async () => {
      const offered = await nonced(undefined, 'shop');
      expect([offered.status, typeof offered.headers['dpop-nonce']]).to.deep.equal([200, 'string']);
      const off = await nonced(undefined, 'plain');
      expect([off.status, off.headers['dpop-nonce']]).to.deep.equal([200, undefined]);
    });
  });

  it('OA-35 a code that was bound at the pushed request is redeemed with that key alone', async () => {
    const { browser } = await login(harness);
    const rp = harness.rp('shop', 'web', { sender: withProof(key) });
    const callback = callbackOf(await browser.visit(await rp.pushedUrl()));
    const stolen = await harness.rp('shop', 'web', { sender: withProof(await newKey()) }).tokenRequest({
      grant_type: 'authorization_code',
      code: new URL(callback).searchParams.get('code') ?? '',
      redirect_uri: rp.options.redirectUri,
      code_verifier: 'v'.repeat(43),
    });
    refused(stolen, 'invalid_grant');
    expect((await rp.redeem(callback)).json.token_type).to.equal('DPoP');
  });

  it('OA-35, OA-45 discovery names its algorithms, none of them symmetric', async () => {
    const { dpop_signing_alg_values_supported: algs } = jsonOf(
      await get(urlOf('.well-known/openid-configuration')),
    );
    expect(algs).to.include('ES256').and.not.include('none').and.not.include('HS256');
    const preflight = await send('OPTIONS', urlOf('token'), {
      origin: 'https://app.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'dpop',
    });
    expect(preflight.headers['access-control-allow-credentials']).to.equal(undefined);
  });
});
