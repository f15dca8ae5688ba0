/** Answers of authenticators that must sign nobody in. Every one of them leaves a page that leads on. */
import { expect } from 'chai';
import { MINUTE } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import {
  askOf,
  askOptions,
  enrol,
  PASSKEY_APPS,
  type Person,
  signInOffered,
  signInWithPasskey,
  skipOf,
} from '../../support/passkeys.ts';
import { type Answer, Browser, formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import { assert, makeKey, register, type Wrongs } from '../../support/software-authenticator.ts';

describe('passkeys: answers that sign nobody in', () => {
  let harness: Harness;
  let person: Person;
  before(async () => {
    harness = await startPostern({ apps: PASSKEY_APPS });
  });
  beforeEach(async () => {
    person = await enrol(harness, { wrongs: { counter: 5 } });
  });
  afterEach(() => restoreTime());
  after(() => harness.close());

  const isRefused = (answer: Answer): void => {
    expect(answer.status).to.equal(400);
    expect(pageOf(answer).text).to.include('use your email address');
    expect(formsOf(answer).some(({ fields }) => fields.some(({ name }) => name === 'email'))).to.equal(true);
    expect(JSON.stringify(answer.hops)).not.to.include('code=');
  };
  const stillWorks = async (counter: number): Promise<void> => {
    const { answer } = await signInWithPasskey(harness, person, { wrongs: { counter } });
    expect(callbackOf(answer)).to.include('code=');
  };
  const events = async (slug = 'shop') => {
    const app = harness.server.apps.bySlug(slug);
    return app ? harness.server.audit.list(app.id, { limit: 1000 }) : [];
  };

  it('AC-18 a replayed answer is refused, in the same page, another request and another browser', async () => {
    const { browser, page, sent, answer } = await signInWithPasskey(harness, person, {
      wrongs: { counter: 6 },
    });
    expect(callbackOf(answer)).to.include('code=');
    // The request it belonged to is over, whoever sends it again.
    const again = await browser.submit(formWith(page, 'authenticator_data'), sent);
    expect(again.body).not.to.include('code=');
    for (const other of [new Browser({ now: harness.clock.now }), browser]) {
      const fresh = await other.visit(await person.rp.authorizationUrl({ prompt: 'login' }));
      await askOptions(other, fresh);
      isRefused(await other.submit(formWith(fresh, 'authenticator_data'), sent));
    }
    await stillWorks(7);
  });

  it('AC-18 one answer sent twenty times at once signs in once, although its passkey counts nothing', async () => {
    const synced = await enrol(harness, { wrongs: { isSyncable: true } });
    const browser = new Browser({ now: harness.clock.now });
    const page = await browser.visit(await synced.rp.authorizationUrl());
    const { options } = await askOptions(browser, page);
    const sent = assert(synced.key, askOf(harness, options), synced.handle);
    const form = formWith(page, 'authenticator_data');
    const send = () => browser.tab().submit(form, sent, { follow: false, from: page.url });
    await Promise.all(Array.from({ length: 20 }, send));
    const owner = Buffer.from(synced.handle, 'base64url').toString().split('.')[1];
    const signedIn = (await events()).filter(
      (event) => event.type === 'sign_in.succeeded' && event.method === 'passkey' && event.userId === owner,
    );
    expect(signedIn).to.have.length(1);
  });

  const wrongs: readonly (readonly [string, Wrongs, Readonly<Record<string, string>>?])[] = [
    ['the other kind of ceremony', { type: 'webauthn.create' }],
    ['nobody verified', { userVerified: false }],
    ['nobody present', { userPresent: false }],
    ['a page in a frame', { clientData: { crossOrigin: true } }],
    ['oversize', {}, { authenticator_data: 'A'.repeat(13_000) }],
    ['an empty signature', {}, { signature: '' }],
    ['operators for a database', {}, { id: '$ne' }],
    ['the handle of nobody', {}, { user_handle: Buffer.from('nobody').toString('base64url') }],
  ];
  for (const [what, wrong, fields = {}] of wrongs) {
    it(`AC-18 ${what}: refused, and the passkey is as it was`, async () => {
      isRefused(
        (await signInWithPasskey(harness, person, { wrongs: { counter: 9, ...wrong }, fields })).answer,
      );
      await stillWorks(6);
    });
  }

  it('AC-18 another origin, another relying party, another key: refused', async () => {
    const origin = { origin: 'http://localhost.evil.example' };
    isRefused((await signInWithPasskey(harness, person, { wrongs: { counter: 9 }, ...origin })).answer);
    isRefused(
      (await signInWithPasskey(harness, person, { wrongs: { counter: 9 }, rpId: 'shop.example' })).answer,
    );
    const stolen = { ...person, key: makeKey('ES256', person.key.id) };
    isRefused((await signInWithPasskey(harness, stolen, { wrongs: { counter: 9 } })).answer);
    await stillWorks(6);
  });

  it('AC-18 a challenge of another browser, of another request, and one that is too old: refused', async () => {
    const [mine, thief] = [new Browser({ now: harness.clock.now }), new Browser({ now: harness.clock.now })];
    const page = await mine.visit(await person.rp.authorizationUrl());
    const { options } = await askOptions(mine, page);
    const answer = () => assert(person.key, askOf(harness, options), person.handle, { counter: 6 });
    for (const other of [thief, mine.tab()]) {
      const fresh = await other.visit(await person.rp.authorizationUrl());
      await askOptions(other, fresh);
      isRefused(await other.submit(formWith(fresh, 'authenticator_data'), answer()));
    }
    passTime(harness, 5 * MINUTE + 1000);
    isRefused(await mine.submit(formWith(page, 'authenticator_data'), answer()));
  });

  it('AC-18 two apps of one host: the passkey of one is unknown to the other, which does not have it forgotten', async () => {
    const studio = harness.rp('studio');
    const { answer } = await signInWithPasskey(harness, person, { rp: studio, wrongs: { counter: 9 } });
    isRefused(answer);
    expect(answer.body).not.to.include('data-passkey-gone');
    const unknown = { ...person, key: makeKey() };
    const own = await signInWithPasskey(harness, unknown);
    isRefused(own.answer);
    expect(own.answer.body, 'one of ours that is gone').to.include('data-passkey-gone');
  });

  it('AC-18 a credential id that is another user’s cannot be made again', async () => {
    const { browser, offer } = await signInOffered(harness);
    const { options } = await askOptions(browser, offer);
    const forged = register(makeKey('ES256', person.key.id), askOf(harness, options));
    const page = await browser.submit(formWith(offer, 'attestation'), forged);
    expect(page.status).to.equal(400);
    expect(callbackOf(await browser.submit(skipOf(page)))).to.include('code=');
    await stillWorks(6);
  });

  it('AC-18 a counter that goes back: refused, suspended, written down; nobody can have a passkey suspended without its key', async () => {
    const forged = { ...person, key: makeKey('ES256', person.key.id) };
    isRefused((await signInWithPasskey(harness, forged, { wrongs: { counter: 1 } })).answer);
    await stillWorks(6);
    passTime(harness, 1000);
    const { answer } = await signInWithPasskey(harness, person, { wrongs: { counter: 6 } });
    expect(answer.status).to.equal(400);
    expect(pageOf(answer).text).to.include('we have switched it off');
    const after = await signInWithPasskey(harness, person, { wrongs: { counter: 7 } });
    expect(pageOf(after.answer).text).to.include('we have switched it off');
    const told = (await events()).filter((event) => event.type === 'passkey.counter_rollback');
    expect(told.at(-1)).to.deep.include({ expected: 6, told: 6 });
  });

  it('a synced passkey tells zero for ever and is fine', async () => {
    const synced = await enrol(harness, { wrongs: { isSyncable: true } });
    for (let time = 0; time < 3; time += 1) {
      expect(callbackOf((await signInWithPasskey(harness, synced)).answer)).to.include('code=');
    }
  });

  it('AC-21 a blocked user is told so after the proof; a removed one is unknown', async () => {
    const app = harness.server.apps.bySlug('shop');
    const owner = Buffer.from(person.handle, 'base64url').toString().split('.')[1] ?? '';
    if (!app) throw new Error('no app');
    await harness.server.users.disable(app, owner);
    const blocked = await signInWithPasskey(harness, person, { wrongs: { counter: 6 } });
    expect(blocked.answer.status).to.equal(403);
    await harness.server.users.remove(app, owner);
    isRefused((await signInWithPasskey(harness, person, { wrongs: { counter: 7 } })).answer);
    const anew = await signInOffered(harness, { address: person.address });
    expect(pageOf(anew.offer).title, 'a new user with no passkey').to.include('Sign in faster');
  });

  it('ML-55 options are alike for everybody, and no GET makes a ceremony', async () => {
    const browser = new Browser({ now: harness.clock.now });
    const hint = { login_hint: person.address };
    const known = await browser.visit(await person.rp.authorizationUrl(hint));
    const { options } = await askOptions(browser, known, { email: person.address });
    expect(options.allowCredentials).to.deep.equal([]);
    expect(Object.keys(options).sort()).to.deep.equal([
      'allowCredentials',
      'challenge',
      'rpId',
      'timeout',
      'userVerification',
    ]);
    const url = /data-options="([^"]+)"/.exec(known.body)?.[1] ?? '';
    expect((await browser.fetch(url, {})).status).to.equal(405);
  });

  it('WB-02 neither options nor sign-in without the token of the page', async () => {
    const browser = new Browser({ now: harness.clock.now });
    const page = await browser.visit(await person.rp.authorizationUrl());
    const { answer } = await askOptions(browser, page, { csrf: 'forged' });
    expect(answer.status).to.equal(400);
    expect(answer.body).not.to.include('"challenge"');
  });

  it('steps of the offer are none of a request that nobody signed in to, and the sign-in none of an offer', async () => {
    const browser = new Browser({ now: harness.clock.now });
    const page = await browser.visit(await person.rp.authorizationUrl());
    const at = (path: string) => page.body.replaceAll(/passkey-options/g, path);
    for (const step of ['passkey-new-options', 'passkey-new', 'skip']) {
      const { answer } = await askOptions(browser, { ...page, body: at(step) });
      expect(answer.status, step).to.equal(400);
    }
    const offered = await signInOffered(harness);
    const body = offered.offer.body.replaceAll('passkey-new-options', 'passkey-options');
    const { answer } = await askOptions(offered.browser, { ...offered.offer, body });
    expect(answer.status).to.equal(400);
  });

  it('sites that may use passkeys of this host are told where browsers ask, and only there', async () => {
    const methods = { magic_link: {}, passkey: { related_origins: ['https://shop.example'] } };
    const related = await startPostern({ apps: { shop: { ...PASSKEY_APPS.shop, methods } } });
    try {
      const browser = new Browser({ now: related.clock.now });
      const told = await browser.visit(`${related.url}/.well-known/webauthn`);
      expect(told.headers['content-type']).to.include('application/json');
      expect(JSON.parse(told.body)).to.deep.equal({ origins: ['https://shop.example'] });
      expect((await browser.visit(`${harness.url}/.well-known/webauthn`)).status).to.equal(404);
    } finally {
      await related.close();
    }
  });

  it('off in an app: no button, no route', async () => {
    const off = await startPostern();
    try {
      const browser = new Browser({ now: off.clock.now });
      const page = await browser.visit(await off.rp().authorizationUrl());
      expect(page.body).not.to.include('passkey');
      const csrf = formWith(page, 'email').fields.find(({ name }) => name === 'csrf')?.value ?? '';
      for (const step of ['passkey', 'passkey-options', 'passkey-new', 'passkey-new-options']) {
        const body = new URLSearchParams({ csrf });
        expect(
          (await browser.tab().visit(`${page.url}/${step}`, { method: 'POST', body, from: page.url })).status,
          step,
        ).to.equal(404);
      }
    } finally {
      await off.close();
    }
  });
});
