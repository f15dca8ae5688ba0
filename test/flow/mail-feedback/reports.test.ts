/** Mails that come back: from the server that returns them, over the pipe or the hook, to the page that waits. */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { DAY } from '../../../src/core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../../../src/core/email-address.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { ask, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import {
  exchange,
  exim,
  feedbackReport,
  gmail,
  outOfOffice,
  postfix,
  qmail,
  type Reported,
} from '../../support/mail-reports.ts';
import { operator, type Said } from '../../support/operator.ts';
import { newBrowser } from '../../support/sign-in.ts';
import { type SmtpSink, startSmtpSink } from '../../support/smtp-sink.ts';

const SECRET = 'a-secret-of-the-mail-server-that-hands-in';
const BREVO_SECRET = 'a-secret-that-brevo-sends-along';
const KEY = randomBytes(32);
const clients = {
  web: publicClient({ client_name: 'Web', redirect_uris: ['https://client.test/callback'] }),
};

describe('mails that come back', () => {
  let sink: SmtpSink;
  let harness: Harness;
  let postern: (line: string, input?: string) => Promise<Said>;

  before(async () => {
    sink = await startSmtpSink();
    const transports = [
      { type: 'smtp', host: '127.0.0.1', port: sink.port, tls: 'none', webhook: { secret: SECRET } },
      { type: 'brevo', api_key: 'key', webhook: { secret: BREVO_SECRET } },
    ];
    const apps = {
      shop: { name: 'Shop', clients, mail: { transports, bounce_address: 'bounces@shop.example' } },
      bank: { name: 'Bank', clients, mail: { transports } },
    };
    harness = await startPostern({ apps, secrets: [KEY], config: { smtpUrl: sink.url } });
    postern = operator(harness, apps, KEY);
  });
  after(async () => {
    await harness.close();
    await sink.close();
  });
  afterEach(restoreTime);

  const parsed = (written: string): EmailAddress => {
    const address = parseEmailAddress(written);
    if (!address) throw new Error(`not an address: ${written}`);
    return address;
  };
  const suppression = (address: string, slug = 'shop') => {
    const app = harness.server.apps.bySlug(slug);
    if (!app) throw new Error(`no app ${slug}`);
    return harness.server.suppressions.find(app.id, parsed(address));
  };

  interface Waiting extends Reported {
    state(): Promise<string>;
  }

  async function waiting(slug = 'shop', recipient = newAddress()): Promise<Waiting> {
    const browser = newBrowser(harness);
    const rp = harness.rp(slug, 'web', { redirectUri: 'https://client.test/callback' });
    const page = await ask(browser, rp, recipient);
    await harness.server.jobs.runDue();
    const mail = await sink.mailTo(recipient);
    const state = async (): Promise<string> => {
      await harness.server.jobs.runDue();
      const status = await browser.fetch(page.url.replace('/begin', '/status'));
      return JSON.parse(status.body).mail;
    };
    for (let look = 0; look < 500 && (await state()) === 'queued'; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return { recipient, messageId: mail.parsed.messageId ?? '', sentTo: mail.from, state };
  }

  async function handIn(
    raw: string,
    { slug = 'shop', secret = SECRET }: { slug?: string; secret?: string } = {},
  ): Promise<number> {
    const answer = await fetch(`${harness.url}/${slug}/mail/webhooks/smtp/dsn`, {
      method: 'POST',
      body: raw,
      headers: { 'content-type': 'message/rfc822', authorization: `Bearer ${secret}` },
    });
    await answer.text();
    return answer.status;
  }

  it('each mail leaves with an envelope sender of its own, which names nobody', async () => {
    const [one, two] = [await waiting(), await waiting()];
    expect(one.sentTo).to.match(/^bounces\+[0-9a-f]{52}@shop\.example$/);
    expect(two.sentTo).to.not.equal(one.sentTo);
    const bank = await waiting('bank');
    expect(bank.sentTo, 'without bounce_address').to.match(/^no-reply@/);
  });

  const shapes: readonly (readonly [string, (reported: Reported) => string])[] = [
    ['Postfix', postfix],
    ['Exchange', exchange],
    ['Gmail', gmail],
    ['Exim', exim],
    ['qmail', qmail],
  ];
  for (const [name, shape] of shapes) {
    it(`${name}, over the hook: the page says so and the mailbox is suppressed`, async () => {
      const person = await waiting();
      expect(await handIn(shape(person))).to.equal(200);
      expect(await suppression(person.recipient)).to.include({ reason: 'bounced', by: 'smtp' });
      expect(await person.state()).to.equal('refused');
    });
  }

  it('over the pipe of a mail server: the same, and nothing of the mail is kept', async () => {
    const person = await waiting('bank');
    const said = await postern('mail bounce bank', postfix(person));
    expect(said).to.deep.equal({ code: 0, out: [], err: [] });
    const dump = await harness.dump();
    expect(dump).to.not.include('Nothing to see here').and.not.include('X-Postfix-Queue-ID');
    expect(await person.state()).to.equal('refused');
    expect(await suppression(person.recipient, 'bank')).to.include({ reason: 'bounced', by: 'dsn' });
  });

  it('a report that quotes nothing is known by its return path', async () => {
    const person = await waiting();
    const bare = postfix({ ...person, messageId: '<other@example.net>' });
    expect(await handIn(bare)).to.equal(200);
    expect(await suppression(person.recipient)).to.include({ reason: 'bounced' });
  });

  it('delayed: told, and no more than that; delivered afterwards', async () => {
    const person = await waiting();
    await handIn(postfix({ ...person, action: 'delayed', status: '4.4.1' }));
    expect(await suppression(person.recipient)).to.equal(undefined);
    expect(await person.state()).to.be.oneOf(['delayed', 'retrying', 'handed_over']);
    await handIn(postfix({ ...person, action: 'delivered', status: '2.0.0' }));
    expect(await person.state()).to.equal('accepted');
  });

  it('a complaint by mail holds mails back', async () => {
    const person = await waiting();
    await handIn(feedbackReport(person));
    expect(await suppression(person.recipient)).to.include({ reason: 'complained' });
  });

  it('a mailbox that is full on five days of fourteen gets no mail for fourteen days', async () => {
    const recipient = newAddress();
    for (let day = 0; day < 5; day += 1) {
      expect(await suppression(recipient), `day ${day}`).to.equal(undefined);
      const person = await waiting('shop', recipient);
      const at = new Date(harness.clock.now()).toUTCString();
      const full = postfix({ ...person, status: '5.2.2' }).replace(/^Date: .*\r$/m, `Date: ${at}\r`);
      await handIn(full);
      passTime(harness, DAY);
    }
    expect(await suppression(recipient)).to.include({ reason: 'bounced' });
  });

  describe('has no effect', () => {
    async function untouched(person: Waiting, act: () => Promise<unknown>): Promise<void> {
      await act();
      expect(await person.state()).to.equal('handed_over');
      expect(await suppression(person.recipient)).to.equal(undefined);
    }

    it('forged by whoever knows the address only', async () => {
      const person = await waiting();
      const forged = { ...person, messageId: '<guess@shop.example>', sentTo: 'bounces@shop.example' };
      for (const [, shape] of shapes) await untouched(person, () => handIn(shape(forged)));
      await untouched(person, () => handIn(feedbackReport(forged)));
      await untouched(person, () => postern('mail bounce shop', postfix(forged)));
    });

    it('forged with a return path whose MAC is wrong', async () => {
      const person = await waiting();
      const last = person.sentTo.replace(/(.)@/, (_, digit) => `${digit === '0' ? '1' : '0'}@`);
      const other = person.sentTo.replace(/\+(.)/, (_, digit) => `+${digit === '0' ? '1' : '0'}`);
      for (const sentTo of [last, other, person.sentTo.replace(/\+[0-9a-f]{32}/, `+${'0'.repeat(32)}`)]) {
        const forged = { ...person, messageId: '<guess@shop.example>', sentTo };
        await untouched(person, () => handIn(postfix(forged)));
      }
    });

    it('somebody who got a mail suppresses nobody else with it', async () => {
      const [victim, attacker] = [await waiting(), await waiting()];
      const forged = { ...attacker, recipient: victim.recipient };
      await untouched(victim, () => handIn(postfix(forged)));
      await untouched(victim, () => handIn(exchange(forged)));
      await untouched(attacker, () => handIn(postfix(forged)));
    });

    it('a mail of another app, by its Message-ID or its return path', async () => {
      const person = await waiting();
      await untouched(person, () => handIn(postfix(person), { slug: 'bank' }));
      await untouched(person, () => postern('mail bounce bank', postfix(person)));
      expect(await suppression(person.recipient, 'bank')).to.equal(undefined);
    });

    it('told by another transport of the app, which did not carry the mail', async () => {
      const person = await waiting();
      await untouched(person, async () => {
        const told = { event: 'hard_bounce', email: person.recipient, 'message-id': person.messageId };
        const answer = await fetch(`${harness.url}/shop/mail/webhooks/brevo`, {
          method: 'POST',
          body: JSON.stringify(told),
          headers: { authorization: `Bearer ${BREVO_SECRET}` },
        });
        expect(answer.status).to.equal(200);
      });
    });

    it('without the secret, or at the webhook that is none', async () => {
      const person = await waiting();
      await untouched(person, async () =>
        expect(await handIn(postfix(person), { secret: 'wrong' })).to.equal(401),
      );
      await untouched(person, async () => {
        const answer = await fetch(`${harness.url}/shop/mail/webhooks/smtp`, {
          method: 'POST',
          body: postfix(person),
        });
        expect(answer.status).to.equal(404);
      });
    });

    it('an out-of-office, though it quotes all of it', async () => {
      const person = await waiting();
      await untouched(person, () => handIn(outOfOffice(person)));
      const said = await postern('mail bounce shop', outOfOffice(person));
      expect(said.code, 'the mail server must not send that back').to.equal(0);
    });
  });

  it('the command says what it does not know, and a store that is away is told as temporary', async () => {
    expect((await postern('mail bounce nobody', '')).code).to.equal(2);
    expect((await postern('mail suppressions check shop nobody@example.org')).out).to.deep.equal([
      'gets mail',
    ]);
    expect((await postern('mail suppressions check shop nobody')).code).to.equal(2);
  });

  it('the operator adds, lists, checks and takes back', async () => {
    const address = newAddress();
    expect((await postern(`mail suppressions add shop ${address}`)).out).to.deep.equal(['shop: suppressed']);
    const listed = await postern('mail suppressions list shop');
    expect(listed.out.join('\n')).to.include('p…@example.org  operator').and.not.include(address);
    expect((await postern(`mail suppressions check shop ${address}`)).code).to.equal(1);
    const page = await ask(
      newBrowser(harness),
      harness.rp('shop', 'web', { redirectUri: 'https://client.test/callback' }),
      address,
    );
    expect(page.body).to.include('data-mail="suppressed"');
    expect((await postern(`mail suppressions remove shop ${address}`)).code).to.equal(0);
    expect((await postern(`mail suppressions remove shop ${address}`)).code).to.equal(1);
    expect(await suppression(address)).to.equal(undefined);
  });
});
