/** What a client may have of refresh tokens: when it gets one, and whether it rotates (design §4). */
import { expect } from 'chai';
import { DAY, HOUR, MINUTE } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, callbackOf, type Harness, signInByCode, startPostern } from '../../support/harness.ts';
import { isAlive, login, loginWithTokens, newAddress, refreshWith, tokensFor } from '../../support/logins.ts';
import { Browser, formsOf, type RelyingParty, type TokenAnswer } from '../../support/relying-party.ts';
import { startTwin, type Twin } from '../../support/twin.ts';
import { SHOP, withSecret } from './shop.ts';

const GRACE = 30_000;
const steadyLogin = { client: 'steady', rp: withSecret('openid email') };

const isRefused = ({ status, json }: TokenAnswer): void =>
  expect([status, json.error]).to.deep.equal([400, 'invalid_grant']) as never;
const served = ({ status, json }: TokenAnswer): string => {
  expect(status, JSON.stringify(json)).to.equal(200);
  return String(json.refresh_token);
};

describe('refresh token policies', () => {
  let harness: Harness;
  before(async () => {
    const lifetimes = { refresh_token_idle: '7d', refresh_token_absolute: '30d' };
    harness = await startPostern({ apps: { shop: { ...SHOP, lifetimes }, studio: APPS.studio } });
  });
  after(() => harness.close());
  afterEach(restoreTime);

  describe('offline_access only', () => {
    it('gives none to an ordinary sign-in', async () => {
      const { rp, callback } = await login(harness, { client: 'sparing' });
      const tokens = await rp.exchange(callback);
      expect(tokens).not.to.have.property('refresh_token');
    });

    it('OA-25 gives one when the person agreed to it, and that one outlives the session', async () => {
      const rp = harness.rp('shop', 'sparing', { scope: 'openid offline_access' });
      const browser = new Browser({ now: harness.clock.now });
      const page = await signInByCode(harness, browser, rp, newAddress(), { prompt: 'consent' });
      const form = formsOf(page).find(({ action }) => action.endsWith('/consent'));
      if (!form) throw new Error('no consent asked');
      const tokens = await tokensFor(rp, callbackOf(await browser.submit(form)));
      expect(tokens.scope?.split(' ')).to.include('offline_access');
      served(await refreshWith(rp, tokens.refresh_token));
    });
  });

  describe('without rotation', () => {
    it('the same token serves again and again, and each access token works', async () => {
      const { rp, tokens } = await loginWithTokens(harness, steadyLogin);
      for (let turn = 0; turn < 3; turn++) {
        const answer = await refreshWith(rp, tokens.refresh_token);
        expect(served(answer)).to.equal(tokens.refresh_token);
        expect(await isAlive(rp, String(answer.json.access_token))).to.equal(true);
      }
    });

    it('OA-25 in the hands of another client it is nothing', async () => {
      const { rp, tokens } = await loginWithTokens(harness, steadyLogin);
      isRefused(await refreshWith(harness.rp('shop', 'other'), tokens.refresh_token));
      served(await refreshWith(rp, tokens.refresh_token));
    });

    it('OA-24 each use begins its idle life anew, up to the absolute end', async () => {
      const { rp, tokens } = await loginWithTokens(harness, steadyLogin);
      for (let day = 6; day < 30; day += 6) {
        passTime(harness, 6 * DAY);
        served(await refreshWith(rp, tokens.refresh_token));
      }
      passTime(harness, 6 * DAY - MINUTE);
      served(await refreshWith(rp, tokens.refresh_token));
      passTime(harness, 2 * MINUTE);
      isRefused(await refreshWith(rp, tokens.refresh_token));
    });

    it('OA-24 unused for the idle time it is dead', async () => {
      const { rp, tokens } = await loginWithTokens(harness, steadyLogin);
      passTime(harness, 7 * DAY + MINUTE);
      isRefused(await refreshWith(rp, tokens.refresh_token));
    });

    it('OA-27 revoked is revoked', async () => {
      const { rp, tokens } = await loginWithTokens(harness, steadyLogin);
      served(await refreshWith(rp, tokens.refresh_token));
      await rp.revoke(tokens.refresh_token);
      isRefused(await refreshWith(rp, tokens.refresh_token));
    });
  });

  describe('switched while families live', () => {
    let twin: Twin;
    /** The client `turning` as the first server has it (rotating) and as the second has it (not). */
    let rotating: RelyingParty;
    let steady: RelyingParty;
    before(async () => {
      const { shop, ...others } = harness.config.apps;
      const turning = shop?.clients.turning;
      if (!shop || !turning) throw new Error('no such client');
      const clients = { ...shop.clients, turning: { ...turning, refresh_token_rotation: false } };
      twin = await startTwin(harness, { apps: { shop: { ...shop, clients }, ...others } });
      rotating = harness.rp('shop', 'turning', withSecret());
      steady = twin.rp('shop', 'turning', withSecret());
    });
    after(() => twin.close());
    const family = async (): Promise<string> =>
      (await loginWithTokens(harness, { client: 'turning', rp: withSecret() })).tokens.refresh_token;

    it('OA-20 to no rotation: a token that was spent before stays spent', async () => {
      const first = await family();
      const second = served(await refreshWith(rotating, first));
      passTime(harness, GRACE + 1000);
      isRefused(await refreshWith(steady, first));
      isRefused(await refreshWith(steady, second));
    });

    it('OA-22 to no rotation: a lost reply is served with the same successor, until that one was used', async () => {
      const first = await family();
      const second = served(await refreshWith(rotating, first));
      expect(served(await refreshWith(steady, first))).to.equal(second);
      expect(served(await refreshWith(steady, second))).to.equal(second);
      isRefused(await refreshWith(steady, first));
      isRefused(await refreshWith(steady, second));
    });

    it('OA-20 back to rotation: the token in use rotates, and is then spent everywhere', async () => {
      const first = await family();
      expect(served(await refreshWith(steady, first))).to.equal(first);
      const second = served(await refreshWith(rotating, first));
      expect(second).not.to.equal(first);
      passTime(harness, HOUR);
      isRefused(await refreshWith(steady, first));
      isRefused(await refreshWith(rotating, second));
    });

    it('OA-21 both policies at once, 40 uses over two processes: never two live branches', async () => {
      const first = await family();
      await steady.metadata();
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, index) => refreshWith(index % 2 ? rotating : steady, first)),
      );
      const given = new Set(answers.map(served));
      given.delete(first);
      expect(given.size).to.be.at.most(1);
    });
  });
});
