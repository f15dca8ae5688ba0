/** The log of mails, on the store itself. */
import { expect } from 'chai';
import { DAY } from '../../../src/core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../../../src/core/email-address.ts';
import { asAppId, asChallengeId } from '../../../src/core/ids.ts';
import { Keyring } from '../../../src/core/keyring.ts';
import { type LoggedMail, MailLog, type MailOrder, mailIdOf } from '../../../src/mail/mail-log.ts';
import { messageIdFor } from '../../../src/mail/message-id.ts';
import { openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/port.ts';
import { type TestPlace, testPlace } from '../../support/stand.ts';
import { TestClock } from './memory-store.ts';

const APP = asAppId('app-shop');
const OTHER = asAppId('app-bank');
const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);

describe('the mail log', () => {
  const keyring = new Keyring([OLD]);
  let place: TestPlace;
  let store: Store;
  let clock: TestClock;
  let log: MailLog;
  let told: string[];
  let nth = 0;

  const address = (text: string): EmailAddress => parseEmailAddress(text) ?? expect.fail('no address');
  const order = (more: Partial<MailOrder> = {}): MailOrder => {
    nth += 1;
    const challenge = asChallengeId(`challenge-${nth}`);
    return { app: APP, challenge, send: 1, kind: 'sign_in', askedAt: clock.now(), ...more };
  };
  const open = async (to: string, more: Partial<MailOrder> = {}): Promise<MailOrder> => {
    const asked = order(more);
    await log.open(asked, { to, keyVersion: keyring.current });
    return asked;
  };

  before(async () => {
    place = await testPlace();
    store = openStore(place.storeUrl);
    await store.prepare();
  });
  beforeEach(() => {
    clock = new TestClock();
    told = [];
    const onStatus = async (mail: LoggedMail) => {
      told.push(mail.status);
    };
    log = new MailLog({ store, clock, keyring, onStatus });
  });
  after(async () => {
    await store.close();
    await place.remove();
  });

  it('shows the recipient masked and finds by the exact address of this app only', async () => {
    const mine = await open('ann.log@example.org');
    await open('ann.log@example.org', { app: OTHER });
    await open('bob.log@example.org');
    const found = await log.findByAddress(APP, address('ANN.log@Example.org'), 10);
    expect(found.map(({ id }) => id)).to.deep.equal([mailIdOf(mine)]);
    expect(found[0]).to.include({ to: 'a…@example.org', kind: 'sign_in', status: 'queued', send: 1 });
    expect(await place.dump()).not.to.match(/(ann|bob)\.log@/i);
  });

  it('finds an address under a new master secret as long as the old one is kept', async () => {
    const before = await open('carl@example.org');
    clock.move(1000);
    const both = new MailLog({ store, clock, keyring: new Keyring([NEW, OLD]) });
    const after = order();
    await both.open(after, { to: 'carl@example.org', keyVersion: keyring.current });
    const found = await both.findByAddress(APP, address('carl@example.org'), 10);
    expect(found.map(({ id }) => id)).to.deep.equal([mailIdOf(after), mailIdOf(before)]);
  });

  it('is found by Message-ID until a provider names the mail, and then by that name', async () => {
    const asked = await open('dora@example.org');
    const messageId = messageIdFor(keyring, { ...asked, from: 'x@shop.example' });
    const id = mailIdOf(asked);
    expect((await log.findByMessageId(APP, messageId))?.id).to.equal(id);
    expect(await log.findByMessageId(OTHER, messageId)).to.equal(undefined);
    const taken = { status: 'handed_over', at: clock.now(), transport: 'ses', providerId: 'p-1' } as const;
    await log.note(APP, id, { ...taken, isNamedByProvider: true });
    expect((await log.findByProviderId(APP, 'ses', 'p-1'))?.id).to.equal(id);
    expect(await log.findByProviderId(APP, 'postmark', 'p-1')).to.equal(undefined);
  });

  it('a provider that gives two mails one name loses neither', async () => {
    for (const name of ['eve@example.org', 'eve@example.com']) {
      const asked = await open(name);
      const taken = { status: 'handed_over', at: clock.now(), transport: 'http', providerId: 'ok' } as const;
      const mail = await log.note(APP, mailIdOf(asked), { ...taken, isNamedByProvider: true });
      expect(mail?.status).to.equal('handed_over');
    }
  });

  it('keeps every change, once, and a later report never undoes what was known', async () => {
    const id = mailIdOf(await open('fay@example.org'));
    const at = clock.now();
    const note = (status: LoggedMail['status'], more = {}) =>
      log.note(APP, id, { status, at: at + 1, ...more });
    await note('delayed', { reason: '451', nextTryAt: at + 5000 });
    await note('delayed', { reason: '451', at: at + 2, nextTryAt: at + 9000 });
    await note('handed_over', { transport: 'ses' });
    await note('bounced', { reason: '550 5.1.1' });
    await note('bounced', { reason: '550 5.1.1' });
    const mail = await note('accepted');
    expect(mail?.status).to.equal('bounced');
    expect(mail?.history.map(({ status }) => status)).to.deep.equal([
      'queued',
      'delayed',
      'handed_over',
      'bounced',
      'accepted',
    ]);
    expect(mail?.history[1]?.nextTryAt).to.equal(at + 9000);
    expect(told).to.deep.equal(['delayed', 'delayed', 'handed_over', 'bounced', 'bounced', 'bounced']);
  });

  it('32 reports at once: all stand in the history', async () => {
    const id = mailIdOf(await open('gus@example.org'));
    const at = clock.now();
    await Promise.all(
      Array.from({ length: 32 }, (_, one) =>
        log.note(APP, id, { status: 'handed_over', at: at + one, reason: `r${one}` }),
      ),
    );
    expect((await log.find(APP, id))?.history).to.have.length(33);
  });

  it('a worker faster than whoever opens the row opens it itself; both mean the same row', async () => {
    const asked = order();
    const traces = { to: 'hal@example.org', keyVersion: keyring.current };
    const change = { status: 'handed_over', at: clock.now(), transport: 'smtp' } as const;
    await Promise.all([
      log.note(APP, mailIdOf(asked), change, { order: asked, traces }),
      log.open(asked, traces),
    ]);
    const [mail, ...more] = await log.findByAddress(APP, address('hal@example.org'), 10);
    expect(mail?.history.map(({ status }) => status)).to.deep.equal(['queued', 'handed_over']);
    expect(more).to.deep.equal([]);
  });

  it('pages by time, and forgets after its retention', async () => {
    const app = asAppId('app-pages');
    const short = new MailLog({ store, clock, keyring, retentionOf: () => DAY });
    const ids: string[] = [];
    for (let hour = 0; hour < 5; hour += 1) {
      const asked = order({ app });
      await short.open(asked, { to: 'ida@example.org', keyVersion: keyring.current });
      ids.push(mailIdOf(asked));
      clock.move(DAY / 24);
    }
    const first = await short.page(app, { limit: 2 });
    const rest = await short.page(app, { limit: 10, after: first.at(-1)?.id ?? '' });
    expect([...first, ...rest].map(({ id }) => id)).to.deep.equal(ids);
    const since = await short.page(app, { limit: 10, since: clock.now() - DAY / 12 });
    expect(since.map(({ id }) => id)).to.deep.equal(ids.slice(3));
    clock.move(DAY);
    expect(await short.page(app, { limit: 10 })).to.deep.equal([]);
    expect(await short.note(app, ids[4] ?? '', { status: 'bounced', at: clock.now() })).to.equal(undefined);
  });
});
