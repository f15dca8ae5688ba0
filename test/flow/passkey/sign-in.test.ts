import { expect } from 'chai';
import { DAY, MINUTE } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import {
  askOf,
  askOptions,
  enrol,
  PASSKEY_APPS,
  signInOffered,
  signInWithPasskey,
  skipOf,
} from '../../support/passkeys.ts';
import { Browser, formWith, pageOf } from '../../support/relying-party.ts';
import { makeKey, register } from '../../support/software-authenticator.ts';

describe('passkeys: making one and signing in with it', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await startPostern({ apps: PASSKEY_APPS });
  });
  afterEach(async () => {
    restoreTime();
    await harness.close();
  });

  const claimsOf = async (
    rp: Parameters<typeof signInWithPasskey>[1]['rp'],
    answer: Parameters<typeof callbackOf>[0],
  ) => {
    const { id_token } = await rp.exchange(callbackOf(answer));
    return JSON.parse(Buffer.from(id_token?.split('.')[1] ?? '', 'base64url').toString('utf8'));
  };

  it('behind a sign-in by code a passkey is offered and made, and the request goes on to its client', async () => {
    const person = await enrol(harness);
    const first = await claimsOf(person.rp, person.done);
    const { answer } = await signInWithPasskey(harness, person);
    const second = await claimsOf(person.rp, answer);
    expect(second.sub).to.equal(first.sub);
    expect(first).to.deep.include({ acr: 'urn:postern:acr:email', amr: ['email'] });
    // AC-20: proof of a key, somebody was there, and his device has checked that it was he.
    expect(second).to.deep.include({ acr: 'phr', amr: ['pop', 'user', 'mfa'] });
  });

  it('`Not now` goes on to the client; the offer does not come back within a week, in any browser', async () => {
    const first = await signInOffered(harness);
    expect(pageOf(first.offer).title).to.include('Sign in faster next time');
    const done = await first.browser.submit(skipOf(first.offer));
    expect(await claimsOf(first.rp, done)).to.have.property('sub');
    const { address } = first;
    passTime(harness, 6 * DAY);
    expect(callbackOf((await signInOffered(harness, { address })).offer)).to.be.a('string');
    passTime(harness, 2 * DAY);
    expect(pageOf((await signInOffered(harness, { address })).offer).title).to.include('faster');
  });

  it('a browser that said nothing of passkeys is offered none', async () => {
    const browser = new Browser({ now: harness.clock.now });
    const rp = harness.rp();
    const address = newAddress();
    const start = await browser.visit(await rp.authorizationUrl());
    const waiting = await browser.submit(formWith(start, 'email'), { email: address });
    const { code } = await harness.mailTo(address);
    expect(callbackOf(await browser.submit(formWith(waiting, 'code'), { code }))).to.be.a('string');
  });

  it('AC-19 whoever holds a passkey is offered no other behind a mail', async () => {
    const { address } = await enrol(harness);
    passTime(harness, 8 * DAY);
    expect(callbackOf((await signInOffered(harness, { address })).offer)).to.be.a('string');
  });

  it('AC-19 a page that lay open for too long adds nothing; the sign-in goes on', async () => {
    const { browser, offer } = await signInOffered(harness);
    const before = await askOptions(browser, offer);
    passTime(harness, 4 * MINUTE);
    const late = await browser.submit(
      formWith(offer, 'attestation'),
      register(makeKey(), askOf(harness, before.options)),
    );
    expect(callbackOf(late), 'four minutes are no time').to.be.a('string');
    const other = await signInOffered(harness);
    passTime(harness, 11 * MINUTE);
    const { options } = await askOptions(other.browser, other.offer);
    const page = await other.browser.submit(
      formWith(other.offer, 'attestation'),
      register(makeKey(), askOf(harness, options)),
    );
    expect(page.status).to.equal(400);
    expect(pageOf(page).text).to.include('too long ago');
    const done = await other.browser.submit(skipOf(page));
    const { auth_time: signedInAt } = await claimsOf(other.rp, done);
    expect(signedInAt, 'looking at a page is no sign-in').to.be.below(harness.clock.now() / 1000 - 10 * 60);
  });

  it('AC-18 an authenticator that has one already is told so; the options name its user in no readable way', async () => {
    const { browser, offer, address } = await signInOffered(harness);
    const { options } = await askOptions(browser, offer);
    expect(options.excludeCredentials).to.deep.equal([]);
    expect(options.user?.name).to.equal(address);
    expect(Buffer.from(options.user?.id ?? '', 'base64url').toString()).to.match(/^[\w-]{22}\.[\w-]{22}$/);
  });

  it('ML-48 prompt=login and max_age: a passkey is a fresh proof', async () => {
    const person = await enrol(harness);
    const first = await claimsOf(person.rp, person.done);
    passTime(harness, 5000);
    const { answer } = await signInWithPasskey(harness, person, {
      browser: person.browser,
      params: { prompt: 'login', max_age: '1' },
    });
    expect((await claimsOf(person.rp, answer)).auth_time).to.be.above(first.auth_time);
  });

  it('ML-44 signed in as somebody else: both are named, nothing is spent, and the answer still serves', async () => {
    const [one, other] = [await enrol(harness), await enrol(harness)];
    const { answer: asked, browser } = await signInWithPasskey(harness, other, {
      browser: one.browser,
      params: { prompt: 'login' },
    });
    expect(pageOf(asked).text).to.include(one.address).and.include(other.address);
    const done = await browser.submit(formWith(asked, 'authenticator_data'));
    expect(await claimsOf(other.rp, done)).to.have.property('acr', 'phr');
  });

  it('what happens is written down: enrolled, signed in by it, and no credential id or address', async () => {
    const person = await enrol(harness);
    await signInWithPasskey(harness, person);
    const app = harness.server.apps.bySlug('shop');
    const events = app ? await harness.server.audit.list(app.id, { limit: 100 }) : [];
    expect(events.map(({ type }) => type)).to.include.members(['passkey.enrolled', 'sign_in.succeeded']);
    expect(events.filter((event) => event.type === 'sign_in.succeeded').at(-1)).to.deep.include({
      method: 'passkey',
    });
    expect(JSON.stringify(events)).not.to.include(person.key.id).and.not.to.include(person.address);
  });
});
