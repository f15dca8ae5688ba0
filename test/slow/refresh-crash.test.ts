/** A process killed in the middle: nobody is signed out by it, nothing is spent twice, no promised mail is lost. */
import { expect } from 'chai';
import { partsOf } from '../support/child-postern.ts';
import { ask, callbackOf, redeemLink } from '../support/harness.ts';
import { again, isAlive, newAddress, refreshWith, tokensFor } from '../support/logins.ts';
import { type Answer, Browser, formsOf, formWith } from '../support/relying-party.ts';
import { CrashBench } from './crash-bench.ts';

/** No act of these tests writes more often. */
const MOST_WRITES = 40;

describe('crash', () => {
  let bench: CrashBench;
  before(async () => {
    bench = await CrashBench.start();
  });
  after(() => bench.close());

  /** Runs the act with a kill before and after each of its writes, until it is through alive. */
  async function atEveryWrite(
    prepare: () => Promise<{ act: () => Promise<unknown>; check: (where: string) => Promise<void> }>,
  ): Promise<number> {
    let kills = 0;
    for (const when of ['before', 'after'] as const) {
      for (let nth = 1; nth <= MOST_WRITES; nth++) {
        const { act, check } = await prepare();
        await bench.arm({ nth, when });
        const isDead = await bench.dies(act());
        if (!isDead) await bench.disarm();
        await check(`killed ${when} write ${nth}`);
        if (!isDead) break;
        kills += 1;
      }
    }
    return kills;
  }

  it('RL-05 in a rotation: the retry is served, with one live successor; after its use the old token is reuse', async () => {
    const kills = await atEveryWrite(async () => {
      const { rp, redeem } = await bench.login();
      const tokens = await redeem();
      const retry = () => refreshWith(rp, tokens.refresh_token);
      return {
        act: retry,
        check: async (where) => {
          const first = await retry();
          expect(first.status, `${where}: ${JSON.stringify(first.json)}`).to.equal(200);
          const second = await retry();
          expect(second.json.refresh_token, where).to.equal(first.json.refresh_token);
          const used = await refreshWith(rp, String(first.json.refresh_token));
          expect(used.status, where).to.equal(200);
          expect(await isAlive(rp, String(used.json.access_token)), where).to.equal(true);

          expect((await retry()).json.error, where).to.equal('invalid_grant');
          expect((await refreshWith(rp, String(used.json.refresh_token))).json.error, where).to.equal(
            'invalid_grant',
          );
          expect(await isAlive(rp, String(used.json.access_token)), where).to.equal(false);
        },
      };
    });
    // Consumption, successor and access token are three writes at least.
    expect(kills).to.be.at.least(6);
  });

  it('RL-05 in the middle of a revocation: the family is alive or dead as a whole, and dead after the next try', async () => {
    const kills = await atEveryWrite(async () => {
      const { rp, redeem } = await bench.login();
      const tokens = await redeem();
      const second = await refreshWith(rp, tokens.refresh_token);
      const third = await refreshWith(rp, String(second.json.refresh_token));
      const reuse = () => refreshWith(rp, tokens.refresh_token);
      return {
        act: reuse,
        check: async (where) => {
          const wasAlive = await isAlive(rp, String(third.json.access_token));
          const fourth = await refreshWith(rp, String(third.json.refresh_token));
          expect(fourth.status === 200, where).to.equal(wasAlive);

          expect((await reuse()).json.error, where).to.equal('invalid_grant');
          for (const token of [
            second.json.refresh_token,
            third.json.refresh_token,
            fourth.json.refresh_token,
          ]) {
            expect((await refreshWith(rp, String(token))).json.error, where).to.equal('invalid_grant');
          }
          expect(await isAlive(rp, String(third.json.access_token)), where).to.equal(false);
        },
      };
    });
    expect(kills).to.be.at.least(2);
  });

  for (const kind of ['refresh_token', 'access_token'] as const) {
    it(`OA-27 at the revocation endpoint with the ${kind}: alive or dead as a whole, and dead after the client's retry`, async () => {
      const kills = await atEveryWrite(async () => {
        const { rp, redeem } = await bench.login();
        const tokens = await redeem();
        const second = await refreshWith(rp, tokens.refresh_token);
        const revoke = () => rp.revoke(String(second.json[kind]));
        return {
          act: revoke,
          check: async (where) => {
            const wasAlive = await isAlive(rp, String(second.json.access_token));
            const third = await refreshWith(rp, String(second.json.refresh_token));
            expect(third.status === 200, where).to.equal(wasAlive);

            expect((await revoke()).status, where).to.equal(200);
            for (const token of [tokens.refresh_token, second.json.refresh_token, third.json.refresh_token]) {
              expect((await refreshWith(rp, String(token))).json.error, where).to.equal('invalid_grant');
            }
            for (const token of [tokens.access_token, second.json.access_token, third.json.access_token]) {
              if (token !== undefined) expect(await isAlive(rp, String(token)), where).to.equal(false);
            }
          },
        };
      });
      expect(kills).to.be.at.least(4);
    });
  }

  it('RL-06 in a code exchange: the client starts again in silence, and nothing given before is of use', async () => {
    const kills = await atEveryWrite(async () => {
      const { browser, rp, callback } = await bench.login();
      const redeem = () => rp.redeem(callback);
      return {
        act: redeem,
        check: async (where) => {
          const retry = await redeem();
          if (retry.status !== 200) expect(retry.json.error, where).to.equal('invalid_grant');
          const tokens = await tokensFor(rp, await again(browser, rp, { prompt: 'none' }));
          expect(await isAlive(rp, tokens.access_token), where).to.equal(true);
          expect((await refreshWith(rp, tokens.refresh_token)).status, where).to.equal(200);
        },
      };
    });
    expect(kills).to.be.at.least(6);
  });

  it('RL-07 at the redemption of a link: pressing again in the same browser signs in, elsewhere it does not', async () => {
    const kills = await atEveryWrite(async () => {
      const browser = new Browser();
      const rp = bench.rp();
      const address = newAddress();
      await ask(browser, rp, address);
      const mail = await bench.mailTo(address);
      const landing = await browser.visit(mail.link.split('#')[0] ?? '');
      const press = (): Promise<Answer> =>
        browser.submit(
          formWith(landing, 'secret'),
          { secret: mail.secret },
          { from: landing.url, follow: false, refresh: false },
        );
      return {
        act: press,
        check: async (where) => {
          const stranger = new Browser();
          const page = await stranger.visit(mail.link.split('#')[0] ?? '');
          const forms = formsOf(page).filter(({ action }) => action.includes('/interaction/'));
          expect(forms, where).to.deep.equal([]);
          const refused = await stranger.submit(
            formWith(landing, 'secret'),
            { secret: mail.secret },
            { from: landing.url },
          );
          expect(refused.status, where).to.be.at.least(400);

          const answer = await redeemLink(browser, mail).catch(() =>
            browser.submit(formWith(landing, 'secret'), { secret: mail.secret }, { from: landing.url }),
          );
          const tokens = await tokensFor(rp, callbackOf(answer));
          expect(await isAlive(rp, tokens.access_token), where).to.equal(true);
        },
      };
    });
    expect(kills).to.be.at.least(6);
  });

  it('RL-01 after a request for a mail: whoever was told "check your mail" gets it', async () => {
    let accepted = 0;
    for (let nth = 1; nth <= 8; nth++) {
      const rp = bench.rp();
      const people = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const browser = new Browser();
          const page = await browser.visit(await rp.authorizationUrl());
          return { browser, form: formWith(page, 'email'), address: newAddress() };
        }),
      );
      await bench.arm({ nth: nth * 6, when: nth % 2 ? 'before' : 'after' });
      const outcomes = await Promise.all(
        people.map(async ({ browser, form, address }) => {
          const answer = await browser
            .submit(form, { email: address }, { from: browser.url })
            .catch(() => undefined);
          return answer?.status === 200 ? address : undefined;
        }),
      );
      await bench.kill();
      for (const address of outcomes) {
        if (address === undefined) continue;
        accepted += 1;
        expect((await bench.mailTo(address)).code).to.match(/^\d{8}$/);
      }
    }
    expect(accepted).to.be.at.least(6);
  });

  it('RL-02 between acceptance by the mail server and the note of it: the second mail is the first, word for word', async () => {
    const browser = new Browser();
    const rp = bench.rp();
    const address = newAddress();
    const page = await browser.visit(await rp.authorizationUrl());
    // The mail's row in the log is written once when it is begun, and next with what the server answered.
    await bench.arm({ nth: 2, when: 'before', kind: 'mail' });
    await browser.submit(formWith(page, 'email'), { email: address }).catch(() => undefined);
    const first = partsOf(await bench.sink.mailTo(address));
    await bench.restart();
    const second = partsOf(await bench.sink.mailTo(address, 2));
    expect(second.messageId).to.equal(first.messageId);
    expect([second.link, second.code]).to.deep.equal([first.link, first.code]);

    const tokens = await tokensFor(rp, callbackOf(await redeemLink(browser, first)));
    expect(await isAlive(rp, tokens.access_token)).to.equal(true);
    const replay = await new Browser().visit(second.link.split('#')[0] ?? '');
    expect(formsOf(replay).filter(({ action }) => action.includes('/interaction/'))).to.deep.equal([]);
  });
});
