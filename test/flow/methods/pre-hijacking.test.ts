/**
 * Pre-hijacking (arXiv 2205.10174), each attack played through: the attacker acts first, with the victim's address, in a
 * browser of his own; then the victim signs in for the first time. Nothing of the attacker's opens the victim's account
 * afterwards, and nothing of the victim's is lost.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { expect } from 'chai';
import { Credentials } from '../../../src/accounts/credentials.ts';
import { asUserId } from '../../../src/core/ids.ts';
import { openStore } from '../../../src/store/open.ts';
import {
  APPS,
  callbackOf,
  type Harness,
  type MailParts,
  publicClient,
  redeemLink,
  startPostern,
} from '../../support/harness.ts';
import { newAddress, refreshWith } from '../../support/logins.ts';
import { operator } from '../../support/operator.ts';
import { askOf, askOptions, signInWithPasskey } from '../../support/passkeys.ts';
import { formTo, identify, PASSWORD, proveForPassword, signInByPassword } from '../../support/passwords.ts';
import { type Answer, type Browser, formWith, type RelyingParty } from '../../support/relying-party.ts';
import {
  allEvents,
  csrfOf,
  interactionOf,
  isSignedIn,
  landingOf,
  newBrowser,
  pressEverything,
  sessionsIn,
} from '../../support/sign-in.ts';
import { makeKey, register } from '../../support/software-authenticator.ts';
import { OidcServer, type Person, UpstreamWorld } from '../../support/upstream-server.ts';
import { comeBack, finishReturn, leaveFor } from '../../support/upstream-visit.ts';

const KEY = { client_id: 'postern', client_secret: 'secret' };
const CORP = { ...KEY, issuer: 'https://login.corp.example', label: 'Corp' };
const TRUSTED = { ...KEY, issuer: 'https://login.trusted.example', label: 'Trusted', authoritative: true };
const RENEWED = { scope: 'openid offline_access' };
const CHOSEN = 'nineteen white herons';

describe('pre-hijacking', () => {
  const world = new UpstreamWorld();
  const servers = {
    corp: world.add(new OidcServer({ issuer: CORP.issuer })),
    trusted: world.add(new OidcServer({ issuer: TRUSTED.issuer })),
  };
  const secret = randomBytes(32);
  let harness: Harness;
  let postern: ReturnType<typeof operator>;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      fresh: publicClient({ grant_types: ['authorization_code', 'refresh_token'] }),
    };
    const upstream = { providers: { corp: CORP, trusted: TRUSTED } };
    const methods = { magic_link: {}, password: {}, passkey: {}, upstream };
    const limits = { mails_per_mailbox: 1000, mails_per_network: 100_000 };
    const shop = { ...APPS.shop, clients, methods, limits, method_order: ['password'] };
    harness = await startPostern({ apps: { shop }, secrets: [secret], fetch: world.fetch });
    postern = operator(harness, { shop }, secret);
  });
  afterEach(() => {
    for (const server of Object.values(servers)) server.twist = {};
  });
  after(() => harness.close());

  const renewing = () => harness.rp('shop', 'fresh', RENEWED);
  const tokensOf = async (rp: RelyingParty, answer: Answer) => {
    const tokens = await rp.exchange(callbackOf(answer));
    return { sub: tokens.claims?.sub ?? '', refreshToken: tokens.refresh_token ?? '' };
  };

  let nth = 0;
  /** Somebody at another provider who says that this is his address; whether the token says so too. */
  const says = (email: string, isVerified = true): Person => {
    nth += 1;
    return { sub: `subject-${nth}`, email, ...(isVerified ? { email_verified: true } : {}) };
  };

  async function byProvider(
    browser: Browser,
    rp: RelyingParty,
    name: keyof typeof servers,
    person: Person,
    params = {},
  ): Promise<Answer> {
    const away = await leaveFor(browser, rp, name, params);
    return finishReturn(browser, await comeBack(browser, away, servers[name].authorize(away.url, person)));
  }

  /** By link, in the browser that asked. */
  async function byLink(browser: Browser, rp: RelyingParty, address: string): Promise<Answer> {
    const entered = await identify(browser, rp, address, { prompt: 'login' });
    harness.clock.move(31_000);
    await browser.submit(formTo(entered, 'begin/magic_link'));
    return redeemLink(browser, await harness.mailTo(address));
  }

  interface Victim {
    readonly address: string;
    readonly browser: Browser;
    readonly sub: string;
    refreshToken: string;
  }

  async function firstSignIn(address: string, browser = newBrowser(harness)): Promise<Victim> {
    const rp = renewing();
    return { address, browser, ...(await tokensOf(rp, await byLink(browser, rp, address))) };
  }

  /** The session, the refresh token and the mailbox still open the same account. */
  async function lostNothing(victim: Victim): Promise<void> {
    const silent = harness.rp();
    const present = await victim.browser.visit(await silent.authorizationUrl({ prompt: 'none' }));
    expect((await tokensOf(silent, present)).sub, 'session').to.equal(victim.sub);
    const renewed = await refreshWith(renewing(), victim.refreshToken);
    expect(renewed.json.error, 'refresh token').to.equal(undefined);
    victim.refreshToken = String(renewed.json.refresh_token);
    const again = harness.rp();
    const mailed = await byLink(newBrowser(harness), again, victim.address);
    expect((await tokensOf(again, mailed)).sub, 'mailbox').to.equal(victim.sub);
  }

  /** As a system that did not verify addresses handed its users over: the attacker signed up there first. */
  async function signedUpElsewhere(email: string): Promise<void> {
    nth += 1;
    const file = `users-${nth}.ndjson`;
    const line = { email, password_hash: hashSync(PASSWORD, 4) };
    writeFileSync(join(harness.directory, file), JSON.stringify(line));
    expect((await postern(`users import ${file} --app shop`)).out.join()).to.contain('1 added');
  }

  /** Asks for the mail that whatever was proved so far waits for. */
  async function askForProof(browser: Browser, page: Answer, address: string) {
    harness.clock.move(31_000);
    const waiting = await browser.submit(formTo(page, 'prove'), { email: address });
    return { browser, waiting, mail: await harness.mailTo(address) };
  }

  /** As if the attacker had come to know link and code: neither signs in, and no page leads on to an account. */
  async function leadNowhere(open: { browser: Browser; waiting: Answer; mail: MailParts }): Promise<void> {
    const { browser, waiting, mail } = open;
    const tab = browser.tab();
    const typed = await tab.submit(formWith(waiting, 'code'), { code: mail.code }, { from: waiting.url });
    expect(typed.status).to.equal(410);
    const opened = await redeemLink(browser.tab(), mail);
    expect(opened.status).to.equal(410);
    for (const answer of [typed, opened, await browser.tab().visit(waiting.url)]) {
      expect(isSignedIn(answer)).to.equal(false);
      expect(answer.body).not.to.contain('password-choose');
    }
  }

  const passwordIsDead = async (address: string, password = PASSWORD) =>
    expect((await signInByPassword(newBrowser(harness), harness.rp(), address, password)).status).to.equal(
      400,
    );

  it('AC-01 classic-federated merge: a password that was there first is dead when the owner comes by a provider', async () => {
    const address = newAddress();
    await signedUpElsewhere(address);
    const attacker = newBrowser(harness);
    const entered = await signInByPassword(attacker, renewing(), address);
    expect(isSignedIn(entered)).to.equal(false);
    const open = await askForProof(attacker, entered, address);
    const person = says(address);
    const browser = newBrowser(harness);
    const rp = renewing();
    const first = await byProvider(browser, rp, 'trusted', person);
    const victim = { address, browser, ...(await tokensOf(rp, first)) };
    await passwordIsDead(address);
    await leadNowhere(open);
    const again = harness.rp();
    const linked = await byProvider(newBrowser(harness), again, 'trusted', person);
    expect((await tokensOf(again, linked)).sub).to.equal(victim.sub);
    await lostNothing(victim);
  });

  it('AC-01 classic-federated merge: a provider’s account that was there first is not merged into the owner’s', async () => {
    const address = newAddress();
    const attacker = newBrowser(harness);
    const person = says(address);
    const open = await askForProof(
      attacker,
      await byProvider(attacker, harness.rp(), 'corp', person),
      address,
    );
    const victim = await firstSignIn(address);
    await leadNowhere(open);
    expect(isSignedIn(await byProvider(newBrowser(harness), harness.rp(), 'corp', person))).to.equal(false);
    await lostNothing(victim);
  });

  it('AC-02 unexpired session: before the owner’s first proof there is none, and none of the attacker’s becomes the owner’s', async () => {
    const address = newAddress();
    await signedUpElsewhere(address);
    // All that the password of an unproven account gives.
    const stranger = newBrowser(harness);
    await signInByPassword(stranger, renewing(), address);
    expect(sessionsIn(stranger)).to.deep.equal([]);
    // A session and a refresh token of his own, with the victim's address in every window beside them.
    const attacker = newBrowser(harness);
    const rp = renewing();
    const own = await tokensOf(rp, await byLink(attacker, rp, newAddress()));
    const tab = attacker.tab();
    const waiting = await identify(tab, renewing(), address, { prompt: 'login' });
    const entered = await tab.submit(formTo(waiting, 'begin/password'));
    const asked = await tab.submit(formTo(entered, 'password-check'), { password: PASSWORD });
    const victim = await firstSignIn(address);
    expect(victim.sub).not.to.equal(own.sub);
    for (const answer of await pressEverything(tab, asked)) expect(isSignedIn(answer)).to.equal(false);
    for (const browser of [stranger, attacker]) {
      const silent = harness.rp();
      const hint = { prompt: 'none', login_hint: address };
      const answer = await browser.visit(await silent.authorizationUrl(hint));
      if (isSignedIn(answer)) expect((await tokensOf(silent, answer)).sub).to.equal(own.sub);
      else expect(answer.next).to.match(/error=(login|interaction|account_selection)_required/);
    }
    const renewed = await refreshWith(rp, own.refreshToken);
    const { sub } = await rp.userinfo(String(renewed.json.access_token));
    expect(sub).to.equal(own.sub);
    await passwordIsDead(address);
    await lostNothing(victim);
  });

  /** The page of the offer behind a sign-in by code, in a browser that can make passkeys. */
  async function passkeyOffered(address: string, browser = newBrowser(harness)) {
    const rp = renewing();
    const start = await browser.visit(await rp.authorizationUrl());
    await askOptions(browser, start, { able: 'yes' });
    const entered = await browser.submit(formWith(start, 'email'), { email: address });
    harness.clock.move(31_000);
    const waiting = await browser.submit(formTo(entered, 'begin/magic_link'));
    const { code } = await harness.mailTo(address);
    const offer = await browser.submit(formWith(waiting, 'code'), { code });
    const { options } = await askOptions(browser, offer);
    const key = makeKey();
    const form = formWith(offer, 'attestation');
    return { browser, rp, offer, form, key, handle: options.user?.id ?? '', options };
  }

  type Offered = Awaited<ReturnType<typeof passkeyOffered>>;

  const makePasskey = ({ browser, form, key, options }: Offered, by = browser): Promise<Answer> =>
    by.submit(form, register(key, askOf(harness, options)), { from: form.action });

  /** What an older system may have handed over with the account: a passkey and a provider that are really the attacker's. */
  async function attachedTo(address: string) {
    const mine = newAddress();
    const offered = await passkeyOffered(mine);
    const own = await tokensOf(offered.rp, await makePasskey(offered));
    const person = says(mine);
    expect(isSignedIn(await byProvider(newBrowser(harness), harness.rp(), 'trusted', person))).to.equal(true);
    const app = harness.server.apps.bySlug('shop');
    const users = app ? await harness.server.users.list(app, { limit: 1000 }) : [];
    const victim = users.find((user) => user.address === address);
    if (!app || !victim) throw new Error('nobody to attach it to');
    const store = openStore(harness.config.storeUrl);
    const credentials = new Credentials(store, harness.clock);
    const rows = await credentials.ofUser(app.id, asUserId(own.sub));
    expect(rows.map(({ kind }) => kind)).to.have.members(['passkey', 'upstream']);
    for (const row of rows) {
      const { kind, label, material } = row;
      const unique = kind === 'passkey' ? [offered.key.id] : ['trusted', TRUSTED.issuer, person.sub];
      await credentials.remove(app.id, row);
      const moved = { kind, label, material, unique, owner: asUserId(victim.id) };
      expect(await credentials.insert(app.id, moved)).to.be.an('object');
    }
    await store.close();
    const handle = Buffer.from(`${app.id}.${victim.id}`).toString('base64url');
    return { person, passkey: { rp: harness.rp(), key: offered.key, handle } };
  }

  it('AC-03 trojan identifier: a passkey and a provider that hang on the account before the owner comes are gone', async () => {
    const address = newAddress();
    await signedUpElsewhere(address);
    const { person, passkey } = await attachedTo(address);
    // They open nothing before either: the mailbox is asked for.
    const attacker = newBrowser(harness);
    const entered = await byProvider(attacker, harness.rp(), 'trusted', person);
    const open = await askForProof(attacker, entered, address);
    expect(isSignedIn((await signInWithPasskey(harness, passkey)).answer)).to.equal(false);
    const victim = await firstSignIn(address);
    await leadNowhere(open);
    const refused = await signInWithPasskey(harness, passkey);
    expect(refused.answer.status).to.equal(400);
    await passwordIsDead(address);
    const rp = harness.rp();
    const back = await byProvider(newBrowser(harness), rp, 'trusted', person);
    // The provider vouches for the attacker's own mailbox: his own account is all that it opens.
    if (isSignedIn(back)) expect((await tokensOf(rp, back)).sub).not.to.equal(victim.sub);
    const cleared = (await allEvents(harness)).filter(({ type }) => type === 'account.cleared');
    expect(cleared.at(-1)).to.deep.include({ credentials: 3, userId: victim.sub });
    await lostNothing(victim);
  });

  it('AC-03 trojan identifier: a passkey ceremony that the attacker keeps open makes none for the owner', async () => {
    const address = newAddress();
    const offered = await passkeyOffered(newAddress());
    // His window turns to the victim's address while the ceremony is open.
    await identify(offered.browser.tab(), harness.rp(), address, { prompt: 'login' });
    const victim = await firstSignIn(address);
    const elsewhere = await makePasskey(offered, victim.browser.clone());
    expect(isSignedIn(elsewhere)).to.equal(false);
    const own = await tokensOf(offered.rp, await makePasskey(offered));
    expect(own.sub).not.to.equal(victim.sub);
    const rp = harness.rp();
    const { answer } = await signInWithPasskey(harness, { rp, key: offered.key, handle: offered.handle });
    expect((await tokensOf(rp, answer)).sub).to.equal(own.sub);
    await lostNothing(victim);
  });

  // Nobody can change an address yet: the nearest to a pending change is a mail that was asked for before the owner came.
  it('AC-04 unexpired challenge: link and code of a password that was asked for before the first proof set none', async () => {
    const address = newAddress();
    const attacker = newBrowser(harness);
    const entered = await identify(attacker, harness.rp(), address);
    const waiting = await attacker.submit(formTo(entered, 'password-mail'));
    const mail = await harness.mailTo(address);
    // The owner opens what the mail says, presses everything there is, and types the code.
    const curious = newBrowser(harness);
    const landing = await curious.visit(landingOf(mail));
    for (const answer of await pressEverything(curious, landing, { code: mail.code }))
      expect(isSignedIn(answer)).to.equal(false);
    const victim = await firstSignIn(address, curious);
    await leadNowhere({ browser: attacker, waiting, mail });
    const forced = await attacker.tab().visit(`${interactionOf(waiting)}/password-choose`, {
      method: 'POST',
      body: { csrf: csrfOf(waiting), password: CHOSEN },
      from: waiting.url,
    });
    expect(forced.status).to.equal(403);
    await passwordIsDead(address, CHOSEN);
    // Asked for again it is another mail: the old one does not come back to life.
    harness.clock.move(31_000);
    const tab = attacker.tab();
    const resent = await tab.submit(formTo(entered, 'password-mail'), {}, { from: entered.url });
    const second = await harness.mailTo(address);
    expect(second.id).not.to.equal(mail.id);
    const stale = await tab.submit(formWith(resent, 'code'), { code: mail.code });
    expect(stale.body).not.to.contain('password-choose');
    await lostNothing(victim);
    // The owner's own password is chosen as ever.
    harness.clock.move(31_000);
    const owner = newBrowser(harness);
    const choosing = await proveForPassword(
      harness,
      owner,
      await identify(owner, harness.rp(), address),
      address,
    );
    const done = await owner.submit(formTo(choosing, 'password-choose'), { password: CHOSEN });
    expect(isSignedIn(done)).to.equal(true);
    expect(isSignedIn(await signInByPassword(newBrowser(harness), harness.rp(), address, CHOSEN))).to.equal(
      true,
    );
  });

  it('AC-04 unexpired challenge: link and code of a provider’s account from before the first proof link nothing', async () => {
    const address = newAddress();
    const attacker = newBrowser(harness);
    const person = says(address);
    const open = await askForProof(
      attacker,
      await byProvider(attacker, harness.rp(), 'corp', person),
      address,
    );
    const victim = await firstSignIn(address);
    await leadNowhere(open);
    expect(isSignedIn(await byProvider(newBrowser(harness), harness.rp(), 'corp', person))).to.equal(false);
    await lostNothing(victim);
    // The owner's own account there is linked as ever.
    const mine = says(address);
    const browser = newBrowser(harness);
    const rp = harness.rp();
    const { waiting, mail } = await askForProof(
      browser,
      await byProvider(browser, rp, 'corp', mine),
      address,
    );
    const done = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    expect((await tokensOf(rp, done)).sub).to.equal(victim.sub);
    const again = harness.rp();
    expect((await tokensOf(again, await byProvider(newBrowser(harness), again, 'corp', mine))).sub).to.equal(
      victim.sub,
    );
  });

  const unverified: readonly (readonly [string, 'corp' | 'trusted', unknown])[] = [
    ['a provider that nobody marked as authoritative', 'corp', true],
    ['no flag', 'trusted', undefined],
    ['a flag in words', 'trusted', 'true'],
    ['a number', 'trusted', 1],
    ['a denial', 'trusted', false],
  ];
  for (const [what, name, flag] of unverified) {
    it(`AC-05 non-verifying provider, ${what}: opens nothing before the owner comes and nothing after`, async () => {
      const address = newAddress();
      const person = says(address);
      servers[name].twist = { claims: (honest) => ({ ...honest, email_verified: flag }) };
      const attacker = newBrowser(harness);
      const page = await byProvider(attacker, harness.rp(), name, person);
      expect(isSignedIn(page)).to.equal(false);
      const open = await askForProof(attacker, page, address);
      const victim = await firstSignIn(address);
      await leadNowhere(open);
      expect(isSignedIn(await byProvider(newBrowser(harness), harness.rp(), name, person))).to.equal(false);
      await lostNothing(victim);
    });
  }

  it('AC-01 what the owner proves in the same breath stays: an own password from before, and an own passkey', async () => {
    const address = newAddress();
    await signedUpElsewhere(address);
    const browser = newBrowser(harness);
    const rp = renewing();
    const { waiting, mail } = await askForProof(
      browser,
      await signInByPassword(browser, rp, address),
      address,
    );
    const done = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    const victim = { address, browser, ...(await tokensOf(rp, done)) };
    const offered = await passkeyOffered(address);
    expect((await tokensOf(offered.rp, await makePasskey(offered))).sub).to.equal(victim.sub);
    await lostNothing(victim);
    const again = harness.rp();
    const typed = await signInByPassword(newBrowser(harness), again, address);
    expect((await tokensOf(again, typed)).sub).to.equal(victim.sub);
    const keyed = harness.rp();
    const { answer } = await signInWithPasskey(harness, { ...offered, rp: keyed });
    expect((await tokensOf(keyed, answer)).sub).to.equal(victim.sub);
  });

  it('AC-04 the challenge that is the first proof itself may be sent again after a lost reply, and gives what it was for', async () => {
    const unheard = { follow: false };
    const [one, two] = [newAddress(), newAddress()];
    const browser = newBrowser(harness);
    const rp = harness.rp();
    const person = says(one);
    const { waiting, mail } = await askForProof(browser, await byProvider(browser, rp, 'corp', person), one);
    const typed = formWith(waiting, 'code');
    await browser.tab().submit(typed, { code: mail.code }, { ...unheard, from: waiting.url });
    const linked = await browser.tab().submit(typed, { code: mail.code }, { from: waiting.url });
    const { sub } = await tokensOf(rp, linked);
    const again = harness.rp();
    expect(
      (await tokensOf(again, await byProvider(newBrowser(harness), again, 'corp', person))).sub,
    ).to.equal(sub);

    const other = newBrowser(harness);
    const page = await proveForPassword(harness, other, await identify(other, harness.rp(), two), two);
    const chosen = formTo(page, 'password-choose');
    await other.tab().submit(chosen, { password: CHOSEN }, { ...unheard, from: page.url });
    const done = await other.tab().submit(chosen, { password: CHOSEN }, { from: page.url });
    expect(isSignedIn(done)).to.equal(true);
    expect(isSignedIn(await signInByPassword(newBrowser(harness), harness.rp(), two, CHOSEN))).to.equal(true);
  });
});
