/** How long a sign-in at Postern itself lasts: unused, at the most, and beyond the browser's window. */
import { expect } from 'chai';
import { DAY, HOUR, MINUTE } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { again, type Login, login } from '../../support/logins.ts';
import { Browser } from '../../support/relying-party.ts';
import { sessionsIn } from '../../support/sign-in.ts';
import { startTwin, type Twin } from '../../support/twin.ts';

const clients = { web: publicClient() };
const APPS = {
  shop: { name: 'Shop', lifetimes: { session_idle: '2h', session_absolute: '5h' }, clients },
  brief: { name: 'Brief', lifetimes: { session_cookie: 'transient' }, clients },
  usual: { name: 'Usual', clients },
};

describe('life of a session', () => {
  let harness: Harness;
  let twin: Twin;
  before(async () => {
    harness = await startPostern({ apps: APPS });
    twin = await startTwin(harness);
  });
  after(async () => {
    await twin.close();
    await harness.close();
  });
  afterEach(restoreTime);

  const isSignedIn = async ({ browser, rp }: Pick<Login, 'browser' | 'rp'>): Promise<boolean> => {
    const answer = await browser.visit(await rp.authorizationUrl({ prompt: 'none' }));
    return new URL(answer.next ?? '').searchParams.has('code');
  };

  it('idle: ends when it was not used for that long, and only then', async () => {
    const person = await login(harness);
    passTime(harness, 2 * HOUR - MINUTE);
    expect(await isSignedIn(person)).to.equal(true);
    passTime(harness, 2 * HOUR - MINUTE);
    expect(await isSignedIn(person)).to.equal(true);
    passTime(harness, 2 * HOUR + MINUTE);
    expect(await isSignedIn(person)).to.equal(false);
  });

  it('absolute: ends that long after the sign-in however much it is used, at both servers', async () => {
    const person = await login(harness);
    // The same cookies, carried to the other server.
    const elsewhere = new Browser({ now: harness.clock.now, route: twin.route }, person.browser.jar);
    for (let hour = 1; hour < 5; hour += 1) {
      passTime(harness, HOUR);
      const browser = hour % 2 === 0 ? person.browser : elsewhere;
      expect(await isSignedIn({ browser, rp: person.rp }), `after ${hour} h`).to.equal(true);
    }
    passTime(harness, HOUR - MINUTE);
    expect(await isSignedIn(person)).to.equal(true);
    passTime(harness, 2 * MINUTE);
    expect(await isSignedIn({ browser: elsewhere.clone(), rp: person.rp })).to.equal(false);
    expect(await isSignedIn(person)).to.equal(false);
  });

  it('absolute: counts from the latest sign-in, and the cookie says so', async () => {
    const person = await login(harness);
    passTime(harness, HOUR);
    await login(harness, { ...person, params: { prompt: 'login' } });
    const signedInAt = harness.clock.now();
    for (let hour = 1; hour < 5; hour += 1) {
      passTime(harness, HOUR);
      expect(await isSignedIn(person), `after ${hour} h`).to.equal(true);
    }
    const [cookie] = sessionsIn(person.browser);
    expect(Number(cookie?.expires)).to.be.closeTo(signedInAt + 5 * HOUR, 5000);
  });

  it('absolute: a limit that was lowered since holds for sessions that are there', async () => {
    const person = await login(harness);
    const { shop } = harness.config.apps;
    if (!shop) throw new Error('no shop');
    const lifetimes = { ...shop.lifetimes, session_idle: HOUR, session_absolute: HOUR };
    const strict = await startTwin(harness, {
      apps: { ...harness.config.apps, shop: { ...shop, lifetimes } },
    });
    try {
      const browser = new Browser({ now: harness.clock.now, route: strict.route }, person.browser.jar);
      expect(await isSignedIn({ browser: browser.clone(), rp: person.rp })).to.equal(true);
      passTime(harness, HOUR + MINUTE);
      expect(await isSignedIn({ browser: browser.clone(), rp: person.rp })).to.equal(false);
    } finally {
      await strict.close();
    }
  });

  it('the defaults: two weeks unused, thirty days at the most', async () => {
    const { lifetimes } = harness.config.apps.usual ?? {};
    expect(lifetimes).to.include({ session_idle: 14 * DAY, session_absolute: 30 * DAY });
  });

  it('transient: the cookie goes with the window, persistent: it stays', async () => {
    const brief = await login(harness, { slug: 'brief' });
    expect(sessionsIn(brief.browser).map(({ expires }) => expires)).to.deep.equal([undefined]);
    await again(brief.browser, brief.rp);
    expect(sessionsIn(brief.browser).map(({ expires }) => expires)).to.deep.equal([undefined]);
    const usual = await login(harness, { slug: 'usual' });
    expect(sessionsIn(usual.browser)[0]?.expires).to.be.greaterThan(harness.clock.now());
  });
});
