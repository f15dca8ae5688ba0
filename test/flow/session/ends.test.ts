/** What a sign-out ends, as the app says, and what an authorization leaves that overlaps with a withdrawal. */
import { expect } from 'chai';
import { APPS, callbackOf, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { intercepted } from '../../support/intercepted-store.ts';
import {
  auditOf,
  isAlive,
  login,
  loginWithTokens,
  refreshWith,
  type TokenLogin,
  tokensFor,
} from '../../support/logins.ts';
import { formWith } from '../../support/relying-party.ts';
import { formTo } from '../../support/sign-in.ts';

const clients = { web: publicClient() };

describe('sign_out: ends', () => {
  let harness: Harness;
  before(async () => {
    const app = (ends: string) => ({ name: ends, sign_out: { ends }, clients });
    harness = await startPostern({
      apps: { online: app('online'), all: app('all'), session: app('session'), shop: APPS.shop },
    });
  });
  after(() => harness.close());

  const leave = async (person: TokenLogin) => {
    const page = await person.browser.visit(await person.rp.logoutUrl());
    await person.browser.submit(formWith(page, 'logout'), { logout: 'yes' });
  };
  const stillWorks = async ({ rp, tokens }: TokenLogin): Promise<boolean> => {
    const isThere = await isAlive(rp, tokens.access_token);
    expect((await refreshWith(rp, tokens.refresh_token)).status === 200).to.equal(isThere);
    return isThere;
  };

  for (const [slug, online, offline] of [
    ['online', false, true],
    ['all', false, false],
    ['session', true, true],
  ] as const) {
    it(`${slug}: a login ${online ? 'lives on' : 'ends'}, one with offline_access ${offline ? 'lives on' : 'ends'}`, async () => {
      const person = await loginWithTokens(harness, { slug });
      const rp = harness.rp(slug, 'web', { scope: 'openid offline_access' });
      const asked = await person.browser.visit(await rp.authorizationUrl({ prompt: 'consent' }));
      const tokens = await tokensFor(rp, callbackOf(await person.browser.submit(formTo(asked, 'consent'))));
      await leave(person);
      expect(await stillWorks(person)).to.equal(online);
      expect(await stillWorks({ ...person, rp, tokens })).to.equal(offline);
      const silent = await person.browser.visit(await person.rp.authorizationUrl({ prompt: 'none' }));
      expect(new URL(callbackOf(silent)).searchParams.get('error')).to.equal('login_required');
      const events = (await auditOf(harness, slug)).filter(({ type }) => type === 'sign_out');
      expect(events).to.have.length(1);
      expect(events[0]).to.include({ by: 'user', userId: person.tokens.claims?.sub });
    });
  }
});

describe('consent withdrawn in the middle of an authorization', () => {
  it('OA-26 the Grant that is stored after everything was ended gives no tokens', async () => {
    let hold: Promise<void> | undefined;
    let reached: () => void = () => undefined;
    const harness = await startPostern({
      wrapStore: (store) =>
        intercepted(store, (_room, method, [, kind]) => {
          if (method !== 'upsert' || kind !== 'Grant' || !hold) return undefined;
          reached();
          return hold;
        }),
    });
    try {
      const { browser } = await login(harness);
      const rp = harness.rp('shop', 'partner');
      const page = await browser.visit(await rp.authorizationUrl());
      const first = await tokensFor(rp, callbackOf(await browser.submit(formTo(page, 'consent'))));
      let release: () => void = () => undefined;
      hold = new Promise((resolve) => {
        release = resolve;
      });
      const isStoring = new Promise<void>((resolve) => {
        reached = resolve;
      });
      const under = browser.visit(await rp.authorizationUrl());
      await isStoring;
      const app = harness.server.apps.bySlug('shop');
      if (!app) throw new Error('no shop');
      const { withdrawn } = await harness.server.withdrawConsent(
        app,
        String(first.claims?.sub),
        'partner',
        'operator',
      );
      expect(withdrawn).to.equal(true);
      hold = undefined;
      release();
      const answer = await rp.redeem(callbackOf(await under));
      expect(answer.json.error).to.equal('invalid_grant');
    } finally {
      await harness.close();
    }
  });
});
