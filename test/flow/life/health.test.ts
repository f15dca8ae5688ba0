/** Liveness and readiness over HTTP: what they reflect, what they cost, what they tell. */
import { expect } from 'chai';
import type { Delivery } from '../../../src/mail/transport.ts';
import { type Store, StoreUnavailable } from '../../../src/store/port.ts';
import { ask, type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { newBrowser } from '../../support/sign-in.ts';

describe('health', () => {
  let ping: () => Promise<void> = async () => undefined;
  let pings = 0;
  let delivery: Delivery = { outcome: 'accepted' };
  let harness: Harness;

  before(async () => {
    const wrapStore = (real: Store): Store => ({
      ...real,
      records: real.records,
      prepare: () => real.prepare(),
      sweep: (now, limit) => real.sweep(now, limit),
      close: () => real.close(),
      ping: () => {
        pings += 1;
        return ping();
      },
    });
    const transport = { name: 'test', send: async () => delivery, close: async () => undefined };
    harness = await startPostern({ wrapStore, transport });
  });
  after(async () => {
    await harness.close();
  });

  async function look(path: 'live' | 'ready'): Promise<string> {
    const answer = await fetch(`${harness.url}/health/${path}`);
    expect(answer.headers.get('cache-control')).to.equal('no-store');
    const body: unknown = await answer.json();
    expect(Object.keys(Object(body)), 'one word, nothing else').to.deep.equal(['status']);
    return `${answer.status} ${Object(body).status}`;
  }

  const later = () => harness.clock.move(1500);

  it('RL-21 reflects the store, asked once a second at most', async () => {
    // Each server looks for itself.
    expect(await Promise.all([look('ready'), look('ready')])).to.deep.equal(['200 ok', '200 ok']);
    ping = () => Promise.reject(new StoreUnavailable(new Error('away')));
    const before = pings;
    expect(await Promise.all([look('ready'), look('ready'), look('ready')])).to.deep.equal([
      '200 ok',
      '200 ok',
      '200 ok',
    ]);
    expect(pings).to.equal(before);
    later();
    expect(await look('ready')).to.equal('503 unavailable');
    expect(await look('live'), 'never depends on the store').to.equal('200 ok');
    ping = async () => undefined;
    later();
    expect(await look('ready')).to.equal('200 ok');
  });

  it('RL-21 a store that never answers is unavailable, and the probe is answered', async () => {
    ping = () => new Promise(() => undefined);
    later();
    expect(await look('ready')).to.equal('503 unavailable');
    ping = async () => undefined;
    later();
  });

  it('RL-21 mail that waits for more than a minute is told and takes nobody out of service', async () => {
    delivery = { outcome: 'deferred', reason: 'greylisted', scope: 'recipient' };
    await ask(newBrowser(harness), harness.rp(), newAddress());
    await harness.server.jobs.runDue();
    harness.clock.move(50_000);
    await harness.server.jobs.runDue();
    expect(await look('ready')).to.equal('200 ok');
    harness.clock.move(15_000);
    expect(await look('ready')).to.equal('200 degraded');
    delivery = { outcome: 'accepted' };
    harness.clock.move(60_000);
    await harness.server.jobs.runDue();
    expect(await look('ready')).to.equal('200 ok');
  });
});
