import { expect } from 'chai';
import { createAudit } from '../../src/audit/audit.ts';
import { DAY } from '../../src/core/clock.ts';
import { newEventId } from '../../src/core/event-id.ts';
import { asAppId, asUserId } from '../../src/core/ids.ts';
import { memoryStore, TestClock } from '../flow/mail/memory-store.ts';

const [SHOP, BANK] = [asAppId('shop'), asAppId('bank')];

describe('audit', () => {
  const open = () => {
    const [store, clock] = [memoryStore(), new TestClock()];
    return { store, clock, audit: createAudit({ store, clock }) };
  };

  it('lists the events of one app in the order of time, page by page', async () => {
    const { clock, audit } = open();
    for (let at = 0; at < 5; at += 1) {
      await audit.record(SHOP, { type: 'challenge.begun', purpose: 'sign_in', ip: `192.0.2.${at}` });
      clock.move(1);
    }
    await audit.record(BANK, { type: 'challenge.reported' });
    const first = await audit.list(SHOP, { limit: 3 });
    const rest = await audit.list(SHOP, { limit: 3, after: first.at(-1)?.id ?? '' });
    expect([...first, ...rest].map((event) => event.ip)).deep.equal(
      [0, 1, 2, 3, 4].map((at) => `192.0.2.${at}`),
    );
    expect(first[0]).include({ app: SHOP, type: 'challenge.begun', purpose: 'sign_in', at: clock.now() - 5 });
  });

  it('writes an event of a given id once, however often a repair records it', async () => {
    const { store, clock, audit } = open();
    const event = {
      id: newEventId(clock.now()),
      at: clock.now(),
      type: 'grant.revoked',
      reason: 'reuse',
    } as const;
    expect(await audit.record(SHOP, event)).equal(event.id);
    clock.move(10_000);
    await audit.record(SHOP, event);
    const events = await audit.list(SHOP, { limit: 10 });
    expect(events).deep.equal([{ ...event, app: SHOP }]);
    expect(store.writes).include({ insert: 1, replace: 0, remove: 0 });
  });

  it('makes ids of one length whose order is the order of time', () => {
    const moments = [0, 1, 255, 4096, 1_800_000_000_000, 1_800_000_000_001, 2 ** 47];
    const ids = moments.map(newEventId);
    expect([...ids].sort()).deep.equal(ids);
    for (const id of ids) expect(id).match(/^[0-9a-f]{32}$/);
    expect(newEventId(1)).not.equal(newEventId(1));
  });

  it('finds events from a moment on, and those of one user', async () => {
    const { clock, audit } = open();
    const [ann, bob] = [asUserId('ann'), asUserId('bob')];
    await audit.record(SHOP, { type: 'sign_in.succeeded', method: 'magic_link', userId: ann });
    clock.move(1000);
    const moment = clock.now();
    await audit.record(SHOP, { type: 'sign_in.succeeded', method: 'magic_link', userId: bob });
    await audit.record(SHOP, { type: 'sign_out', by: 'user', userId: ann });
    const since = await audit.list(SHOP, { since: moment, limit: 10 });
    expect(since.map((event) => event.userId)).have.members([ann, bob]);
    const ofAnn = await audit.list(SHOP, { userId: ann, limit: 10 });
    expect(ofAnn.map((event) => event.type)).deep.equal(['sign_in.succeeded', 'sign_out']);
  });

  it('forgets after 400 days', async () => {
    const { clock, audit } = open();
    await audit.record(SHOP, { type: 'challenge.continued' });
    clock.move(400 * DAY - 1);
    expect(await audit.list(SHOP, { limit: 1 })).length(1);
    clock.move(1);
    expect(await audit.list(SHOP, { limit: 1 })).length(0);
  });
});
