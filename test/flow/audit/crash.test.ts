/** AD-10: each security event stands exactly once, wherever between two writes the process is killed. */
import { expect } from 'chai';
import type { AuditEvent, AuditType } from '../../../src/audit/events.ts';
import { MINUTE, SECOND } from '../../../src/core/clock.ts';
import { asUserId } from '../../../src/core/ids.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { callbackOf, type Harness, mailParts, signInByCode, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { auditOf, loginWithTokens, newAddress, refreshWith, type TokenLogin } from '../../support/logins.ts';
import { MortalStore } from '../../support/mortal-store.ts';
import { Browser, formWith } from '../../support/relying-party.ts';
import { formTo } from '../../support/sign-in.ts';
import { startTwin, type Twin } from '../../support/twin.ts';

/** More than any flow here writes. */
const MOST_WRITES = 120;

describe('audit log, killed between two writes', () => {
  const mortal = new MortalStore();
  let harness: Harness;
  /** The process that stays alive. */
  let twin: Twin;
  let inspection: Inspection;
  beforeEach(async () => {
    harness = await startPostern({ wrapStore: mortal.wrap });
    await harness.server.warmUp();
    twin = await startTwin(harness);
    inspection = await Inspection.open(twin.harness);
  });
  afterEach(async () => {
    restoreTime();
    mortal.revive();
    await inspection.close();
    await twin.close();
    await harness.close();
  });

  /** The other process looks after what was left behind. */
  async function recover(): Promise<void> {
    mortal.revive();
    for (const ms of [11 * SECOND, 11 * MINUTE]) {
      passTime(harness, ms);
      await twin.harness.server.tick();
      // A worker may be half way through a mail that the other one left.
      for (const { server } of [harness, twin.harness]) await server.jobs.runDue();
      await twin.harness.server.tick();
    }
  }

  /** Either process may have sent it. */
  async function mailTo(address: string) {
    for (let look = 0; look < 10 && !mortal.isDead; look += 1) {
      await harness.server.jobs.runDue();
      const found = [...harness.mails(), ...twin.harness.mails()].find(({ mail }) => mail.to === address);
      if (found) return mailParts(found);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error('no mail');
  }

  async function signIn(browser: Browser, address: string): Promise<string> {
    return callbackOf(await signInByCode({ mailTo }, browser, harness.rp(), address));
  }

  /** Runs `flow`, killed after 0, 1, 2 … writes, until it comes to its end unharmed; `check` after each recovery. */
  async function killedEverywhere<Start>(
    prepare: () => Promise<Start>,
    flow: (start: Start) => Promise<void>,
    check: (start: Start, isWhole: boolean) => Promise<void>,
  ): Promise<number> {
    for (let writes = 0; writes < MOST_WRITES; writes += 1) {
      const start = await prepare();
      mortal.dieAfter(writes);
      // What a client sees of a killed server is an error of one kind or another.
      await flow(start).catch(() => undefined);
      const isWhole = !mortal.isDead;
      await recover();
      await check(start, isWhole);
      if (isWhole) return writes;
    }
    throw new Error('the flow never came to its end');
  }

  const countOf = (events: readonly AuditEvent[], type: AuditType) =>
    events.filter((event) => event.type === type).length;

  it('AD-10 sign-in: an event for every act that was done, one each, and none for what was not', async () => {
    const killed = await killedEverywhere(
      async () => ({ address: newAddress(), browser: new Browser({ now: harness.clock.now }) }),
      async ({ address, browser }) => {
        await signIn(browser, address);
      },
      async ({ address }, isWhole) => {
        const all = await auditOf(twin.harness);
        const [challenge, ...more] = (await inspection.challenges()).filter(
          ({ data }) => data.typed === address,
        );
        expect(more).to.deep.equal([]);
        const user = await inspection.userOf(address);
        const events = all.filter(
          ({ challengeId, userId }) =>
            (challenge && challengeId === challenge.id) || (user && userId === user.id),
        );
        const hasSession = user !== undefined && (await inspection.sessionsOf(user.id)) > 0;
        if (isWhole) expect(hasSession).to.equal(true);
        expect(countOf(events, 'challenge.begun')).to.equal(challenge ? 1 : 0);
        expect(countOf(events, 'challenge.mail_accepted')).to.equal(
          challenge?.data.mail === 'accepted' ? 1 : 0,
        );
        expect(countOf(events, 'challenge.proved')).to.equal(challenge?.data.spent ? 1 : 0);
        expect(countOf(events, 'user.created')).to.equal(user ? 1 : 0);
        expect(countOf(events, 'sign_in.succeeded'))
          .to.be.at.least(hasSession ? 1 : 0)
          .and.at.most(1);
      },
    );
    expect(killed).to.be.at.least(15);
  }).timeout(60_000);

  const ofUser = async (userId: string) =>
    (await auditOf(twin.harness)).filter((event) => event.userId === userId);

  it('AD-10 a refresh: told once if its tokens were given', async () => {
    await killedEverywhere(
      () => loginWithTokens(harness),
      async ({ rp, tokens }) => {
        const { status } = await refreshWith(rp, tokens.refresh_token);
        expect(status).to.equal(200);
      },
      async ({ tokens }, isWhole) => {
        const before = await ofUser(String(tokens.claims?.sub));
        expect(countOf(before, 'token.issued')).to.equal(1);
        expect(countOf(before, 'token.refreshed'))
          .to.be.at.least(isWhole ? 1 : 0)
          .and.at.most(1);
      },
    );
  }).timeout(60_000);

  it('AD-10 reuse of a refresh token: the family is dead if and only if one event says so', async () => {
    const killed = await killedEverywhere(
      async () => {
        const login = await loginWithTokens(harness);
        await refreshWith(login.rp, login.tokens.refresh_token);
        passTime(harness, MINUTE);
        return login;
      },
      async ({ rp, tokens }) => {
        await refreshWith(rp, tokens.refresh_token);
      },
      async ({ tokens }) => {
        const events = await ofUser(String(tokens.claims?.sub));
        const grants = await inspection.tombstones(String(tokens.claims?.sub));
        expect(countOf(events, 'token.refresh_reuse_detected')).to.equal(grants);
      },
    );
    expect(killed).to.be.at.least(3);
  }).timeout(60_000);

  for (const [name, act] of [
    ['revocation', (login: TokenLogin) => login.rp.revoke(login.tokens.refresh_token)],
    [
      'sign-out',
      async ({ browser, rp, tokens }: TokenLogin) => {
        const url = await rp.logoutUrl({ id_token_hint: tokens.id_token ?? '' });
        return browser.submit(formWith(await browser.visit(url), 'xsrf'));
      },
    ],
  ] as const) {
    it(`AD-10 ${name}: the family is dead if and only if one event says so`, async () => {
      const killed = await killedEverywhere(
        () => loginWithTokens(harness),
        async (login) => {
          await act(login);
        },
        async ({ tokens }, isWhole) => {
          const events = await ofUser(String(tokens.claims?.sub));
          const grants = await inspection.tombstones(String(tokens.claims?.sub));
          expect(countOf(events, 'grant.revoked')).to.equal(grants);
          if (isWhole) expect(grants).to.equal(1);
          const ended = await inspection.endedSessions(String(tokens.claims?.sub));
          expect(countOf(events, 'sign_out')).to.equal(ended);
          if (isWhole) expect(ended).to.equal(name === 'sign-out' ? 1 : 0);
        },
      );
      expect(killed).to.be.at.least(3);
    }).timeout(60_000);
  }

  const partner = () => harness.rp('shop', 'partner', { scope: 'openid email' });

  /** Signed in at the house, and asked by the partner. */
  async function asked() {
    const { browser, tokens } = await loginWithTokens(harness);
    const page = await browser.visit(await partner().authorizationUrl());
    return { browser, page, userId: String(tokens.claims?.sub) };
  }

  for (const [name, step] of [
    ['granted', 'consent'],
    ['declined', 'cancel'],
  ] as const) {
    it(`AD-10 consent ${name}: an event once if it was done`, async () => {
      const killed = await killedEverywhere(
        asked,
        async ({ browser, page }) => {
          await browser.submit(formTo(page, step));
        },
        async ({ userId }, isWhole) => {
          const [one] = await inspection.consentsOf(userId);
          const events = await ofUser(userId);
          if (name === 'granted') expect(countOf(events, 'consent.granted')).to.equal(one ? 1 : 0);
          else expect(one).to.equal(undefined);
          if (isWhole) expect(countOf(events, `consent.${name}`)).to.equal(1);
          else expect(countOf(events, `consent.${name}`)).to.be.at.most(1);
        },
      );
      expect(killed).to.be.at.least(2);
    }).timeout(60_000);
  }

  it('AD-10 consent withdrawn: an event once if it was done, whatever followed before anybody looked', async () => {
    const withdraw = (server: Harness['server'], userId: string) => {
      const app = server.apps.bySlug('shop');
      if (!app) throw new Error('no shop');
      return server.withdrawConsent(app, asUserId(userId), 'partner', 'user');
    };
    const killed = await killedEverywhere(
      async () => {
        const start = await asked();
        await start.browser.submit(formTo(start.page, 'consent'));
        return start;
      },
      async ({ userId }) => {
        await withdraw(harness.server, userId);
      },
      async ({ userId }) => {
        const [one] = await inspection.consentsOf(userId);
        const withdrawn = one?.scopes.length === 0 ? 1 : 0;
        expect(countOf(await ofUser(userId), 'consent.withdrawn')).to.equal(withdrawn);
      },
    );
    expect(killed).to.be.at.least(3);
  }).timeout(60_000);

  it('AD-10 a race for one tombstone gives one event', async () => {
    const { rp, tokens } = await loginWithTokens(harness);
    const both = [rp, twin.rp()];
    await Promise.all(
      Array.from({ length: 16 }, (_, nth) => (both[nth % 2] ?? rp).revoke(tokens.refresh_token)),
    );
    await recover();
    expect(countOf(await ofUser(String(tokens.claims?.sub)), 'grant.revoked')).to.equal(1);
  });
});
