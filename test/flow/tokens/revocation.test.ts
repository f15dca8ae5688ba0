/** Giving a token back (RFC 7009): who may, what dies with it, and that nothing is told to anybody else. */
import { expect } from 'chai';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import {
  again,
  auditHas,
  auditOf,
  isAlive,
  loginWithTokens,
  refreshWith,
  tokensFor,
} from '../../support/logins.ts';
import type { RelyingParty, TokenAnswer } from '../../support/relying-party.ts';
import { ORDERS, SHOP, withSecret } from './shop.ts';

const accepted = (answer: TokenAnswer): void =>
  expect(answer.status, JSON.stringify(answer.json)).to.equal(200) as never;
const isDead = async (rp: RelyingParty, refreshToken: string): Promise<boolean> =>
  (await refreshWith(rp, refreshToken)).json.error === 'invalid_grant';

describe('revocation', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern({ apps: { shop: SHOP, studio: APPS.studio } });
  });
  after(() => harness.close());

  it('OA-27 a refresh token: its family dies, access tokens and successors too', async () => {
    const { rp, tokens } = await loginWithTokens(harness);
    const second = await refreshWith(rp, tokens.refresh_token);
    accepted(await rp.revoke(String(second.json.refresh_token)));
    expect(await isDead(rp, String(second.json.refresh_token))).to.equal(true);
    expect(await isDead(rp, tokens.refresh_token)).to.equal(true);
    for (const token of [tokens.access_token, String(second.json.access_token)]) {
      expect(await isAlive(rp, token)).to.equal(false);
    }
    const told = (await auditOf(harness)).filter(({ userId }) => userId === tokens.claims?.sub);
    const revoked = told.filter(({ type }) => type === 'grant.revoked');
    expect(revoked).to.have.length(1);
    expect(revoked[0]).to.deep.include({ reason: 'client', clientId: 'web' });
  });

  it('OA-27 a spent refresh token ends the family as well, with and without a hint', async () => {
    for (const hint of [undefined, 'refresh_token', 'access_token'] as const) {
      const { rp, tokens } = await loginWithTokens(harness);
      const second = await refreshWith(rp, tokens.refresh_token);
      accepted(await rp.revoke(tokens.refresh_token, hint));
      expect(await isDead(rp, String(second.json.refresh_token)), hint).to.equal(true);
    }
  });

  it('OA-27 an access token: the family that it belongs to dies', async () => {
    const { rp, tokens } = await loginWithTokens(harness);
    accepted(await rp.revoke(tokens.access_token, 'access_token'));
    expect(await isAlive(rp, tokens.access_token)).to.equal(false);
    expect(await isDead(rp, tokens.refresh_token)).to.equal(true);
  });

  it('OA-27 another login of the same session goes on', async () => {
    const first = await loginWithTokens(harness);
    const second = await tokensFor(first.rp, await again(first.browser, first.rp));
    accepted(await first.rp.revoke(first.tokens.refresh_token));
    expect(await isAlive(first.rp, second.access_token)).to.equal(true);
    expect((await refreshWith(first.rp, second.refresh_token)).status).to.equal(200);
  });

  it('OA-27 the token of another client is not revoked, and the answer is that of an unknown one', async () => {
    const { rp, tokens } = await loginWithTokens(harness);
    const answers: TokenAnswer[] = [];
    for (const other of [harness.rp('shop', 'other'), harness.rp('shop', 'secretive', withSecret())]) {
      for (const token of [tokens.refresh_token, tokens.access_token, 'never-given-out']) {
        answers.push(await other.revoke(token));
      }
    }
    expect(new Set(answers.map(({ status, json }) => JSON.stringify({ status, json }))).size).to.equal(1);
    answers.forEach(accepted);
    expect(await isAlive(rp, tokens.access_token)).to.equal(true);
    expect((await refreshWith(rp, tokens.refresh_token)).status).to.equal(200);
  });

  it('MT-01, OA-27 another app knows nothing of it and revokes nothing', async () => {
    const { rp, tokens } = await loginWithTokens(harness);
    accepted(await harness.rp('studio').revoke(tokens.refresh_token));
    accepted(await harness.rp('studio').revoke(tokens.access_token));
    expect((await refreshWith(rp, tokens.refresh_token)).status).to.equal(200);
  });

  it('OA-18 a client with a secret has to show it', async () => {
    const client = { client: 'secretive', rp: withSecret() };
    const { rp, tokens } = await loginWithTokens(harness, client);
    for (const clientSecret of [undefined, 'a-wrong-secret-of-the-same-length-123456789']) {
      const stranger = harness.rp('shop', 'secretive', clientSecret === undefined ? {} : { clientSecret });
      expect((await stranger.revoke(tokens.refresh_token)).json.error).to.equal('invalid_client');
    }
    expect((await refreshWith(rp, tokens.refresh_token)).status).to.equal(200);
  });

  it('OA-27 a JWT cannot be called back, and that is said; its family can give no more of them', async () => {
    const { rp, tokens } = await loginWithTokens(harness, {
      rp: { scope: 'openid orders:read' },
      params: { resource: ORDERS },
    });
    const refused = await rp.revoke(tokens.access_token);
    expect([refused.status, refused.json.error]).to.deep.equal([400, 'unsupported_token_type']);
    accepted(await rp.revoke(tokens.refresh_token));
    expect(await isDead(rp, tokens.refresh_token)).to.equal(true);
  });

  it('twice is once: the second changes nothing, and is told like the first', async () => {
    const { rp, tokens } = await loginWithTokens(harness);
    accepted(await rp.revoke(tokens.refresh_token));
    accepted(await rp.revoke(tokens.refresh_token));
    expect(await auditHas(harness, 'grant.revoked')).to.equal(true);
    const told = (await auditOf(harness)).filter(
      ({ userId, type }) => userId === tokens.claims?.sub && type === 'grant.revoked',
    );
    expect(told).to.have.length(1);
  });
});
