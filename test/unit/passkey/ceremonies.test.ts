import { expect } from 'chai';
import { MINUTE } from '../../../src/core/clock.ts';
import { asAppId } from '../../../src/core/ids.ts';
import { Ceremonies, type CeremonyBinding } from '../../../src/methods/passkey/ceremonies.ts';
import { openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/port.ts';
import { testPlace } from '../../support/stand.ts';

const APP = asAppId('a'.repeat(22));
const BINDING: CeremonyBinding = { purpose: 'sign_in', place: 'interaction', browser: 'browser' };

describe('passkeys: ceremonies', () => {
  let now = 1_000_000;
  let store: Store;
  let ceremonies: Ceremonies;
  let place: Awaited<ReturnType<typeof testPlace>>;
  before(async () => {
    place = await testPlace(undefined, 'sqlite');
    store = openStore(place.storeUrl);
    await store.prepare();
    ceremonies = new Ceremonies(store.oneTime, { now: () => now });
  });
  after(async () => {
    await store.close();
    await place.remove();
  });

  it('AC-18 a challenge is 256 random bits, and the store does not hold it', async () => {
    const made = await Promise.all([ceremonies.begin(APP, BINDING), ceremonies.begin(APP, BINDING)]);
    expect(new Set(made)).to.have.property('size', 2);
    for (const challenge of made) {
      expect(Buffer.from(challenge, 'base64url')).to.have.length(32);
      expect(await place.dump()).not.to.include(challenge);
    }
  });

  it('AC-18 it serves one purpose, place, browser, person and app, and nobody else can spend it', async () => {
    const challenge = await ceremonies.begin(APP, BINDING);
    const others: readonly CeremonyBinding[] = [
      { ...BINDING, purpose: 'enrol' },
      { ...BINDING, place: 'another' },
      { ...BINDING, browser: 'another' },
      { ...BINDING, userId: 'somebody' },
    ];
    for (const other of others) {
      expect(await ceremonies.peek(APP, challenge, other)).to.equal(undefined);
      expect(await ceremonies.consume(APP, challenge, other)).to.equal(false);
    }
    expect(await ceremonies.consume(asAppId('b'.repeat(22)), challenge, BINDING)).to.equal(false);
    expect(await ceremonies.peek(APP, challenge, BINDING)).to.equal(now);
  });

  it('AC-18 it is spent once, by one of many', async () => {
    const challenge = await ceremonies.begin(APP, BINDING);
    const all = Array.from({ length: 30 }, () => ceremonies.consume(APP, challenge, BINDING));
    expect((await Promise.all(all)).filter(Boolean)).to.have.length(1);
  });

  it('AC-18 five minutes, no longer', async () => {
    const challenge = await ceremonies.begin(APP, BINDING);
    now += 5 * MINUTE - 1;
    expect(await ceremonies.peek(APP, challenge, BINDING)).to.be.a('number');
    now += 1;
    expect(await ceremonies.consume(APP, challenge, BINDING)).to.equal(false);
  });
});
