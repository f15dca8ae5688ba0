import { expect } from 'chai';
import { asAppId, asChallengeId } from '../../src/core/ids.ts';
import { Keyring } from '../../src/core/keyring.ts';
import { createJobs, type Jobs } from '../../src/jobs/jobs.ts';
import { silentLog } from '../../src/lib/log.ts';
import { MailLog, type MailLogDeps, mailIdOf } from '../../src/mail/mail-log.ts';
import { messageIdFor } from '../../src/mail/message-id.ts';
import { createOutbox, type LoadedMail, type NewMail, type Outbox } from '../../src/mail/outbox.ts';
import type { Delivery, OutgoingMail, Transport } from '../../src/mail/transport.ts';
import { type MemoryStore, memoryStore, TestClock } from '../flow/mail/memory-store.ts';

const APP = asAppId('shop');
const SECRETS = ['ann@example.org', 'https://id.example/link/challenge-1#secret', '12345678'];
const ACCEPTED: Delivery = { outcome: 'accepted' };
const GREYLISTED: Delivery = { outcome: 'deferred', reason: '451', scope: 'recipient' };
const DOWN: Delivery = { outcome: 'deferred', reason: 'ECONNREFUSED', scope: 'transport' };
const HANG = new Promise<Delivery>(() => undefined);

type Answer = Delivery | Error | Promise<Delivery>;

interface Fake extends Transport {
  answers: Answer[];
  /** Answer for all that have none of their own. */
  always: Answer;
  readonly sent: OutgoingMail[];
}

function fake(name: string, always: Answer = ACCEPTED): Fake {
  const transport: Fake = {
    name,
    answers: [],
    always,
    sent: [],
    close: async () => undefined,
    async send(mail) {
      transport.sent.push(mail);
      const answer = transport.answers.shift() ?? transport.always;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return transport;
}

describe('outbox', () => {
  const keyring = new Keyring([Buffer.alloc(32, 7)]);
  let store: MemoryStore;
  let clock: TestClock;
  let jobs: Jobs;
  let outbox: Outbox;
  let mails: MailLog;
  let first: Fake;
  let second: Fake;
  let transports: Fake[];
  let reports: string[];
  let loaded: LoadedMail | 'suppressed' | undefined;
  let failReport: boolean;
  let intent: NewMail;

  const onStatus: NonNullable<MailLogDeps['onStatus']> = async ({ challenge, send, last }) => {
    if (failReport) throw new Error('the store is away');
    reports.push([challenge, send, last.status, last.transport, last.reason].join(' ').trim());
  };
  const start = (more: { readonly jobs: Jobs; readonly mails?: MailLog }): Outbox =>
    createOutbox({
      clock,
      log: silentLog,
      mails,
      load: async () => loaded,
      transportsFor: () => transports,
      timeouts: { before: 20, last: 20 },
      ...more,
    });
  /** Works off what is due, `times` times, with `ms` in between. */
  const turns = async (times: number, ms: number) => {
    for (let turn = 0; turn < times; turn += 1) {
      await jobs.runDue();
      clock.move(ms);
    }
  };
  const statusOf = async (mail = intent) => (await mails.find(APP, mailIdOf(mail)))?.status;

  beforeEach(() => {
    store = memoryStore();
    clock = new TestClock();
    jobs = createJobs({ store, clock, log: silentLog });
    first = fake('first');
    second = fake('second');
    transports = [first];
    reports = [];
    failReport = false;
    intent = {
      app: APP,
      challenge: asChallengeId('challenge-1'),
      send: 1,
      kind: 'sign_in',
      askedAt: clock.now(),
      traces: { to: 'ann@example.org', keyVersion: keyring.current },
    };
    loaded = { mail: mailOf(), expiresAt: clock.now() + 600_000, keyVersion: keyring.current };
    mails = new MailLog({ store, clock, keyring, onStatus });
    outbox = start({ jobs });
  });
  afterEach(() => jobs.stop({ waitMs: 0 }));

  it('sends once and tells what became of it', async () => {
    await outbox.queue(intent);
    await jobs.runDue();
    expect(first.sent).length(1);
    expect(reports).deep.equal(['challenge-1 1 handed_over first']);
    expect(store.rows('job:mail')).length(0);
  });

  it('costs two writes more than its job: one when asked for, one when answered', async () => {
    await outbox.queue(intent);
    await jobs.runDue();
    // The job: insert, claim, remove.
    expect(store.writes).deep.equal({ insert: 2, replace: 2, remove: 1 });
  });

  it('ML-03 queued or given up, the store holds no address, link or code', async () => {
    first.answers = [GREYLISTED];
    await outbox.queue(intent);
    const queued = store.dump();
    await jobs.runDue();
    for (const secret of SECRETS) expect(queued + store.dump()).not.include(secret);
    expect(store.dump()).include('challenge-1');
  });

  it('asking again while the mail is under way sends nothing more; another send is another mail', async () => {
    await Promise.all([outbox.queue(intent), outbox.queue(intent), outbox.queue({ ...intent, send: 2 })]);
    await jobs.runDue();
    expect(first.sent).length(2);
  });

  it('RL-04 deferred: 5, 10, 20, 40, 60 s, each with up to a quarter more', async () => {
    first.answers = Array.from({ length: 6 }, () => GREYLISTED);
    await outbox.queue(intent);
    await jobs.runDue();
    for (const [at, delay] of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000].entries()) {
      clock.move(delay - 1);
      await jobs.runDue();
      expect(first.sent, `before ${delay}`).length(at + 1);
      clock.move(delay / 4 + 1);
      await jobs.runDue();
      expect(first.sent, `after ${delay}`).length(at + 2);
    }
    expect(reports[0]).equal('challenge-1 1 delayed first 451');
    expect(reports.at(-1)).equal('challenge-1 1 handed_over first');
  });

  it('RL-04 waits at least as long as the other side asked', async () => {
    first.answers = [{ ...GREYLISTED, retryAfterMs: 90_000 }];
    await outbox.queue(intent);
    await jobs.runDue();
    clock.move(89_999);
    await jobs.runDue();
    expect(first.sent).length(1);
    clock.move(2_000);
    await jobs.runDue();
    expect(first.sent).length(2);
  });

  it('RL-04 never mails a dead link: nothing is sent after the expiry, the job ends and the log says so', async () => {
    first.always = GREYLISTED;
    await outbox.queue(intent);
    await turns(20, 75_000);
    expect(first.sent).length.within(5, 13);
    expect(store.rows('job:mail')).length(0);
    expect(store.rows('dead_job')).length(0);
    expect(reports.at(-1)).match(/^challenge-1 1 expired/);
  });

  it('RL-04 a queue that stood still does not send what has expired meanwhile', async () => {
    await outbox.queue(intent);
    clock.move(600_000);
    await jobs.runDue();
    expect(first.sent).length(0);
    expect(store.rows('job:mail')).length(0);
    expect(await statusOf()).equal('expired');
  });

  it('RL-04 a transport that hangs at the expiry is cut, told so, and not waited for', async () => {
    const signals: AbortSignal[] = [];
    first.send = (_mail, signal) => {
      if (signal) signals.push(signal);
      return HANG;
    };
    loaded = { mail: mailOf(), expiresAt: clock.now() + 5, keyVersion: keyring.current };
    await outbox.queue(intent);
    await jobs.runDue();
    expect(signals.map(({ aborted }) => aborted)).deep.equal([true]);
    expect(await statusOf()).equal('expired');
  });

  it('a refused mailbox and a refused mail are final, and no other transport is asked', async () => {
    transports = [first, second];
    first.answers = [
      { outcome: 'refused', reason: '550 5.1.1 RCPT TO', scope: 'recipient' },
      { outcome: 'refused', reason: '552 5.3.4 DATA', scope: 'message' },
    ];
    await outbox.queue(intent);
    await jobs.runDue();
    await outbox.queue({ ...intent, send: 2 });
    await turns(2, 60_000);
    expect([first.sent.length, second.sent.length]).deep.equal([2, 0]);
    expect(reports).deep.equal([
      'challenge-1 1 bounced first 550 5.1.1 RCPT TO',
      'challenge-1 2 dead first 552 5.3.4 DATA',
    ]);
  });

  it('a transport that is down, throws, hangs or refuses us hands over to the next at once', async () => {
    transports = [first, second];
    const troubles: Answer[] = [
      DOWN,
      new Error('bug'),
      HANG,
      { outcome: 'refused', reason: '535', scope: 'transport' },
      { outcome: 'deferred', reason: '429', scope: 'transport', retryAfterMs: 30_000 },
    ];
    for (const [at, trouble] of troubles.entries()) {
      first.answers = [trouble];
      first.always = ACCEPTED;
      await outbox.queue({ ...intent, send: at + 1 });
      await jobs.runDue();
      expect(second.sent, `trouble ${at}`).length(at + 1);
      expect(second.sent[at]?.messageId).equal(first.sent[at]?.messageId);
    }
    expect(reports.every((report) => report.endsWith('handed_over second'))).equal(true);
  });

  it('a greylisted mail waits for the transport that was told so, not for another', async () => {
    transports = [first, second];
    first.answers = [GREYLISTED];
    await outbox.queue(intent);
    await turns(2, 7_000);
    expect([first.sent.length, second.sent.length]).deep.equal([2, 0]);
  });

  it('RL-04 a transport that keeps failing is left alone, then tried with one mail; no mail is lost', async () => {
    transports = [first, second];
    first.always = DOWN;
    for (let send = 1; send <= 40; send += 1) {
      await outbox.queue({ ...intent, send });
      await jobs.runDue();
    }
    expect(first.sent, 'asked until it opened').length(5);
    expect(outbox.breakers(APP)[0]).deep.equal({ transport: 'first', state: 'open' });
    clock.move(7_000);
    for (let send = 41; send <= 50; send += 1) await outbox.queue({ ...intent, send });
    await jobs.runDue();
    expect(first.sent, 'one mail tries it').length(6);
    expect(second.sent).length(50);
    first.always = ACCEPTED;
    clock.move(20_000);
    await outbox.queue({ ...intent, send: 51 });
    await jobs.runDue();
    await outbox.queue({ ...intent, send: 52 });
    await jobs.runDue();
    expect(first.sent, 'works again').length(8);
    expect(outbox.breakers(APP)[0]?.state).equal('closed');
  });

  it('RL-04 with all transports at rest every mail waits, and goes out when one is back', async () => {
    transports = [first, second];
    first.always = DOWN;
    second.always = DOWN;
    const sends = Array.from({ length: 30 }, (_, at) => at + 1);
    for (const send of sends) await outbox.queue({ ...intent, send });
    await turns(10, 3_000);
    expect(outbox.breakers(APP).some(({ state }) => state === 'open')).equal(true);
    expect(await statusOf()).equal('delayed');
    second.always = ACCEPTED;
    second.sent.length = 0;
    await turns(60, 3_000);
    expect(store.rows('job:mail')).length(0);
    for (const send of sends) expect(await statusOf({ ...intent, send })).equal('handed_over');
    expect(second.sent).length(30);
  });

  it('a challenge that is gone needs no mail', async () => {
    loaded = undefined;
    await outbox.queue(intent);
    await jobs.runDue();
    expect(first.sent).length(0);
    expect(store.rows('job:mail')).length(0);
    expect(reports).deep.equal(['challenge-1 1 expired  no longer needed']);
  });

  it('a mailbox that gets no mail by now gets none', async () => {
    loaded = 'suppressed';
    await outbox.queue(intent);
    await jobs.runDue();
    expect(first.sent).length(0);
    expect(reports).deep.equal(['challenge-1 1 suppressed']);
  });

  it('RL-24 a mail that cannot be made ends as a dead letter, told to whoever waits, and others flow', async () => {
    const { mail } = loaded as LoadedMail; // as set above
    Object.defineProperty(loaded, 'mail', {
      get: () => {
        throw new Error('a template that throws');
      },
    });
    await outbox.queue(intent);
    await turns(8, 75_000);
    expect(store.rows('job:mail')).length(0);
    expect(store.rows('dead_job')).length(1);
    expect(reports).deep.equal(['challenge-1 1 dead  threw 5 times, last Error']);
    loaded = { mail, expiresAt: clock.now() + 600_000, keyVersion: keyring.current };
    await outbox.queue({ ...intent, send: 2 });
    await jobs.runDue();
    expect(first.sent).length(1);
  });

  it('a mail of another app is never sent', async () => {
    const mail = { ...mailOf(), app: asAppId('bank') };
    loaded = { mail, expiresAt: clock.now() + 600_000, keyVersion: keyring.current };
    await outbox.queue(intent);
    await jobs.runDue();
    expect(first.sent).length(0);
    expect(await statusOf()).equal('dead');
  });

  it('RL-02 an outcome that could not be reported is reported later, without a second mail', async () => {
    failReport = true;
    await outbox.queue(intent);
    await jobs.runDue();
    failReport = false;
    clock.move(10_000);
    await jobs.runDue();
    expect(first.sent).length(1);
    expect(reports).deep.equal(['challenge-1 1 handed_over first']);
  });

  it('RL-02 a crash between the 250 and the end of the job repeats the same mail', async () => {
    const crashed = createJobs({ store, clock, log: silentLog, instance: 'crashed' });
    const dying = new MailLog({ store, clock, keyring });
    const before = new Promise<OutgoingMail>((resolve) => {
      // The process dies here: nothing is noted.
      dying.note = () => {
        const [mail] = first.sent;
        if (mail) resolve(mail);
        return new Promise(() => undefined);
      };
    });
    await start({ jobs: crashed, mails: dying }).queue(intent);
    const { messageId } = await before;
    clock.move(9_000);
    await jobs.runDue();
    expect(first.sent.map((mail) => mail.messageId)).deep.equal([messageId, messageId]);
    await crashed.stop({ waitMs: 0 });
  });

  it('RL-02 a crash after the log has it sends nothing more, and tells the challenge what the crash kept back', async () => {
    const crashed = createJobs({ store, clock, log: silentLog, instance: 'crashed' });
    const reached = Promise.withResolvers<void>();
    const dying = new MailLog({
      store,
      clock,
      keyring,
      // The process dies between the two rows.
      onStatus: () => {
        reached.resolve();
        return new Promise(() => undefined);
      },
    });
    await start({ jobs: crashed, mails: dying }).queue(intent);
    await reached.promise;
    clock.move(9_000);
    await jobs.runDue();
    expect(first.sent).length(1);
    expect(reports).deep.equal(['challenge-1 1 handed_over first']);
    await crashed.stop({ waitMs: 0 });
  });

  function mailOf(): OutgoingMail {
    return {
      app: APP,
      from: { name: 'Shop', address: 'no-reply@shop.example' },
      to: 'ann@example.org',
      messageId: messageIdFor(keyring, { ...intent, from: 'no-reply@shop.example' }),
      subject: 'Sign in',
      text: SECRETS.join('\n'),
      html: SECRETS.join('<br>'),
      headers: {},
      date: new Date(0),
    };
  }
});
