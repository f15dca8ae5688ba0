import { expect } from 'chai';
import { asAppId, asChallengeId } from '../../src/core/ids.ts';
import { createJobs, type Jobs } from '../../src/jobs/jobs.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createOutbox, type LoadedMail, type MailIntent, type Outbox } from '../../src/mail/outbox.ts';
import type { Delivery, OutgoingMail } from '../../src/mail/transport.ts';
import { type MemoryStore, memoryStore, TestClock } from '../flow/mail/memory-store.ts';

const APP = asAppId('shop');
const INTENT: MailIntent = { app: APP, challenge: asChallengeId('challenge-1'), send: 1 };
const SECRETS = ['a@example.org', 'https://id.example/link/challenge-1#secret', '12345678'];
const ACCEPTED: Delivery = { outcome: 'accepted' };
const GREYLISTED: Delivery = { outcome: 'deferred', reason: '451', scope: 'recipient' };

describe('outbox', () => {
  let store: MemoryStore;
  let clock: TestClock;
  let jobs: Jobs;
  let outbox: Outbox;
  let sent: OutgoingMail[];
  let reports: string[];
  let answers: (Delivery | Error)[];
  let loaded: LoadedMail | undefined;
  let failReport: boolean;

  beforeEach(() => {
    store = memoryStore();
    clock = new TestClock();
    jobs = createJobs({ store, clock, log: silentLog });
    sent = [];
    reports = [];
    answers = [];
    failReport = false;
    loaded = { mail: mailOf(), expiresAt: clock.now() + 600_000 };
    outbox = createOutbox({
      jobs,
      clock,
      log: silentLog,
      load: async () => loaded,
      transportsFor: () => [
        {
          name: 'fake',
          close: async () => undefined,
          async send(mail) {
            sent.push(mail);
            const answer = answers.shift() ?? ACCEPTED;
            if (answer instanceof Error) throw answer;
            return answer;
          },
        },
      ],
      async report(intent, outcome, reason) {
        if (failReport) throw new Error('the store is away');
        reports.push([intent.challenge, intent.send, outcome, reason].join(' ').trim());
      },
    });
  });
  afterEach(() => jobs.stop({ waitMs: 0 }));

  it('sends once and tells what became of it', async () => {
    await outbox.queue(INTENT);
    await jobs.runDue();
    expect(sent).length(1);
    expect(reports).deep.equal(['challenge-1 1 accepted']);
    expect(store.rows('job:mail')).length(0);
  });

  it('ML-03 queued or given up, the store holds no address, link or code', async () => {
    answers = [GREYLISTED];
    await outbox.queue(INTENT);
    const queued = store.dump();
    await jobs.runDue();
    for (const secret of SECRETS) expect(queued + store.dump()).not.include(secret);
    expect(store.dump()).include('challenge-1');
  });

  it('asking again while the mail is under way sends nothing more; another send is another mail', async () => {
    await Promise.all([outbox.queue(INTENT), outbox.queue(INTENT), outbox.queue({ ...INTENT, send: 2 })]);
    await jobs.runDue();
    expect(sent).length(2);
  });

  it('RL-04 deferred: 5, 10, 20, 40, 60 s, each with up to a quarter more', async () => {
    answers = Array.from({ length: 6 }, () => GREYLISTED);
    await outbox.queue(INTENT);
    await jobs.runDue();
    for (const [at, delay] of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000].entries()) {
      clock.move(delay - 1);
      await jobs.runDue();
      expect(sent, `before ${delay}`).length(at + 1);
      clock.move(delay / 4 + 1);
      await jobs.runDue();
      expect(sent, `after ${delay}`).length(at + 2);
    }
    expect(reports.slice(0, 2)).deep.equal(['challenge-1 1 deferred 451', 'challenge-1 1 deferred 451']);
    expect(reports.at(-1)).equal('challenge-1 1 accepted');
  });

  it('RL-04 never mails a dead link: nothing is sent after the expiry, and the job ends', async () => {
    answers = Array.from({ length: 100 }, () => GREYLISTED);
    await outbox.queue(INTENT);
    for (let turn = 0; turn < 20; turn += 1) {
      await jobs.runDue();
      clock.move(75_000);
    }
    expect(sent.length).within(5, 13);
    expect(store.rows('job:mail')).length(0);
    expect(store.rows('dead_job')).length(0);
  });

  it('RL-04 a queue that stood still does not send what has expired meanwhile', async () => {
    await outbox.queue(INTENT);
    clock.move(600_000);
    await jobs.runDue();
    expect(sent).length(0);
    expect(store.rows('job:mail')).length(0);
  });

  it('refused is final', async () => {
    answers = [{ outcome: 'refused', reason: '550 5.1.1 RCPT TO', scope: 'recipient' }];
    await outbox.queue(INTENT);
    await jobs.runDue();
    clock.move(60_000);
    await jobs.runDue();
    expect(sent).length(1);
    expect(reports).deep.equal(['challenge-1 1 refused 550 5.1.1 RCPT TO']);
  });

  it('a fault of the transport counts as deferred', async () => {
    answers = [new Error('bug')];
    await outbox.queue(INTENT);
    await jobs.runDue();
    clock.move(10_000);
    await jobs.runDue();
    expect(reports).deep.equal(['challenge-1 1 deferred transport fault', 'challenge-1 1 accepted']);
  });

  it('a challenge that is gone needs no mail', async () => {
    loaded = undefined;
    await outbox.queue(INTENT);
    await jobs.runDue();
    expect(sent).length(0);
    expect(store.rows('job:mail')).length(0);
  });

  it('a mail of another app is never sent', async () => {
    loaded = { mail: { ...mailOf(), app: asAppId('bank') }, expiresAt: clock.now() + 600_000 };
    await outbox.queue(INTENT);
    await jobs.runDue();
    expect(sent).length(0);
  });

  it('RL-02 an outcome that could not be reported is reported later, without a second mail', async () => {
    failReport = true;
    await outbox.queue(INTENT);
    await jobs.runDue();
    failReport = false;
    clock.move(10_000);
    await jobs.runDue();
    expect(sent).length(1);
    expect(reports).deep.equal(['challenge-1 1 accepted']);
  });

  it('RL-02 a crash between the 250 and the end of the job repeats the same mail', async () => {
    const first = createJobs({ store, clock, log: silentLog, instance: 'crashed' });
    const sentBefore = new Promise<OutgoingMail>((resolve) => {
      createOutbox({
        jobs: first,
        clock,
        log: silentLog,
        load: async () => loaded,
        transportsFor: () => [
          {
            name: 'fake',
            close: async () => undefined,
            async send(mail) {
              resolve(mail);
              return ACCEPTED;
            },
          },
        ],
        // The process dies here.
        report: () => new Promise(() => undefined),
      }).queue(INTENT);
    });
    const before = await sentBefore;
    clock.move(9_000);
    await jobs.runDue();
    expect(sent.map((mail) => mail.messageId)).deep.equal([before.messageId]);
    await first.stop({ waitMs: 0 });
  });
});

function mailOf(): OutgoingMail {
  return {
    app: APP,
    from: { name: 'Shop', address: 'no-reply@shop.example' },
    to: 'a@example.org',
    messageId: '<same@shop.example>',
    subject: 'Sign in',
    text: SECRETS.join('\n'),
    html: SECRETS.join('<br>'),
    headers: {},
    date: new Date(0),
  };
}
