/** Mailboxes that get no mail: what the person sees, and that it tells nothing of accounts (design §2.2). */
import { expect } from 'chai';
import { MINUTE, SECOND } from '../../../src/core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../../../src/core/email-address.ts';
import type { AppId } from '../../../src/core/ids.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, ask, callbackOf, type Harness, signInByCode, startPostern } from '../../support/harness.ts';
import { intercepted } from '../../support/intercepted-store.ts';
import { auditOf, newAddress } from '../../support/logins.ts';
import { type Answer, formWith, pageOf } from '../../support/relying-party.ts';
import { seen } from '../../support/seen.ts';
import { askForMail, formTo, isSignedIn, newBrowser } from '../../support/sign-in.ts';
import { startSmtpSink } from '../../support/smtp-sink.ts';

describe('a suppressed mailbox', () => {
  let harness: Harness;
  let shop: AppId;
  before(async () => {
    harness = await startPostern();
    const app = harness.server.apps.bySlug('shop');
    if (!app) throw new Error('no shop');
    shop = app.id;
  });
  after(() => harness.close());
  afterEach(restoreTime);

  const parsed = (written: string): EmailAddress => {
    const address = parseEmailAddress(written);
    if (!address) throw new Error(`not an address: ${written}`);
    return address;
  };
  const suppress = (written: string) =>
    harness.server.suppressions.add(shop, parsed(written), { reason: 'bounced', by: 'test' });

  async function mailsTo(address: string): Promise<number> {
    await harness.server.jobs.runDue();
    await harness.server.tick();
    await harness.server.jobs.runDue();
    return harness.mails().filter(({ mail }) => mail.to.toLowerCase() === address.toLowerCase()).length;
  }

  it('gets no mail; the page says so and offers another address', async () => {
    const address = newAddress();
    await suppress(address);
    const browser = newBrowser(harness);
    const waiting = await ask(browser, harness.rp(), address);
    expect(waiting.status).to.equal(200);
    expect(waiting.body).to.include('data-mail="suppressed"');
    expect(pageOf(waiting).text).to.include('We are not sending mail to this address');
    formTo(waiting, 'change');
    const status = JSON.parse((await browser.fetch(waiting.url.replace('/begin', '/status'))).body);
    expect(status).to.include({ state: 'pending', mail: 'suppressed' });
    passTime(harness, 15 * SECOND);
    expect(await mailsTo(address)).to.equal(0);
    const events = (await auditOf(harness)).filter(({ type }) => type.startsWith('challenge.'));
    expect(
      events
        .slice(-2)
        .map(({ type }) => type)
        .sort(),
    ).to.deep.equal(['challenge.begun', 'challenge.held']);
  });

  it('is asked again before each delivery: a mail that waits for its next try stays in the house', async () => {
    const sink = await startSmtpSink();
    const own = await startPostern({
      apps: { shop: { ...APPS.shop, mail: { smtp_url: sink.url } } },
      config: { smtpUrl: sink.url },
    });
    try {
      const app = own.server.apps.bySlug('shop');
      if (!app) throw new Error('no shop');
      sink.script({ at: 'RCPT', reply: 450, text: '4.7.1 greylisted' });
      const address = newAddress();
      const browser = newBrowser(own);
      const waiting = await ask(browser, own.rp(), address);
      while (!sink.recipients.includes(address)) await own.server.jobs.runDue();
      await own.server.suppressions.add(app.id, parsed(address), { reason: 'bounced', by: 'test' });
      for (let look = 0; look < 5; look += 1) {
        passTime(own, MINUTE);
        await own.server.tick();
        await own.server.jobs.runDue();
      }
      expect(sink.recipients).to.deep.equal([address]);
      const status = await browser.fetch(waiting.url.replace('/begin', '/status'));
      expect(JSON.parse(status.body).mail).to.equal('suppressed');
    } finally {
      await own.close();
      await sink.close();
    }
  });

  it('a server that says at once that there is no such mailbox suppresses it; a bare 550 and a full one do not', async () => {
    const sink = await startSmtpSink();
    const own = await startPostern({
      apps: { shop: { ...APPS.shop, mail: { smtp_url: sink.url } } },
      config: { smtpUrl: sink.url },
    });
    try {
      const app = own.server.apps.bySlug('shop');
      if (!app) throw new Error('no shop');
      const refusedWith = async (text: string) => {
        sink.script({ at: 'RCPT', reply: 550, text });
        const address = newAddress();
        const browser = newBrowser(own);
        const waiting = await ask(browser, own.rp(), address);
        let mail = 'queued';
        for (let look = 0; look < 500 && mail !== 'refused'; look += 1) {
          await own.server.jobs.runDue();
          mail = JSON.parse((await browser.fetch(waiting.url.replace('/begin', '/status'))).body).mail;
        }
        expect(mail).to.equal('refused');
        return own.server.suppressions.find(app.id, parsed(address));
      };
      expect(await refusedWith('5.1.1 no such user')).to.include({ reason: 'bounced', by: 'smtp' });
      expect(await refusedWith('no')).to.equal(undefined);
      expect(await refusedWith('5.2.2 full')).to.equal(undefined);
    } finally {
      await own.close();
      await sink.close();
    }
  });

  it('ML-53 ML-55 suppressed and known, suppressed and unknown: the same bytes, and budgets are counted alike', async () => {
    const addresses = { known: 'known-held@example.org', unknown: 'nobod-held@example.org' };
    await signInByCode(harness, newBrowser(harness), harness.rp(), addresses.known);
    passTime(harness, 11 * MINUTE);
    const views: string[][] = [];
    for (const address of Object.values(addresses)) {
      await suppress(address);
      const browser = newBrowser(harness);
      const answers: Answer[] = [await ask(browser, harness.rp(), address)];
      const [begun] = answers;
      if (!begun) throw new Error('no answer');
      answers.push(await browser.clone().submit(formTo(begun, 'resend'), {}, { from: begun.url }));
      answers.push(await browser.fetch(begun.url.replace('/begin', '/status')));
      answers.push(await browser.submit(formWith(begun, 'code'), { code: '00000000' }));
      // Nine of the ten are left, as for any address.
      for (let nth = 0; nth < 10; nth += 1)
        answers.push(await ask(newBrowser(harness), harness.rp(), address));
      expect(answers.at(-1)?.status).to.equal(429);
      expect(answers.at(-2)?.status).to.equal(200);
      views.push(answers.map((answer) => seen(answer, address)));
      expect(await mailsTo(address)).to.equal(address === addresses.known ? 1 : 0);
    }
    expect(views[1]).to.deep.equal(views[0]);
  });

  it('ML-54 suppressed, known and unknown: the same calls of the store before the answer', async () => {
    const calls: string[] = [];
    const own = await startPostern({
      embedded: true,
      wrapStore: (store) =>
        intercepted(store, (room, method, args) => {
          if (room !== 'records' || ['challenge', 'suppression', 'user'].includes(String(args[1])))
            calls.push(`${room}.${method} ${room === 'counters' ? '' : args[1]}`);
          return undefined;
        }),
    });
    try {
      const app = own.server.apps.bySlug('shop');
      if (!app) throw new Error('no shop');
      const of: string[][] = [];
      await signInByCode(own, newBrowser(own), own.rp(), 'known@example.org');
      for (const address of ['known@example.org', 'other@example.org']) {
        await own.server.suppressions.add(app.id, parsed(address), { reason: 'bounced', by: 'test' });
        const browser = newBrowser(own);
        const page = await browser.visit(await own.rp().authorizationUrl());
        calls.length = 0;
        await browser.submit(formWith(page, 'email'), { email: address });
        of.push(calls.filter((call) => !call.includes('due')));
      }
      expect(of[1]).to.deep.equal(of[0]);
      expect(of[0]).to.include.members(['records.find suppression', 'records.insert challenge']);
    } finally {
      await own.close();
    }
  });

  it('ML-56 prompt=none and a hint tell nothing of it', async () => {
    const address = newAddress();
    await suppress(address);
    const rp = harness.rp();
    const url = await rp.authorizationUrl({ prompt: 'none', login_hint: address });
    const answer = await newBrowser(harness).visit(url);
    expect(new URL(callbackOf(answer)).searchParams.get('error')).to.equal('login_required');
  });

  it('belongs to one app: the other goes on writing to it', async () => {
    const address = newAddress();
    await suppress(address);
    await ask(newBrowser(harness), harness.rp('studio'), address);
    await harness.mailTo(address);
  });

  it('who types the code of a mail that did arrive lifts the bounce', async () => {
    const { browser, waiting, mail, address } = await askForMail(harness);
    await suppress(address);
    expect(isSignedIn(await browser.submit(formWith(waiting, 'code'), { code: mail.code }))).to.equal(true);
    expect(await harness.server.suppressions.find(shop, parsed(address))).to.equal(undefined);
    const lifted = (await auditOf(harness)).filter(({ type }) => type === 'mail.unsuppressed');
    expect(lifted).to.have.length(1);
    expect(lifted[0]).to.include({ by: 'proof' });
  });

  it('a wrong code lifts nothing', async () => {
    const { browser, waiting, address } = await askForMail(harness);
    await suppress(address);
    await browser.submit(formWith(waiting, 'code'), { code: '00000000' });
    expect(await harness.server.suppressions.find(shop, parsed(address))).to.include({ reason: 'bounced' });
  });

  it('taken back by the operator: "send again" sends', async () => {
    const address = newAddress();
    await suppress(address);
    const browser = newBrowser(harness);
    const waiting = await ask(browser, harness.rp(), address);
    await harness.server.suppressions.remove(shop, parsed(address));
    passTime(harness, 31 * SECOND);
    const sent = await browser.submit(formTo(waiting, 'resend'), {}, { from: waiting.url });
    expect(sent.body).to.include('data-mail="queued"');
    const { code } = await harness.mailTo(address);
    expect(isSignedIn(await browser.submit(formWith(sent, 'code'), { code }))).to.equal(true);
  });
});
