/** How many mails one mailbox can be made to get. */
import { expect } from 'chai';
import { MINUTE, SECOND } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, ask, type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { formWith, pageOf } from '../../support/relying-party.ts';
import { startRestartable } from '../../support/restart.ts';
import { askForMail, formTo, isSignedIn, newBrowser } from '../../support/sign-in.ts';
import { startTwin } from '../../support/twin.ts';

/** Of ten minutes, over all apps. */
const BUDGET = 10;

describe('the budget of a mailbox', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern();
  });
  after(() => harness.close());
  afterEach(restoreTime);

  async function mailsTo(server: Harness, pattern: RegExp): Promise<number> {
    await server.server.jobs.runDue();
    return server.mails().filter(({ mail }) => pattern.test(mail.to)).length;
  }

  it('ML-50 100 requests from 100 networks and two apps: ten mails, and whoever waits is told', async () => {
    const address = newAddress();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, nth) => {
        const browser = newBrowser(harness, { localAddress: `127.0.2.${nth + 1}` });
        return ask(browser, harness.rp(nth % 2 ? 'shop' : 'studio'), address);
      }),
    );
    expect(await mailsTo(harness, new RegExp(`^${address}$`))).to.equal(BUDGET);
    const held = answers.filter(({ status }) => status === 429);
    expect(held).to.have.length(100 - BUDGET);
    for (const answer of held) {
      expect(answer.body).to.include('data-mail="held"');
      expect(pageOf(answer).title).to.include('Check your mail');
    }
  });

  it('ML-50 after ten minutes the held page can send again, and that mail signs in', async () => {
    const address = newAddress();
    for (let nth = 0; nth < BUDGET; nth++) await ask(newBrowser(harness), harness.rp(), address);
    const browser = newBrowser(harness);
    const held = await ask(browser, harness.rp(), address);
    expect(held.status).to.equal(429);
    const wait = Number(/data-resend-in="(\d+)"/.exec(held.body)?.[1]);
    expect(wait).to.be.within(590, 600);
    passTime(harness, (wait - 5) * SECOND);
    expect((await browser.submit(formTo(held, 'resend'), {}, { from: held.url })).status).to.equal(429);
    passTime(harness, 6 * SECOND);
    const waiting = await browser.submit(formTo(held, 'resend'), {}, { from: held.url });
    expect(waiting.status).to.equal(200);
    const { code } = await harness.mailTo(address);
    expect(isSignedIn(await browser.submit(formWith(waiting, 'code'), { code }))).to.equal(true);
  });

  it('ML-50 asking on while it is held makes nobody wait longer', async () => {
    const address = newAddress();
    const browser = newBrowser(harness);
    for (let nth = 0; nth < BUDGET; nth++) await ask(newBrowser(harness), harness.rp(), address);
    for (let nth = 0; nth < 5; nth++) {
      passTime(harness, MINUTE);
      expect((await ask(browser, harness.rp(), address)).status).to.equal(429);
    }
    passTime(harness, 5 * MINUTE);
    expect((await ask(newBrowser(harness), harness.rp(), address)).status).to.equal(200);
  });

  it('ML-52 plus-tags and the dots of Gmail are one mailbox to the budget', async () => {
    for (let nth = 0; nth < 30; nth++) {
      await ask(newBrowser(harness), harness.rp(), `plus+${nth}@mailbox.example`);
      const dotted = [...'dotted'].map((letter, at) => (nth & (1 << at) ? `${letter}.` : letter)).join('');
      const domain = nth % 2 ? 'gmail.com' : 'googlemail.com';
      await ask(newBrowser(harness), harness.rp(), `${dotted.replace(/\.$/, '')}+${nth}@${domain}`);
    }
    expect(await mailsTo(harness, /^plus\+\d+@mailbox\.example$/)).to.equal(BUDGET);
    expect(await mailsTo(harness, /@(gmail|googlemail)\.com$/)).to.equal(BUDGET);
  });

  it('ML-50 "send again" and changes of the address come out of the same budget', async () => {
    const { browser, waiting, address } = await askForMail(harness);
    let sent = 1;
    for (let nth = 0; nth < 15; nth++) {
      // A clock that jumps over the lease of a mail under way would have another server send it once more (RL-02).
      await harness.server.jobs.runDue();
      passTime(harness, 31 * SECOND);
      const answer = await browser.tab().submit(formTo(waiting, 'resend'), {}, { from: waiting.url });
      if (answer.status === 200) sent += 1;
    }
    expect(sent).to.equal(BUDGET);
    expect(await mailsTo(harness, new RegExp(`^${address}$`))).to.equal(BUDGET);
  });

  it('ML-50 the count is shared by two servers and survives a restart', async () => {
    const first = await startRestartable({ apps: APPS });
    const twin = await startTwin(first.current);
    try {
      const address = newAddress();
      let sent = 0;
      const asked = async (server: Harness, count: number, route = {}) => {
        for (let nth = 0; nth < count; nth++) {
          const answer = await ask(
            newBrowser(server, route),
            first.current.rp('shop', 'web', route),
            address,
          );
          if (answer.status === 200) sent += 1;
        }
      };
      await asked(first.current, 4);
      await asked(twin.harness, 4, { route: twin.route });
      await twin.close();
      await first.restart();
      await asked(first.current, 4);
      expect(sent).to.equal(BUDGET);
    } finally {
      await first.close();
    }
  });
});
