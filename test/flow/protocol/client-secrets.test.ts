/** Secrets of clients: two at a time, each with an end of its own; and PKCE waived for those that have one. */
import { hash } from 'node:crypto';
import { expect } from 'chai';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, CALLBACK, callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import { again, login, newAddress } from '../../support/logins.ts';
import { Browser, type TokenAnswer } from '../../support/relying-party.ts';
import { basic, jsonOf, postForm } from '../../support/wire-forms.ts';

const OLD = 'the-old-random-secret-for-tests-0123456789';
const NEW = 'the-new-random-secret-for-tests-9876543210';
const DAY = 86_400_000;
const hashed = (secret: string): string => `sha256:${hash('sha256', secret, 'base64url')}`;

describe('client secrets', () => {
  let harness: Harness;
  let endsAt: number;
  before(async () => {
    endsAt = Date.now() + DAY;
    const service = { grant_types: ['client_credentials'] };
    const clients = {
      ...APPS.shop.clients,
      rotating: {
        ...service,
        client_secrets: [
          { client_secret: NEW },
          { client_secret_hash: hashed(OLD), expires_at: new Date(endsAt).toISOString() },
        ],
      },
      posting: {
        ...service,
        token_endpoint_auth_method: 'client_secret_post',
        client_secret: NEW,
        client_secrets: [{ client_secret_hash: hashed(OLD) }],
      },
      ended: {
        ...service,
        client_secrets: [{ client_secret: OLD, expires_at: '2020-01-01T00:00:00Z' }],
      },
      ancient: {
        redirect_uris: [CALLBACK],
        client_secret: OLD,
        require_pkce: false,
      },
    };
    harness = await startPostern({ apps: { shop: { ...APPS.shop, clients }, studio: APPS.studio } });
  });
  afterEach(restoreTime);
  after(() => harness.close());

  const ask = (client: string, clientSecret: string, more: object = {}): Promise<TokenAnswer> =>
    harness.rp('shop', client, { clientSecret, ...more }).tokenRequest({ grant_type: 'client_credentials' });
  const refused = ({ status, json }: TokenAnswer): void => {
    expect([status, json.error]).to.deep.equal([401, 'invalid_client']);
  };

  it('OA-48 both are taken while both live, and the old one ends by itself', async () => {
    expect((await ask('rotating', OLD)).status).to.equal(200);
    expect((await ask('rotating', NEW)).status).to.equal(200);
    passTime(harness, DAY + 1000);
    refused(await ask('rotating', OLD));
    expect((await ask('rotating', NEW)).status).to.equal(200);
  });

  it('OA-48 the listed one stands beside the single one, by client_secret_post too', async () => {
    const authMethod = 'client_secret_post';
    for (const secret of [OLD, NEW])
      expect((await ask('posting', secret, { authMethod })).status).to.equal(200);
    refused(await ask('posting', `${OLD}x`, { authMethod }));
  });

  it('OA-48 one whose every secret has ended is nobody', async () => refused(await ask('ended', OLD)));

  it('OA-18 what is kept of a secret, an empty one, or both in one are refused', async () => {
    for (const secret of [
      hashed(OLD),
      hashed(NEW),
      OLD + NEW,
      `${OLD} ${NEW}`,
      OLD.toUpperCase(),
      OLD.slice(0, -1),
    ]) {
      refused(await ask('rotating', secret));
    }
    const reply = await postForm(
      `${harness.url}/shop/token`,
      { grant_type: 'client_credentials' },
      { authorization: basic('rotating', '') },
    );
    expect(reply.status).to.be.oneOf([400, 401]);
    expect(jsonOf(reply)).to.not.have.property('access_token');
  });

  describe('PKCE waived for a client that predates it', () => {
    const BARE = { code_challenge: undefined, code_challenge_method: undefined };
    const redeem = async (callback: string, params: object): Promise<TokenAnswer> =>
      harness.rp('shop', 'ancient', { clientSecret: OLD }).tokenRequest({
        grant_type: 'authorization_code',
        code: new URL(callback).searchParams.get('code') ?? '',
        redirect_uri: CALLBACK,
        ...params,
      });
    const refusedGrant = ({ status, json }: TokenAnswer): void => {
      expect([status, json.error]).to.deep.equal([400, 'invalid_grant']);
    };

    it('OA-04 it signs people in without a challenge', async () => {
      const { callback } = await login(harness, {
        client: 'ancient',
        rp: { clientSecret: OLD },
        params: BARE,
      });
      const answer = await redeem(callback, {});
      expect(answer.status, JSON.stringify(answer.json)).to.equal(200);
    });

    it('OA-05 with a challenge in the request the verifier is needed', async () => {
      const { callback, rp } = await login(harness, { client: 'ancient', rp: { clientSecret: OLD } });
      refusedGrant(await redeem(callback, {}));
      refusedGrant(await redeem(callback, { code_verifier: 'v'.repeat(43) }));
      expect((await rp.redeem(callback)).status).to.equal(200);
    });

    it('OA-05 without a challenge in the request a verifier is refused, and the code is not burnt', async () => {
      const { callback } = await login(harness, {
        client: 'ancient',
        rp: { clientSecret: OLD },
        params: BARE,
      });
      refusedGrant(await redeem(callback, { code_verifier: 'v'.repeat(43) }));
      expect((await redeem(callback, {})).status).to.equal(200);
    });

    it('OA-04 a plain or malformed challenge is refused all the same', async () => {
      const rp = harness.rp('shop', 'ancient', { clientSecret: OLD });
      for (const params of [
        { code_challenge_method: 'plain' },
        { code_challenge_method: undefined },
        { code_challenge: undefined },
        { code_challenge: 'short' },
      ]) {
        const answer = await new Browser().visit(await rp.authorizationUrl(params));
        expect(new URL(callbackOf(answer)).searchParams.get('error')).to.equal('invalid_request');
      }
    });

    it('OA-04 it is waived for this client alone', async () => {
      const { browser } = await login(harness, { address: newAddress() });
      for (const client of ['web', 'secretive']) {
        const callback = new URL(await again(browser, harness.rp('shop', client), BARE));
        expect(callback.searchParams.get('error')).to.equal('invalid_request');
      }
    });
  });
});
