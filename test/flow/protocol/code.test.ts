/** What an authorization code may be used for, how often, by whom and for how long. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, CALLBACK, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { intercepted } from '../../support/intercepted-store.ts';
import { auditHas, isAlive, login, refreshWith } from '../../support/logins.ts';
import type { TokenAnswer } from '../../support/relying-party.ts';
import { startTwin, type Twin } from '../../support/twin.ts';

const RACE = 64;
const VERIFIER = 'v'.repeat(64);
const OWN_VERIFIER = { code_challenge: createHash('sha256').update(VERIFIER).digest('base64url') };

describe('authorization code', () => {
  let harness: Harness;
  let twin: Twin;
  before(async () => {
    const shop = { ...APPS.shop, clients: { ...APPS.shop.clients, other: publicClient() } };
    harness = await startPostern({ apps: { shop, studio: APPS.studio } });
    twin = await startTwin(harness);
  });
  after(async () => {
    await twin.close();
    await harness.close();
  });
  afterEach(restoreTime);

  const isRefused = (answer: TokenAnswer) => {
    expect(answer.json.error, JSON.stringify(answer.json)).to.equal('invalid_grant');
    expect(answer.status).to.equal(400);
  };

  /** The code of a callback presented by any client, with the verifier of `OWN_VERIFIER`. */
  const present = (callback: string, client: string, slug = 'shop'): Promise<TokenAnswer> =>
    harness.rp(slug, client).tokenRequest({
      grant_type: 'authorization_code',
      code: new URL(callback).searchParams.get('code') ?? '',
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
    });

  it('OA-07 a second use is refused and kills what the first one gave', async () => {
    const { rp, callback } = await login(harness);
    const first = await rp.redeem(callback);
    expect(first.status).to.equal(200);
    expect(await isAlive(rp, String(first.json.access_token))).to.equal(true);

    isRefused(await rp.redeem(callback));
    expect(await isAlive(rp, String(first.json.access_token))).to.equal(false);
    isRefused(await refreshWith(rp, String(first.json.refresh_token)));
    expect(await auditHas(harness, 'token.code_reuse_detected')).to.equal(true);
  });

  it(`OA-08 of ${RACE} concurrent exchanges on two servers exactly one is served, and its tokens die with the replay`, async () => {
    const { rp, callback } = await login(harness, { params: OWN_VERIFIER });
    const other = twin.rp();
    const body = {
      grant_type: 'authorization_code',
      code: new URL(callback).searchParams.get('code') ?? '',
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
    };
    await Promise.all([rp.metadata(), other.metadata()]);
    const answers = await Promise.all(
      Array.from({ length: RACE }, (_, index) => (index % 2 ? rp : other).tokenRequest(body)),
    );
    const served = answers.filter(({ status }) => status === 200);
    expect(served).to.have.length(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) isRefused(answer);

    const [winner] = served;
    expect(await isAlive(rp, String(winner?.json.access_token))).to.equal(false);
    isRefused(await refreshWith(rp, String(winner?.json.refresh_token)));
  });

  it('OA-08 a replay that overtakes the first exchange kills what that one then gives', async () => {
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const slow = await startPostern({
      wrapStore: (store) =>
        intercepted(store, (room, method, [, model]) => {
          if (room !== 'artifacts' || method !== 'insert' || model !== 'RefreshToken') return undefined;
          reached.resolve();
          return gate.promise;
        }),
    });
    try {
      const { rp, callback } = await login(slow);
      const first = rp.redeem(callback);
      await reached.promise;
      isRefused(await rp.redeem(callback));
      gate.resolve();
      const { json } = await first;
      expect(await isAlive(rp, String(json.access_token))).to.equal(false);
      isRefused(await refreshWith(rp, String(json.refresh_token)));
    } finally {
      gate.resolve();
      await slow.close();
    }
  });

  it('OA-06 a stolen code is worth nothing without its verifier, and trying burns nothing', async () => {
    const { rp, callback } = await login(harness);
    const thief = await login(harness);
    const code = new URL(callback).searchParams.get('code') ?? '';
    for (let turn = 0; turn < 5; turn++) isRefused(await thief.rp.redeem(thief.callback, { code }));
    expect((await rp.redeem(callback)).status).to.equal(200);
  });

  it('OA-06 another client presenting the code with the right verifier burns nothing', async () => {
    const { callback } = await login(harness, { params: OWN_VERIFIER });
    for (let turn = 0; turn < 5; turn++) isRefused(await present(callback, 'other'));
    expect((await present(callback, 'web')).status).to.equal(200);
  });

  for (const [client, isLive, passes] of [
    ['web', true, true],
    ['other', true, false],
    ['web', false, false],
    ['other', false, false],
  ] as const) {
    const who = client === 'web' ? 'the right' : 'a wrong';
    it(`OA-09 ${who} client, code ${isLive ? 'live' : 'expired'}: ${passes ? 'served' : 'refused'}`, async () => {
      const { callback } = await login(harness, { params: OWN_VERIFIER });
      if (!isLive) passTime(harness, 61 * SECOND);
      const answer = await present(callback, client);
      if (passes) expect(answer.status).to.equal(200);
      else isRefused(answer);
    });
  }

  it('OA-10 a code lives for less than 61 seconds, and for 55', async () => {
    const slow = await login(harness);
    const late = await login(harness);
    passTime(harness, 55 * SECOND);
    expect((await slow.rp.redeem(slow.callback)).status).to.equal(200);
    passTime(harness, 6 * SECOND);
    isRefused(await late.rp.redeem(late.callback));
  });

  it('OA-05 a request with a challenge is not redeemed without its verifier', async () => {
    const { rp, callback } = await login(harness);
    const code = new URL(callback).searchParams.get('code') ?? '';
    const answer = await rp.tokenRequest({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK });
    expect(answer.status).to.equal(400);
    expect(answer.json.error).to.equal('invalid_grant');
  });

  it('OA-01 the token request names the redirect URI of the authorization request', async () => {
    const { rp, callback } = await login(harness);
    isRefused(await rp.redeem(callback, { redirect_uri: `${CALLBACK}/` }));
    expect((await rp.redeem(callback)).status).to.equal(200);
  });

  for (const verifier of ['a'.repeat(42), 'a'.repeat(129), `${'a'.repeat(42)}!`]) {
    const isForeign = verifier.endsWith('!');
    it(`OA-04 a verifier of ${verifier.length} characters${isForeign ? ' with a foreign sign' : ''} is refused`, async () => {
      const code_challenge = createHash('sha256').update(verifier).digest('base64url');
      const { rp, callback } = await login(harness, { params: { code_challenge } });
      const answer = await rp.redeem(callback, { code_verifier: verifier });
      expect(answer.status).to.equal(400);
      expect(answer.json.error).to.equal('invalid_request');
    });
  }

  it('MT-01 the code is bound to its app: another app knows nothing of it', async () => {
    const { callback } = await login(harness, { params: OWN_VERIFIER });
    isRefused(await present(callback, 'web', 'studio'));
    expect((await present(callback, 'web')).status).to.equal(200);
  });
});
