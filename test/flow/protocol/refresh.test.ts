/** Refresh tokens: single use with a derived successor, families, lifetimes, and who may use one (design §4). */
import { expect } from 'chai';
import type { UserRow } from '../../../src/accounts/accounts.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/port.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import {
  again,
  auditHas,
  auditOf,
  isAlive,
  login,
  loginWithTokens,
  refreshWith,
  tokensFor,
} from '../../support/logins.ts';
import type { TokenAnswer } from '../../support/relying-party.ts';
import { startRestartable } from '../../support/restart.ts';
import { startTwin, type Twin } from '../../support/twin.ts';

const RACE = 50;
const GRACE = 30 * SECOND;
const strictApp = { ...APPS.studio, lifetimes: { refresh_token_grace: '0s' } };

const isRefused = (answer: TokenAnswer): void => {
  expect(answer.json.error, JSON.stringify(answer.json)).to.equal('invalid_grant');
  expect(answer.status).to.equal(400);
};
const successorOf = (answer: TokenAnswer): string => {
  expect(answer.status, JSON.stringify(answer.json)).to.equal(200);
  return String(answer.json.refresh_token);
};

describe('refresh tokens', () => {
  let harness: Harness;
  let twin: Twin;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      other: publicClient(),
      fixed: publicClient({ grant_types: ['authorization_code'] }),
    };
    const lifetimes = { refresh_token_idle: '14d', refresh_token_absolute: '30d' };
    harness = await startPostern({
      apps: { shop: { ...APPS.shop, clients, lifetimes }, studio: APPS.studio, strict: strictApp },
    });
    twin = await startTwin(harness);
  });
  after(async () => {
    await twin.close();
    await harness.close();
  });
  afterEach(restoreTime);

  describe('rotation', () => {
    it('OA-20 after the grace window the old token ends the family: successor, access tokens and all', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      const second = await refreshWith(rp, tokens.refresh_token);
      const successor = successorOf(second);
      passTime(harness, GRACE + SECOND);
      isRefused(await refreshWith(rp, tokens.refresh_token));

      isRefused(await refreshWith(rp, successor));
      expect(await isAlive(rp, tokens.access_token)).to.equal(false);
      expect(await isAlive(rp, String(second.json.access_token))).to.equal(false);
      expect(await auditHas(harness, 'token.refresh_reuse_detected')).to.equal(true);
    });

    it('OA-20 every refresh gives another token, and the newest of a long chain works', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      const chain = [tokens.refresh_token];
      for (let turn = 0; turn < 10; turn++)
        chain.push(successorOf(await refreshWith(rp, chain.at(-1) ?? '')));
      expect(new Set(chain).size).to.equal(chain.length);
    });

    it('OA-22 a lost reply: the same token again gives the same successor', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      const successor = successorOf(await refreshWith(rp, tokens.refresh_token));
      passTime(harness, 10 * SECOND);
      expect(successorOf(await refreshWith(rp, tokens.refresh_token))).to.equal(successor);
      expect(successorOf(await refreshWith(twin.rp(), tokens.refresh_token))).to.equal(successor);
      expect(await auditHas(harness, 'token.refresh_replayed')).to.equal(true);
      expect(successorOf(await refreshWith(rp, successor))).not.to.equal(successor);
    });

    it('OA-22 once the successor was used, the old token is reuse at once', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      const second = successorOf(await refreshWith(rp, tokens.refresh_token));
      const third = successorOf(await refreshWith(rp, second));
      isRefused(await refreshWith(rp, tokens.refresh_token));
      isRefused(await refreshWith(rp, third));
      isRefused(await refreshWith(rp, second));
    });

    it('OA-22 the window begins with the first use and is not renewed by a retry', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      successorOf(await refreshWith(rp, tokens.refresh_token));
      passTime(harness, GRACE - SECOND);
      successorOf(await refreshWith(rp, tokens.refresh_token));
      passTime(harness, 2 * SECOND);
      isRefused(await refreshWith(rp, tokens.refresh_token));
    });

    it(`OA-21 ${RACE} concurrent refreshes on two servers: all answers carry one successor`, async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      const other = twin.rp();
      await other.metadata();
      const answers = await Promise.all(
        Array.from({ length: RACE }, (_, index) => refreshWith(index % 2 ? rp : other, tokens.refresh_token)),
      );
      const successors = new Set(answers.map(successorOf));
      expect(successors.size).to.equal(1);
      const [successor = ''] = successors;
      successorOf(await refreshWith(rp, successor));
    });

    it(`OA-21 ${RACE} concurrent refreshes on two servers without grace: exactly one is served`, async () => {
      const { rp, tokens } = await loginWithTokens(harness, { slug: 'strict' });
      const other = twin.rp('strict');
      await other.metadata();
      const answers = await Promise.all(
        Array.from({ length: RACE }, (_, index) => refreshWith(index % 2 ? rp : other, tokens.refresh_token)),
      );
      const served = answers.filter(({ status }) => status === 200);
      expect(served).to.have.length(1);
      for (const answer of answers.filter(({ status }) => status !== 200)) isRefused(answer);
      // The others were reuse: no branch is left alive.
      isRefused(await refreshWith(rp, String(served[0]?.json.refresh_token)));
    });

    it('OA-21 retries that race with the use of the successor never leave two live branches', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      const second = successorOf(await refreshWith(rp, tokens.refresh_token));
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => refreshWith(rp, index % 2 ? tokens.refresh_token : second)),
      );
      const given = new Set(answers.filter(({ status }) => status === 200).map(successorOf));
      given.delete(second);
      expect(given.size).to.be.lessThan(2);
    });
  });

  describe('families', () => {
    it('design §4: one Grant per login, so reuse in one leaves the other login of the same session alive', async () => {
      const first = await loginWithTokens(harness);
      const second = await tokensFor(first.rp, await again(first.browser, first.rp));
      const successor = successorOf(await refreshWith(first.rp, first.tokens.refresh_token));
      passTime(harness, GRACE + SECOND);
      isRefused(await refreshWith(first.rp, first.tokens.refresh_token));
      isRefused(await refreshWith(first.rp, successor));

      expect(await isAlive(first.rp, second.access_token)).to.equal(true);
      successorOf(await refreshWith(first.rp, second.refresh_token));
    });

    it('OA-20 the reuse is told once, with user, client and grant', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      const second = successorOf(await refreshWith(rp, tokens.refresh_token));
      passTime(harness, GRACE + SECOND);
      for (let turn = 0; turn < 3; turn++) isRefused(await refreshWith(rp, tokens.refresh_token));
      isRefused(await refreshWith(rp, second));
      await auditHas(harness, 'token.refresh_reuse_detected');
      const told = (await auditOf(harness)).filter(
        ({ type, userId }) => type === 'token.refresh_reuse_detected' && userId === tokens.claims?.sub,
      );
      expect(told).to.have.length(1);
      expect(told[0]?.clientId).to.equal('web');
    });
  });

  describe('lifetimes', () => {
    it('OA-24 rotating daily keeps a family alive to its absolute end and not beyond', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      let current = tokens.refresh_token;
      for (let day = 1; day < 30; day++) {
        passTime(harness, DAY);
        current = successorOf(await refreshWith(rp, current));
      }
      passTime(harness, DAY - MINUTE);
      current = successorOf(await refreshWith(rp, current));
      passTime(harness, 2 * MINUTE);
      isRefused(await refreshWith(rp, current));
    });

    it('OA-24 a token that lies unused for the idle time is dead, one minute earlier it is not', async () => {
      const used = await loginWithTokens(harness);
      const unused = await loginWithTokens(harness);
      passTime(harness, 14 * DAY - MINUTE);
      successorOf(await refreshWith(used.rp, used.tokens.refresh_token));
      passTime(harness, 2 * MINUTE);
      isRefused(await refreshWith(unused.rp, unused.tokens.refresh_token));
    });

    it('access tokens end by themselves', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      passTime(harness, 9 * MINUTE);
      expect(await isAlive(rp, tokens.access_token)).to.equal(true);
      passTime(harness, 2 * MINUTE);
      expect(await isAlive(rp, tokens.access_token)).to.equal(false);
    });
  });

  describe('who may use one', () => {
    it('OA-25 another client gets nothing and burns nothing', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      for (let turn = 0; turn < 3; turn++) {
        isRefused(await refreshWith(harness.rp('shop', 'other'), tokens.refresh_token));
      }
      const successor = successorOf(await refreshWith(rp, tokens.refresh_token));
      isRefused(await refreshWith(harness.rp('shop', 'other'), tokens.refresh_token));
      successorOf(await refreshWith(rp, successor));
    });

    it('OA-25 a spent token in the hands of another client does not end the family', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      const successor = successorOf(await refreshWith(rp, tokens.refresh_token));
      passTime(harness, GRACE + SECOND);
      isRefused(await refreshWith(harness.rp('shop', 'other'), tokens.refresh_token));
      successorOf(await refreshWith(rp, successor));
    });

    it('MT-01 another app knows nothing of it and burns nothing', async () => {
      const { rp, tokens } = await loginWithTokens(harness);
      isRefused(await refreshWith(harness.rp('studio'), tokens.refresh_token));
      successorOf(await refreshWith(rp, tokens.refresh_token));
    });

    it('OA-25 scope cannot grow, and may shrink', async () => {
      const { rp, tokens } = await loginWithTokens(harness, { rp: { scope: 'openid' } });
      const more = await refreshWith(rp, tokens.refresh_token, { scope: 'openid email' });
      expect(more.status).to.equal(400);
      expect(more.json.error).to.equal('invalid_scope');
      const next = await refreshWith(rp, tokens.refresh_token, { scope: 'openid' });
      expect(next.json.scope).to.equal('openid');
      successorOf(next);
    });

    it('OA-15 a client without the grant type gets no refresh token and may not use one', async () => {
      const { tokens } = await loginWithTokens(harness);
      const fixed = await login(harness, { client: 'fixed' });
      const given = await fixed.rp.exchange(fixed.callback);
      expect(given.refresh_token).to.equal(undefined);
      const answer = await refreshWith(fixed.rp, tokens.refresh_token);
      expect(answer.status).to.equal(400);
      expect(answer.json).not.to.have.property('access_token');
    });

    it('OA-07 the code has no second life as a refresh token, nor the access token', async () => {
      const { rp, tokens, callback } = await loginWithTokens(harness);
      isRefused(await refreshWith(rp, tokens.access_token));
      isRefused(await refreshWith(rp, new URL(callback).searchParams.get('code') ?? ''));
      expect(await isAlive(rp, tokens.refresh_token)).to.equal(false);
    });
  });

  describe('after something happened to the user or the client', () => {
    let store: Store;
    before(async () => {
      store = openStore(harness.config.storeUrl, { log: silentLog });
      await store.prepare();
    });
    after(() => store.close());

    it('OA-26 a blocked user is refused: refresh, userinfo and code', async () => {
      const { rp, browser, tokens } = await loginWithTokens(harness);
      const callback = await again(browser, rp);
      const app = harness.server.apps.bySlug('shop');
      if (!app) throw new Error('no shop');
      const now = harness.clock.now();
      const user = await store.records.find<UserRow>(app.id, 'user', String(tokens.claims?.sub), now);
      if (!user) throw new Error('no user');
      const blocked: UserRow = { ...user.data, status: 'blocked' };
      await store.records.replace(app.id, 'user', { ...user, data: blocked }, now);

      isRefused(await refreshWith(rp, tokens.refresh_token));
      expect(await isAlive(rp, tokens.access_token)).to.equal(false);
      isRefused(await rp.redeem(callback));
      const silent = await browser.visit(await rp.authorizationUrl({ prompt: 'none' }));
      expect(new URL(silent.next ?? '').searchParams.get('error')).to.equal('login_required');
    });

    it('OA-26, OA-42 a user who was deleted is refused, and comes back as somebody else', async () => {
      const { rp, address, tokens } = await loginWithTokens(harness);
      const app = harness.server.apps.bySlug('shop');
      if (!app) throw new Error('no shop');
      await store.records.remove(app.id, 'user', String(tokens.claims?.sub));

      isRefused(await refreshWith(rp, tokens.refresh_token));
      expect(await isAlive(rp, tokens.access_token)).to.equal(false);
      const anew = await loginWithTokens(harness, { address });
      expect(anew.tokens.claims?.sub).not.to.equal(tokens.claims?.sub);
      isRefused(await refreshWith(rp, tokens.refresh_token));
    });
  });

  it('OA-26 after the client is gone from the configuration its tokens are worth nothing', async () => {
    const before = await startPostern();
    const { tokens, rp } = await loginWithTokens(before);
    const after = await startTwin(before, { apps: withoutClient(before.config.apps, 'web') });
    try {
      const late = after.rp();
      const refused = await refreshWith(late, tokens.refresh_token);
      expect(refused.status).to.equal(401);
      expect(refused.json.error).to.equal('invalid_client');
      expect(await isAlive(late, tokens.access_token)).to.equal(false);
      isRefused(await refreshWith(after.rp('shop', 'bare'), tokens.refresh_token));
      expect(await isAlive(rp, tokens.access_token)).to.equal(true);
    } finally {
      await after.close();
      await before.close();
    }
  });

  it('OA-23 neither windows nor revocations are undone by a restart', async () => {
    const server = await startRestartable();
    try {
      const dead = await loginWithTokens(server.current);
      const spent = await loginWithTokens(server.current);
      const { rp } = dead;
      const successor = successorOf(await refreshWith(rp, dead.tokens.refresh_token));
      successorOf(await refreshWith(rp, successor));
      isRefused(await refreshWith(rp, dead.tokens.refresh_token));
      const spentSuccessor = successorOf(await refreshWith(rp, spent.tokens.refresh_token));

      await server.restart();
      for (const token of [dead.tokens.refresh_token, successor]) isRefused(await refreshWith(rp, token));
      expect(await isAlive(rp, dead.tokens.access_token)).to.equal(false);
      expect(successorOf(await refreshWith(rp, spent.tokens.refresh_token))).to.equal(spentSuccessor);
      passTime(server.current, HOUR);
      isRefused(await refreshWith(rp, spent.tokens.refresh_token));
      await server.restart();
      isRefused(await refreshWith(rp, spentSuccessor));
    } finally {
      await server.close();
    }
  });
});

function withoutClient(apps: Harness['config']['apps'], clientId: string): Harness['config']['apps'] {
  return Object.fromEntries(
    Object.entries(apps).map(([slug, settings]) => {
      const { [clientId]: _, ...clients } = settings.clients;
      return [slug, { ...settings, clients }];
    }),
  );
}
