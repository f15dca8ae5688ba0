/**
 * What holds on one process holds on two that share a store: races, ten thousand sign-ins at once, rolling restarts. Real
 * processes, a real mail server. SLOW_FACTOR multiplies the numbers of people and restarts.
 */
import { expect } from 'chai';
import { CHILD_APPS, partsOf } from '../support/child-postern.ts';
import { Cluster } from '../support/cluster.ts';
import { ask, callbackOf, type MailParts } from '../support/harness.ts';
import { isAlive, newAddress, refreshWith, tokensFor } from '../support/logins.ts';
import { mongoOrSkip } from '../support/mongo-server.ts';
import { type Answer, Browser, formWith, type RelyingParty } from '../support/relying-party.ts';
import { openLink, sendAtOnce, wrongFor } from '../support/sign-in.ts';
import type { Stand } from '../support/stand.ts';

const FACTOR = Number(process.env.SLOW_FACTOR ?? 1);
const PEOPLE = Math.max(100, Math.round(10_000 * FACTOR));
const ROUNDS = Math.max(2, Math.round(10 * FACTOR));
const RACE = 64;
const CROWD = 50;
const LANES = 16;
const STORES: readonly Stand['store'][] = ['sqlite', 'mongodb'];

const shop = {
  ...CHILD_APPS.shop,
  limits: { mails_per_mailbox: 1000, mails_per_app: 1_000_000 },
  // Strict: no second answer for a spent token (OA-21); `studio` has the default window.
  lifetimes: { refresh_token_grace: '0s' },
};

for (const store of STORES) {
  describe(`two processes on one store: ${store}`, function () {
    this.timeout(1_200_000);
    let cluster: Cluster;
    before(async function () {
      if (store === 'mongodb') await mongoOrSkip(this);
      cluster = await Cluster.start({ store, apps: { ...CHILD_APPS, shop } });
    });
    after(() => cluster?.close());

    async function asked(slug = 'shop', address = newAddress()) {
      const browser = new Browser();
      const rp = cluster.rp(slug);
      const waiting = await ask(browser, rp, address);
      return { browser, rp, address, waiting, mail: await cluster.mailTo(address) };
    }

    async function signedIn(slug = 'shop', address = newAddress()) {
      const { browser, rp, waiting, mail } = await asked(slug, address);
      const answer = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
      return { browser, rp, address, callback: callbackOf(answer) };
    }

    it(`ML-21 ${RACE} redemptions of one link: one leads to the client`, async () => {
      const { browser, rp, mail } = await asked();
      const { form } = await openLink(browser, mail);
      const answers = await sendAtOnce(browser, form, RACE, () => ({ secret: mail.secret }));
      await expectOneWinner(answers, rp);
    });

    it(`ML-22 link and code at once, ${RACE / 2} times each: one leads to the client`, async () => {
      const { browser, rp, waiting, mail } = await asked();
      const { form } = await openLink(browser, mail);
      const answers = await Promise.all([
        sendAtOnce(browser, form, RACE / 2, () => ({ secret: mail.secret })),
        sendAtOnce(browser, formWith(waiting, 'code'), RACE / 2, () => ({ code: mail.code })),
      ]);
      await expectOneWinner(answers.flat(), rp);
    });

    it('ML-26 of 100 wrong codes at once at most five are compared, then the right one is refused', async () => {
      const { browser, waiting, mail } = await asked();
      const form = formWith(waiting, 'code');
      const answers = await sendAtOnce(browser, form, 100, (nth) => ({ code: wrongFor(mail.code, nth) }));
      const tried = answers.filter(({ status }) => status === 400).length;
      expect(tried).to.be.within(1, 5);
      for (let nth = tried; nth < 5; nth += 1) {
        const code = wrongFor(mail.code, 100 + nth);
        expect((await browser.tab().submit(form, { code }, { from: form.action })).status).to.equal(400);
      }
      const right = await sendAtOnce(browser, form, 20, () => ({ code: mail.code }));
      expect(right.filter(isDone)).to.have.length(0);
    });

    it(`OA-08 ${CROWD} redemptions of one authorization code: one is served`, async () => {
      const { rp, callback } = await signedIn();
      const answers = await Promise.all(Array.from({ length: CROWD }, () => rp.redeem(callback)));
      expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
      for (const { status, json } of answers)
        if (status !== 200) expect(json.error).to.equal('invalid_grant');
    });

    it(`OA-21 ${CROWD} refreshes with one token, no window: one is served`, async () => {
      const { rp, callback } = await signedIn();
      const { refresh_token } = await tokensFor(rp, callback);
      const answers = await Promise.all(Array.from({ length: CROWD }, () => refreshWith(rp, refresh_token)));
      expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
    });

    it(`OA-21 ${CROWD} refreshes with one token inside the window: one successor, and it lives`, async () => {
      const { rp, callback } = await signedIn('studio');
      const { refresh_token } = await tokensFor(rp, callback);
      const answers = await Promise.all(Array.from({ length: CROWD }, () => refreshWith(rp, refresh_token)));
      expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([200]));
      const successors = new Set(answers.map(({ json }) => String(json.refresh_token)));
      expect(successors.size).to.equal(1);
      expect((await refreshWith(rp, [...successors][0] ?? '')).status).to.equal(200);
    });

    it(`AC-12 ${CROWD} first sign-ins of one address at once: one user`, async () => {
      const address = newAddress();
      const people: { browser: Browser; rp: RelyingParty; mail: MailParts }[] = [];
      for (let nth = 1; nth <= CROWD; nth += 1) {
        const browser = new Browser();
        const rp = cluster.rp();
        await ask(browser, rp, address);
        people.push({ browser, rp, mail: partsOf(await cluster.sink.mailTo(address, nth)) });
      }
      // By link: of codes that come from unknown browsers only twenty are looked at (ML-24).
      const subs = await Promise.all(
        people.map(async ({ browser, rp, mail }) => {
          const { form } = await openLink(browser, mail);
          const answer = await browser.submit(form, { secret: mail.secret });
          return (await rp.exchange(callbackOf(answer))).claims?.sub;
        }),
      );
      expect(subs[0]).to.be.a('string');
      expect(new Set(subs).size).to.equal(1);
    });

    it(`RL-17 ${PEOPLE} sign-ins open at once: each is completed once, as the person who typed the address`, async () => {
      const people = Array.from({ length: PEOPLE }, (_, nth) => ({
        address: `crowd-${nth}@example.net`,
        browser: new Browser(),
        rp: cluster.rp(),
      }));
      const pages = new Map<string, Answer>();
      await inLanes(people, async ({ address, browser, rp }) => {
        pages.set(address, await ask(browser, rp, address));
      });
      const mails = await mailsOf(cluster, PEOPLE);
      const subs = new Set<string>();
      await inLanes(people, async ({ address, browser, rp }) => {
        const [page, mail] = [pages.get(address), mails.get(address)];
        if (!page || !mail) throw new Error(`no page or no mail for ${address}`);
        const answer = await browser.submit(formWith(page, 'code'), { code: mail.code });
        const { access_token, claims } = await rp.exchange(callbackOf(answer));
        const info = await rp.userinfo(access_token);
        expect(info).to.include({ email: address, sub: claims?.sub });
        subs.add(String(info.sub));
      });
      expect(subs.size).to.equal(PEOPLE);
    });

    it(`RL-19 ${ROUNDS} rolling restarts under load: no sign-in fails, no mail is lost or differs from its double`, async () => {
      const begun: string[] = [];
      let isOver = false;
      const visitor = async (): Promise<void> => {
        while (!isOver) {
          const address = newAddress();
          begun.push(address);
          const { rp, callback } = await signedIn('shop', address);
          const { access_token, refresh_token } = await tokensFor(rp, callback);
          expect((await rp.userinfo(access_token)).email).to.equal(address);
          expect((await refreshWith(rp, refresh_token)).status).to.equal(200);
          expect(await isAlive(rp, access_token)).to.equal(true);
        }
      };
      const visitors = Promise.all(Array.from({ length: 6 }, visitor));
      const restarts = (async () => {
        for (let round = 0; round < ROUNDS; round += 1) {
          for (const index of [0, 1]) expect(await cluster.restart(index), 'its end').to.equal(0);
        }
        isOver = true;
      })();
      await Promise.all([visitors, restarts]).finally(() => {
        isOver = true;
      });
      expect(begun.length).to.be.above(ROUNDS);
      for (const address of begun) {
        const mails = cluster.sink.mails.filter(({ to }) => to.includes(address));
        expect(mails.length, address).to.be.above(0);
        expect(new Set(mails.map(({ parsed }) => parsed.messageId)).size, address).to.equal(1);
        expect(new Set(mails.map(({ parsed }) => parsed.text)).size, address).to.equal(1);
      }
    });
  });
}

function isDone(answer: Answer): boolean {
  try {
    return new URL(callbackOf(answer)).searchParams.has('code');
  } catch {
    return false;
  }
}

async function expectOneWinner(answers: readonly Answer[], rp: RelyingParty): Promise<void> {
  const winners = answers.filter(isDone);
  expect(winners, 'answers that led to the client with a code').to.have.length(1);
  for (const { status } of answers) expect(status).to.be.below(500);
  for (const winner of winners) expect((await rp.redeem(callbackOf(winner))).status).to.equal(200);
}

async function inLanes<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const lane = async (): Promise<void> => {
    for (const item of waiting) await act(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Exactly one mail for each of a crowd; waits for those still in the queue. */
async function mailsOf(
  { sink }: Cluster,
  count: number,
): Promise<ReadonlyMap<string, Pick<MailParts, 'code'>>> {
  const found = new Map<string, Pick<MailParts, 'code'>>();
  let read = 0;
  while (found.size < count) {
    for (const { to, parsed } of sink.mails.slice(read)) {
      read += 1;
      const [address = ''] = to;
      if (!address.startsWith('crowd-')) continue;
      expect(found.has(address), `a second mail to ${address}`).to.equal(false);
      found.set(address, { code: (/\b\d{4} \d{4}\b/.exec(parsed.text ?? '')?.[0] ?? '').replace(' ', '') });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return found;
}
