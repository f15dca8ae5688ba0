/** Passwords: chosen behind the mailbox's proof, the same answer for everybody, and a reset that ends what was given. */
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import {
  APPS,
  callbackOf,
  type Harness,
  publicClient,
  redeemLink,
  startPostern,
} from '../../support/harness.ts';
import { newAddress, refreshWith } from '../../support/logins.ts';
import {
  formTo,
  identify,
  PASSWORD,
  proveForPassword,
  registered,
  signInByPassword,
  withPasswords,
} from '../../support/passwords.ts';
import { type Answer, formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import { allEvents, csrfOf, interactionOf, isSignedIn, newBrowser } from '../../support/sign-in.ts';

/** A client that renews its tokens. */
const FRESH = publicClient({ grant_types: ['authorization_code', 'refresh_token'] });
const OTHER = 'eighteen blue herons';

describe('password', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern({
      apps: withPasswords(
        {
          ...APPS.shop,
          clients: { ...APPS.shop.clients, fresh: FRESH },
          limits: { mails_per_mailbox: 1000, mails_per_network: 100_000 },
        },
        APPS.studio,
      ),
    });
  });
  after(() => harness.close());

  const claimsOf = async (rp: { exchange(url: string): Promise<{ id_token?: unknown }> }, answer: Answer) =>
    decodeJwt(String((await rp.exchange(callbackOf(answer))).id_token));

  it('signs up behind the proof of the mailbox, then signs in by password alone', async () => {
    const { address, signedIn } = await registered(harness);
    expect(isSignedIn(signedIn)).to.equal(true);
    const again = await signInByPassword(newBrowser(harness), harness.rp(), address);
    expect(isSignedIn(again)).to.equal(true);
  });

  it('AC-20 claims a password and no second factor, also behind the mailbox', async () => {
    const { rp, address, signedIn } = await registered(harness);
    const first = await claimsOf(rp, signedIn);
    expect(first).to.include({ acr: 'urn:postern:acr:password' });
    expect(first.amr).to.deep.equal(['email', 'pwd']);
    const later = harness.rp();
    const second = await claimsOf(later, await signInByPassword(newBrowser(harness), later, address));
    expect(second.amr).to.deep.equal(['pwd']);
    expect(second.sub).to.equal(first.sub);
  });

  it('is the same user as by link', async () => {
    const { rp, address, signedIn } = await registered(harness);
    const { sub } = await claimsOf(rp, signedIn);
    const browser = newBrowser(harness);
    const other = harness.rp();
    const page = await identify(browser, other, address);
    const waiting = await browser.submit(formTo(page, 'begin/magic_link'));
    harness.clock.move(31_000);
    const { code } = await harness.mailTo(address);
    const answer = await browser.submit(formWith(waiting, 'code'), { code });
    expect((await claimsOf(other, answer)).sub).to.equal(sub);
  });

  it('works by link in a second tab of the same browser', async () => {
    const browser = newBrowser(harness);
    const address = newAddress();
    const page = await identify(browser, harness.rp(), address);
    const waiting = await browser.submit(formTo(page, 'password-mail'));
    const choosing = await redeemLink(browser.tab(), await harness.mailTo(address));
    expect(formTo(choosing, 'password-choose').fields.some(({ name }) => name === 'password')).to.equal(true);
    // The waiting window, loaded again, stands at the same place.
    const reloaded = await browser.visit(interactionOf(waiting));
    const done = await browser.submit(formTo(reloaded, 'password-choose'), { password: PASSWORD });
    expect(isSignedIn(done)).to.equal(true);
  });

  it('AC-15 refuses short, common and personal ones and cuts nothing off', async () => {
    const browser = newBrowser(harness);
    const address = newAddress();
    let page = await proveForPassword(
      harness,
      browser,
      await identify(browser, harness.rp(), address),
      address,
    );
    const refused = [
      '1234567',
      'passwordpassword',
      'aaaaaaaaaaaaaaaaaaaa',
      `${address}1`,
      '12345612345612345',
    ];
    for (const password of refused) {
      page = await browser.submit(formTo(page, 'password-choose'), { password });
      expect(page.status, password).to.equal(422);
    }
    const long = `${'🦩 long words '.repeat(9)}tail`;
    expect([...long].length).to.be.above(100);
    const done = await browser.submit(formTo(page, 'password-choose'), { password: long });
    expect(isSignedIn(done)).to.equal(true);
    const wrong = await signInByPassword(newBrowser(harness), harness.rp(), address, `${long.slice(0, -1)}x`);
    expect(wrong.status).to.equal(400);
    expect(isSignedIn(await signInByPassword(newBrowser(harness), harness.rp(), address, long))).to.equal(
      true,
    );
  });

  it('compares Unicode in one form', async () => {
    const { address } = await registered(harness, { password: 'Zwölf Boxkämpfer jagen' });
    const decomposed = 'Zwölf Boxkämpfer jagen'.normalize('NFD');
    const answer = await signInByPassword(newBrowser(harness), harness.rp(), address, decomposed);
    expect(isSignedIn(answer)).to.equal(true);
  });

  it('ML-53 answers alike for an unknown address, a user without a password and a wrong one', async () => {
    const { address: withOne } = await registered(harness);
    const without = newAddress();
    await signInByCodeOf(without);
    const shown = async (address: string) => {
      const browser = newBrowser(harness);
      const entered = await identify(browser, harness.rp(), address);
      const refused = await browser.submit(formTo(entered, 'password-check'), { password: OTHER });
      return [entered, refused].map((answer) => ({
        status: answer.status,
        cookies: browser.jar.named(/./).map(({ name }) => name),
        // What is random for everybody and what the person typed.
        text: answer.body
          .replaceAll(address, 'ADDRESS')
          .replace(/interaction\/[\w-]+/g, 'interaction/UID')
          .replace(/name="csrf" value="[^"]*"/g, 'CSRF')
          .replace(/nonce="[^"]*"/g, 'NONCE'),
      }));
    };
    const [unknown, ...others] = await Promise.all([newAddress(), without, withOne].map(shown));
    for (const other of others) expect(other).to.deep.equal(unknown);
    expect(unknown?.[1]?.status).to.equal(400);
  });

  async function signInByCodeOf(address: string): Promise<void> {
    const browser = newBrowser(harness);
    const page = await identify(browser, harness.rp(), address);
    const waiting = await browser.submit(formTo(page, 'begin/magic_link'));
    const { code } = await harness.mailTo(address);
    expect(isSignedIn(await browser.submit(formWith(waiting, 'code'), { code }))).to.equal(true);
  }

  it('AC-13 chooses no password without the proof of this very purpose, browser and request', async () => {
    const { address } = await registered(harness);
    const attempt = async (page: Answer, browser = newBrowser(harness)) =>
      browser.tab().visit(`${interactionOf(page)}/password-choose`, {
        method: 'POST',
        body: { csrf: csrfOf(page), password: OTHER },
        from: page.url,
      });
    // Nothing proved.
    const nobody = newBrowser(harness);
    const entered = await identify(nobody, harness.rp(), address);
    expect((await attempt(entered, nobody)).status).to.equal(403);
    // A mail that was asked for, not proved.
    const waiting = await nobody.submit(formTo(entered, 'password-mail'));
    expect((await attempt(waiting, nobody)).status).to.equal(403);
    // Another way, "try another way", and back.
    const other = await nobody.visit(interactionOf(waiting));
    expect((await attempt(other, nobody)).status).to.equal(403);
    // Proved in another request of the same browser.
    const proving = newBrowser(harness);
    const own = newAddress();
    const mine = await identify(proving, harness.rp(), own);
    await proveForPassword(harness, proving, mine, own);
    const second = await identify(proving.tab(), harness.rp(), address);
    expect((await attempt(second, proving)).status).to.equal(403);
    expect(isSignedIn(await signInByPassword(newBrowser(harness), harness.rp(), address))).to.equal(true);
  });

  it('a link or code of one purpose is none for another', async () => {
    const address = newAddress();
    const browser = newBrowser(harness);
    const page = await identify(browser, harness.rp(), address);
    const signIn = await browser.submit(formTo(page, 'begin/magic_link'));
    const signInMail = await harness.mailTo(address);
    harness.clock.move(31_000);
    await browser.submit(formTo(page, 'password-mail'));
    const resetMail = await harness.mailTo(address);
    expect(resetMail.id).not.to.equal(signInMail.id);
    expect(resetMail.subject).to.equal('Choose a password for Shop');
    const to = (id: string, body: Record<string, string>) =>
      browser.visit(`${interactionOf(signIn)}/redeem${id}`, {
        method: 'POST',
        body: { csrf: csrfOf(signIn), ...body },
        from: signIn.url,
      });
    // Each secret at the other's challenge.
    expect((await to(`/${resetMail.id}`, { secret: signInMail.secret })).status).to.equal(404);
    expect((await to(`/${signInMail.id}`, { secret: resetMail.secret })).status).to.equal(404);
    // The newest asked for is the password's: the code of a sign-in is wrong there.
    expect((await to('', { code: signInMail.code })).status).to.equal(400);
    // And it proves nothing but its own purpose.
    const choosing = await to('', { code: resetMail.code });
    expect(isSignedIn(choosing)).to.equal(false);
    expect(formTo(choosing, 'password-choose')).to.be.an('object');
  });

  it('AC-14 a reset ends sessions and refresh tokens everywhere, and the old password is dead', async () => {
    const { browser, address } = await registered(harness);
    const rp = harness.rp('shop', 'fresh', { scope: 'openid offline_access' });
    const tokens = await rp.exchange(
      callbackOf(await signInByPassword(newBrowser(harness), rp, address, PASSWORD, {})),
    );
    const reset = newBrowser(harness);
    const entered = await identify(reset, harness.rp(), address);
    harness.clock.move(31_000);
    const choosing = await proveForPassword(harness, reset, entered, address);
    const done = await reset.submit(formTo(choosing, 'password-choose'), { password: OTHER });
    expect(isSignedIn(done)).to.equal(true);
    expect((await refreshWith(rp, tokens.refresh_token ?? '')).json.error).to.equal('invalid_grant');
    const silent = await browser.visit(await harness.rp().authorizationUrl({ prompt: 'none' }));
    expect(isSignedIn(silent)).to.equal(false);
    const old = await signInByPassword(newBrowser(harness), harness.rp(), address, PASSWORD);
    expect(old.status).to.equal(400);
    expect(isSignedIn(await signInByPassword(newBrowser(harness), harness.rp(), address, OTHER))).to.equal(
      true,
    );
  });

  it('AC-14 what was proved by the old password and not taken up yet signs nobody in', async () => {
    const { address } = await registered(harness);
    const thief = newBrowser(harness);
    await registered(harness, { browser: thief });
    const asked = await signInByPassword(thief, harness.rp(), address, PASSWORD, { prompt: 'login' });
    expect(pageOf(asked).text).to.contain('Switch account?');
    harness.clock.move(31_000);
    const owner = newBrowser(harness);
    const choosing = await proveForPassword(
      harness,
      owner,
      await identify(owner, harness.rp(), address),
      address,
    );
    const done = await owner.submit(formTo(choosing, 'password-choose'), { password: OTHER });
    expect(isSignedIn(done)).to.equal(true);
    expect(isSignedIn(await thief.submit(formTo(asked, 'password-check')))).to.equal(false);
  });

  it('AC-14 whoever proved the mailbox before its owner reset the password sets none afterwards', async () => {
    const { address } = await registered(harness);
    const thief = newBrowser(harness);
    const held = await proveForPassword(
      harness,
      thief,
      await identify(thief, harness.rp(), address),
      address,
    );
    harness.clock.move(61_000);
    const owner = newBrowser(harness);
    const page = await proveForPassword(
      harness,
      owner,
      await identify(owner, harness.rp(), address),
      address,
    );
    expect(isSignedIn(await owner.submit(formTo(page, 'password-choose'), { password: OTHER }))).to.equal(
      true,
    );
    harness.clock.move(60_000);
    const late = await thief.submit(formTo(held, 'password-choose'), { password: 'nineteen pink herons' });
    expect([isSignedIn(late), late.status]).to.deep.equal([false, 410]);
    const none = await owner.visit(await harness.rp().authorizationUrl({ prompt: 'none' }));
    expect(isSignedIn(none), 'the session of the owner').to.equal(true);
    expect(isSignedIn(await signInByPassword(newBrowser(harness), harness.rp(), address, OTHER))).to.equal(
      true,
    );
  });

  it('AC-17 closes after 20 wrong ones; the owner in a known browser and by mail is not locked out', async () => {
    const { browser, address } = await registered(harness);
    const attacker = newBrowser(harness);
    const page = await identify(attacker, harness.rp(), address);
    const statuses: number[] = [];
    for (let guess = 0; guess < 21; guess += 1) {
      statuses.push(
        (await attacker.submit(formTo(page, 'password-check'), { password: `guess number ${guess}` })).status,
      );
    }
    expect(statuses.slice(0, 20)).to.deep.equal(Array.from({ length: 20 }, () => 400));
    expect(statuses[20]).to.equal(429);
    const right = await attacker.submit(formTo(page, 'password-check'), { password: PASSWORD });
    expect(right.status).to.equal(429);
    const owner = await signInByPassword(browser, harness.rp(), address, PASSWORD, { prompt: 'login' });
    expect(isSignedIn(owner)).to.equal(true);
    harness.clock.move(31_000);
    const mailed = newBrowser(harness);
    const waiting = await mailed.submit(
      formTo(await identify(mailed, harness.rp(), address), 'begin/magic_link'),
    );
    const { code } = await harness.mailTo(address);
    expect(isSignedIn(await mailed.submit(formWith(waiting, 'code'), { code }))).to.equal(true);
  });

  it('ML-44 asks before it takes the place of somebody else who is signed in, without the password in the page', async () => {
    const { address } = await registered(harness);
    const browser = newBrowser(harness);
    await registered(harness, { browser });
    const asked = await signInByPassword(browser, harness.rp(), address, PASSWORD, { prompt: 'login' });
    expect(pageOf(asked).text).to.contain('Switch account?');
    expect(asked.body).not.to.contain(PASSWORD);
    const done = await browser.submit(formTo(asked, 'password-check'));
    expect(isSignedIn(done)).to.equal(true);
  });

  it('a browser is offered first what it used last', async () => {
    const browser = newBrowser(harness);
    const address = newAddress();
    const page = await identify(browser, harness.rp(), address);
    const waiting = await browser.submit(formTo(page, 'begin/magic_link'));
    const { code } = await harness.mailTo(address);
    await browser.submit(formWith(waiting, 'code'), { code });
    harness.clock.move(31_000);
    const next = await identify(browser, harness.rp(), newAddress(), { prompt: 'login' });
    expect(formsOf(next).some(({ action }) => action.endsWith('/redeem'))).to.equal(true);
    const instead = await browser.submit(formTo(next, 'begin/password'));
    expect(formTo(instead, 'password-check')).to.be.an('object');
  });

  it('an app with passwords alone has no sign-in by link, and its pages do not speak of it', async () => {
    const browser = newBrowser(harness);
    const page = await identify(browser, harness.rp('studio'), newAddress());
    expect(formsOf(page).some(({ action }) => action.includes('magic_link'))).to.equal(false);
    const forced = await browser.visit(`${interactionOf(page)}/begin/magic_link`, {
      method: 'POST',
      body: { csrf: csrfOf(page), email: newAddress() },
      from: page.url,
    });
    expect(forced.status).to.equal(404);
    const { signedIn } = await registered(harness, { slug: 'studio' });
    expect(isSignedIn(signedIn)).to.equal(true);
  });

  it('no password and no hash of one stands in the audit log', async () => {
    const events = JSON.stringify(await allEvents(harness));
    expect(events).not.to.contain('argon2').and.not.to.contain('herons');
    expect(await harness.dump()).not.to.contain('herons');
  });
});
