import { expect } from 'chai';
import { createAudit } from '../../src/audit/audit.ts';
import { DAY, HOUR } from '../../src/core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../../src/core/email-address.ts';
import { asAppId } from '../../src/core/ids.ts';
import { Keyring } from '../../src/core/keyring.ts';
import { Suppressions } from '../../src/mail/suppressions.ts';
import { memoryStore, TestClock } from '../flow/mail/memory-store.ts';

const [SHOP, BANK] = [asAppId('shop'), asAppId('bank')];
const [OLD, NEW] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

const address = (written: string): EmailAddress => {
  const parsed = parseEmailAddress(written);
  if (!parsed) throw new Error(`not an address: ${written}`);
  return parsed;
};
const ANN = address('ann@example.org');

describe('suppressions', () => {
  const open = (soft_bounce_days = 3) => {
    const [store, clock] = [memoryStore(), new TestClock()];
    const audit = createAudit({ store, clock });
    const settings = { bounced: 90 * DAY, complained: 365 * DAY, soft_bounce_days };
    const under = (...masters: Buffer[]) =>
      new Suppressions({ store, clock, audit, keyring: new Keyring(masters), settingsOf: () => settings });
    const events = async () =>
      (await audit.list(SHOP, { limit: 100 })).map(
        ({ id: _, at: __, app: ___, mailbox: ____, ...rest }) => rest,
      );
    return { store, clock, audit, under, events, list: under(OLD) };
  };

  it('hold one mailbox of one app until their end, in any spelling of the address', async () => {
    const { clock, list } = open();
    expect(await list.add(SHOP, ANN, { reason: 'bounced', by: 'postmark', detail: '5.1.1' })).equal(true);
    const held = await list.find(SHOP, address('Ann@EXAMPLE.org'));
    expect(held).deep.equal({
      reason: 'bounced',
      since: clock.now(),
      until: clock.now() + 90 * DAY,
      by: 'postmark',
      detail: '5.1.1',
    });
    expect(await list.find(BANK, ANN), 'another app').equal(undefined);
    expect(await list.find(SHOP, address('ann+tag@example.org')), 'another address').equal(undefined);
    clock.move(90 * DAY);
    expect(await list.find(SHOP, ANN)).equal(undefined);
  });

  it('tell the strongest reason, and end each by itself', async () => {
    const { clock, list } = open();
    await list.add(SHOP, ANN, { reason: 'complained', by: 'ses' });
    clock.move(360 * DAY);
    await list.add(SHOP, ANN, { reason: 'bounced', by: 'ses' });
    expect((await list.find(SHOP, ANN))?.reason).equal('complained');
    clock.move(10 * DAY);
    expect((await list.find(SHOP, ANN))?.reason).equal('bounced');
  });

  it("the operator's word has no end and only the operator takes it back", async () => {
    const { clock, list, events } = open();
    await list.add(SHOP, ANN, { reason: 'operator', by: 'operator' });
    clock.move(3650 * DAY);
    expect(await list.proved(SHOP, ANN)).equal(false);
    expect(await list.find(SHOP, ANN)).include({ reason: 'operator', until: undefined });
    expect(await list.remove(SHOP, ANN)).equal(true);
    expect(await list.find(SHOP, ANN)).equal(undefined);
    expect(await list.remove(SHOP, ANN), 'a second time').equal(false);
    expect((await events()).map(({ type }) => type)).deep.equal(['mail.unsuppressed']);
  });

  it('who proves the mailbox lifts a bounce, and no complaint', async () => {
    const { clock, list, events } = open();
    await list.add(SHOP, ANN, { reason: 'bounced', by: 'ses' });
    await list.add(SHOP, ANN, { reason: 'complained', by: 'ses' });
    clock.move(1);
    expect(await list.proved(SHOP, ANN)).equal(true);
    expect((await list.find(SHOP, ANN))?.reason).equal('complained');
    expect((await events()).at(-1)).include({ type: 'mail.unsuppressed', by: 'proof' });
  });

  it('a bounce of before the proof that is told after it changes nothing', async () => {
    const { clock, list } = open();
    await list.add(SHOP, ANN, { reason: 'bounced', by: 'ses', at: clock.now() });
    clock.move(HOUR);
    await list.proved(SHOP, ANN);
    clock.move(HOUR);
    expect(await list.add(SHOP, ANN, { reason: 'bounced', by: 'ses', at: clock.now() - 90 * 60_000 })).equal(
      false,
    );
    expect(await list.find(SHOP, ANN)).equal(undefined);
    expect(await list.add(SHOP, ANN, { reason: 'bounced', by: 'ses', at: clock.now() })).equal(true);
  });

  it('one soft bounce suppresses nobody, nor do many on one day; on three days of fourteen they do', async () => {
    const { clock, list } = open();
    for (let nth = 0; nth < 50; nth += 1) await list.softBounce(SHOP, ANN, { by: 'ses' });
    expect(await list.find(SHOP, ANN)).equal(undefined);
    clock.move(DAY);
    await list.softBounce(SHOP, ANN, { by: 'ses' });
    expect(await list.find(SHOP, ANN)).equal(undefined);
    clock.move(DAY);
    expect(await list.softBounce(SHOP, ANN, { by: 'ses', detail: 'mailbox full' })).equal(true);
    expect(await list.find(SHOP, ANN)).include({ reason: 'bounced', until: clock.now() + 14 * DAY });
  });

  it('soft bounces over three weeks, or with a delivery in between, suppress nobody', async () => {
    const { clock, list } = open();
    for (let nth = 0; nth < 6; nth += 1) {
      await list.softBounce(SHOP, ANN, { by: 'ses' });
      clock.move(8 * DAY);
    }
    expect(await list.find(SHOP, ANN)).equal(undefined);
    clock.move(14 * DAY);
    for (let nth = 0; nth < 6; nth += 1) {
      await list.softBounce(SHOP, ANN, { by: 'ses' });
      clock.move(DAY);
      if (nth % 2 === 1) await list.delivered(SHOP, ANN);
    }
    expect(await list.find(SHOP, ANN)).equal(undefined);
  });

  it('0 days: no number of soft bounces suppresses anybody', async () => {
    const { clock, list } = open(0);
    for (let nth = 0; nth < 14; nth += 1) {
      await list.softBounce(SHOP, ANN, { by: 'ses' });
      clock.move(DAY);
    }
    expect(await list.find(SHOP, ANN)).equal(undefined);
  });

  it('ML-03 hold no address in clear, and list it masked', async () => {
    const { store, list, events } = open();
    await list.add(SHOP, ANN, { reason: 'bounced', by: 'ses' });
    expect(store.dump()).not.match(/ann@|example\.org/);
    const { found } = await list.list(SHOP, { limit: 10 });
    expect(found.map(({ maskedAddress }) => maskedAddress)).deep.equal(['a…@example.org']);
    expect(await events()).deep.equal([
      { type: 'mail.suppressed', reason: 'bounced', by: 'ses', until: found[0]?.until },
    ]);
  });

  it('are found under a new master secret, and without the old one after a reseal', async () => {
    const { under } = open();
    await under(OLD).add(SHOP, ANN, { reason: 'operator', by: 'operator' });
    expect((await under(NEW, OLD).find(SHOP, ANN))?.reason).equal('operator');
    expect(await under(NEW, OLD).reseal(SHOP)).equal(1);
    expect(await under(NEW, OLD).reseal(SHOP)).equal(0);
    expect((await under(NEW).find(SHOP, ANN))?.reason).equal('operator');
    expect((await under(NEW).list(SHOP, { limit: 10 })).found).length(1);
    expect(await under(NEW).remove(SHOP, ANN)).equal(true);
  });

  it('AD-10 an event is written even if the process dies right behind the act', async () => {
    const { store, clock, audit } = open();
    const dying = { promise: audit.promise, keep: () => Promise.reject(new Error('killed')) };
    const list = new Suppressions({
      store,
      clock,
      audit: dying,
      keyring: new Keyring([OLD]),
      settingsOf: () => undefined,
    });
    await list.add(SHOP, ANN, { reason: 'bounced', by: 'ses' }).catch(() => undefined);
    expect(await audit.list(SHOP, { limit: 10 })).length(0);
    clock.move(20_000);
    await audit.keepDue(10);
    expect((await audit.list(SHOP, { limit: 10 })).map(({ type }) => type)).deep.equal(['mail.suppressed']);
  });

  it('two bounces at once: one event', async () => {
    const { list, events } = open();
    const told = await Promise.all(
      Array.from({ length: 8 }, () => list.add(SHOP, ANN, { reason: 'bounced', by: 'ses' })),
    );
    expect(told.filter(Boolean)).length(1);
    expect(await events()).length(1);
  });
});
