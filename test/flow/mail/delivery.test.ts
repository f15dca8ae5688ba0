import { expect } from 'chai';
import { asAppId, asChallengeId } from '../../../src/core/ids.ts';
import { Keyring } from '../../../src/core/keyring.ts';
import { createJobs, type Jobs } from '../../../src/jobs/jobs.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { MailLog } from '../../../src/mail/mail-log.ts';
import { messageIdFor } from '../../../src/mail/message-id.ts';
import { createOutbox, type NewMail, type Outbox } from '../../../src/mail/outbox.ts';
import type { Transport } from '../../../src/mail/transport.ts';
import { createSmtpTransport } from '../../../src/mail/transports/smtp.ts';
import { composeSignInMail } from '../../support/sign-in-mail.ts';
import { code, links, type SmtpSink, startSmtpSink } from '../../support/smtp-sink.ts';
import { memoryStore, TestClock } from './memory-store.ts';

const APP = asAppId('shop');
const FROM = { name: 'Shop', address: 'no-reply@shop.example' };
const LINK = `https://auth.shop.example/link/${'C'.repeat(22)}#${'S'.repeat(43)}`;
const keyring = new Keyring([Buffer.alloc(32, 7)]);
const intentOf = (name: string): NewMail => ({
  app: APP,
  challenge: asChallengeId(name),
  send: 1,
  kind: 'sign_in',
  askedAt: 1_800_000_000_000,
  traces: { to: `${name}@example.org`, keyVersion: keyring.current },
});

describe('mail delivery, from the queue to a mail server', () => {
  let sink: SmtpSink;
  let transport: Transport;
  let clock: TestClock;
  let jobs: Jobs;
  let outbox: Outbox;
  let outcomes: string[];

  beforeEach(async () => {
    sink = await startSmtpSink();
    const timeouts = { connection: 3000, socket: 1500, delivery: 5000 };
    transport = createSmtpTransport({ url: sink.url, log: silentLog, timeouts });
    clock = new TestClock();
    const store = memoryStore();
    jobs = createJobs({ store, clock, log: silentLog });
    outcomes = [];
    const begun = clock.now();
    outbox = createOutbox({
      jobs,
      clock,
      log: silentLog,
      transportsFor: () => [transport],
      mails: new MailLog({
        store,
        clock,
        keyring,
        onStatus: async ({ challenge, status }) => {
          outcomes.push(`${challenge} ${status}`);
        },
      }),
      load: async ({ challenge, send }) => ({
        keyVersion: keyring.current,
        expiresAt: begun + 600_000,
        mail: composeSignInMail({
          app: { id: APP, name: 'Shop', accent: '#4f46e5', from: FROM },
          to: `${challenge}@example.org`,
          locales: [],
          link: LINK,
          code: '12345678',
          messageId: messageIdFor(keyring, { app: APP, challenge, send, from: FROM.address }),
          device: 'Firefox on Linux',
          askedAt: begun,
          expiresAt: begun + 600_000,
          date: new Date(begun),
        }),
      }),
    });
  });
  afterEach(async () => {
    await jobs.stop({ waitMs: 0 });
    await transport.close();
    await sink.close();
  });

  it('RL-04 a greylisted mail arrives on retry, once', async () => {
    sink.script({ at: 'RCPT', reply: 451 });
    await outbox.queue(intentOf('ann'));
    await jobs.runDue();
    expect(sink.mails).length(0);
    clock.move(7_000);
    await jobs.runDue();
    const mail = await sink.mailTo('ann@example.org');
    expect([links(mail), code(mail)]).deep.equal([[LINK], '12345678']);
    clock.move(60_000);
    await jobs.runDue();
    expect(sink.mails).length(1);
    expect(outcomes).deep.equal(['ann delayed', 'ann handed_over']);
  });

  it('RL-02 a mail whose acknowledgement was lost is repeated with the same Message-ID, link and code', async () => {
    sink.script('drop-after-data');
    await outbox.queue(intentOf('ann'));
    await jobs.runDue();
    clock.move(7_000);
    await jobs.runDue();
    const [first, second] = sink.mails;
    expect(sink.mails.map((mail) => mail.isAccepted)).deep.equal([false, true]);
    expect(second?.parsed.messageId).equal(first?.parsed.messageId);
    expect(second?.parsed.messageId).match(/^<[\w-]{43}@shop\.example>$/);
    expect(second?.parsed.text).equal(first?.parsed.text);
    expect(second?.parsed.headers.get('x-idempotency-key')).equal(
      first?.parsed.headers.get('x-idempotency-key'),
    );
  });

  it('RL-24 one refused and one hanging mail do not hold up the others', async () => {
    sink.script({ at: 'RCPT', reply: 550 }, 'hang');
    const names = Array.from({ length: 20 }, (_, at) => `user${at}`);
    for (const name of names) await outbox.queue(intentOf(name));
    await jobs.runDue();
    // The library may ask again by itself while nothing of the hanging mail is out.
    expect(outcomes.filter((outcome) => outcome.endsWith('handed_over'))).length.within(18, 19);
    clock.move(7_000);
    await jobs.runDue();
    expect(sink.mails).length(19);
    expect(new Set(sink.mails.map((mail) => mail.to.join())).size).equal(19);
  });
});
