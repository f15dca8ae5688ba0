/** AD-10: each security event stands exactly once, wherever between two writes the process is killed. */
import { expect } from 'chai';
import type { AuditEvent, AuditType } from '../../../src/audit/events.ts';
import { MINUTE, SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { callbackOf, type Harness, mailParts, signInByCode, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { auditOf, newAddress } from '../../support/logins.ts';
import { MortalStore } from '../../support/mortal-store.ts';
import { Browser } from '../../support/relying-party.ts';
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
      // Its worker may be half way through a mail that the other one left.
      await twin.harness.server.jobs.runDue();
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

  it('AD-10 a first sign-in that was killed and is done again tells of one new user', async () => {
    const addresses: string[] = [];
    await killedEverywhere(
      async () => ({ address: newAddress(), browser: new Browser({ now: harness.clock.now }) }),
      async ({ address, browser }) => {
        addresses.push(address);
        await signIn(browser, address);
      },
      async ({ address, browser }, isWhole) => {
        if (!isWhole) await signIn(browser, address);
      },
    );
    await recover();
    const all = await auditOf(twin.harness);
    for (const address of addresses) {
      const user = await inspection.userOf(address);
      const events = all.filter(({ userId }) => userId === user?.id);
      expect(countOf(events, 'user.created'), address).to.equal(1);
      expect(countOf(events, 'sign_in.succeeded'), address).to.be.oneOf([1, 2]);
    }
  }).timeout(60_000);
});
