/** Whose account a proof opens: by what was proved here, never by what somebody else says (AC-01 to AC-07). */
import { randomBytes, scryptSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { providerMethod, type Told } from '../../support/fake-methods.ts';
import { APPS, callbackOf, type Harness, redeemLink, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { operator } from '../../support/operator.ts';
import { formTo, PASSWORD, signInByPassword } from '../../support/passwords.ts';
import {
  type Answer,
  type Browser,
  formWith,
  pageOf,
  type RelyingParty,
} from '../../support/relying-party.ts';
import { allEvents, isSignedIn, newBrowser } from '../../support/sign-in.ts';

const ISSUER = 'https://provider.test';

describe('linking by proof', () => {
  const told: { now: Told } = { now: { issuer: ISSUER, subject: '' } };
  const secret = randomBytes(32);
  let harness: Harness;
  let postern: ReturnType<typeof operator>;
  before(async () => {
    const limits = { mails_per_mailbox: 1000, mails_per_network: 100_000 };
    const methods = { magic_link: {}, password: {} };
    const shop = { ...APPS.shop, limits, methods, method_order: ['password'] };
    const fake = { ...shop, methods: { ...methods, fake: {} } };
    harness = await startPostern({
      apps: { shop: fake, studio: APPS.studio },
      methods: [providerMethod(told)],
      secrets: [secret],
    });
    postern = operator(harness, { shop, studio: APPS.studio }, secret);
  });
  after(() => harness.close());

  let nth = 0;
  const someone = (more: Partial<Told> = {}): Told => {
    nth += 1;
    return { issuer: ISSUER, subject: `subject-${nth}`, ...more };
  };

  /** To the provider and back, as the person that `told` says. */
  async function byProvider(browser: Browser, rp: RelyingParty, as: Told, params = {}): Promise<Answer> {
    told.now = as;
    const page = await browser.visit(await rp.authorizationUrl(params));
    const going = await browser.submit(formTo(page, 'fake-go'));
    const state = new URL(going.next ?? '').searchParams.get('state');
    const back = await browser.visit(`${harness.url}/shop/callback/fake?state=${state}`);
    return browser.submit(formTo(back, 'fake-finish'));
  }

  async function proveMailbox(browser: Browser, page: Answer, address: string): Promise<Answer> {
    const waiting = await browser.submit(formTo(page, 'prove'), { email: address });
    const { code } = await harness.mailTo(address);
    return browser.submit(formWith(waiting, 'code'), { code });
  }

  const subOf = async (rp: RelyingParty, answer: Answer) =>
    decodeJwt(String((await rp.exchange(callbackOf(answer))).id_token)).sub;

  async function byMail(address: string) {
    const rp = harness.rp();
    const browser = newBrowser(harness);
    const page = await browser.visit(await rp.authorizationUrl());
    const entered = await browser.submit(formWith(page, 'email'), { email: address });
    harness.clock.move(31_000);
    const waiting = await browser.submit(formTo(entered, 'begin/magic_link'));
    const { code } = await harness.mailTo(address);
    return { browser, sub: await subOf(rp, await browser.submit(formWith(waiting, 'code'), { code })) };
  }

  it('AC-05 an address that is not trusted signs nobody in: the mailbox is proved first, then linked', async () => {
    const address = newAddress();
    const victim = await byMail(address);
    const as = someone({ email: address });
    const browser = newBrowser(harness);
    const rp = harness.rp();
    const page = await byProvider(browser, rp, as);
    expect(isSignedIn(page)).to.equal(false);
    expect(pageOf(page).text).to.contain('Confirm your email address');
    // Nothing is linked until then.
    expect(isSignedIn(await byProvider(newBrowser(harness), harness.rp(), as))).to.equal(false);
    harness.clock.move(31_000);
    const done = await proveMailbox(browser, page, address);
    expect(await subOf(rp, done)).to.equal(victim.sub);
    const again = harness.rp();
    expect(await subOf(again, await byProvider(newBrowser(harness), again, as))).to.equal(victim.sub);
  });

  it('AC-05 a trusted address of an authoritative provider opens the account', async () => {
    const address = newAddress();
    const { sub } = await byMail(address);
    const rp = harness.rp();
    const as = someone({ email: address, isTrusted: true });
    expect(await subOf(rp, await byProvider(newBrowser(harness), rp, as))).to.equal(sub);
  });

  it('AC-06 the same subject of another issuer, and the same address with another subject, are somebody else', async () => {
    const address = newAddress();
    const as = someone({ email: address, isTrusted: true });
    const rp = harness.rp();
    await subOf(rp, await byProvider(newBrowser(harness), rp, as));
    for (const other of [{ ...as, issuer: 'https://evil.test' }, someone({ email: address })]) {
      const page = await byProvider(newBrowser(harness), harness.rp(), { ...other, isTrusted: false });
      expect(isSignedIn(page)).to.equal(false);
      expect(pageOf(page).text).to.contain('Confirm your email address');
    }
  });

  it('AC-07 the mail names the provider and links exactly what was proved, not what came after', async () => {
    const address = newAddress();
    const first = someone({ email: address });
    const second = someone({ email: address });
    const browser = newBrowser(harness);
    const rp = harness.rp();
    const page = await byProvider(browser, rp, first);
    const waiting = await browser.submit(formTo(page, 'prove'), { email: address });
    const mail = await harness.mailTo(address);
    expect(mail.text).to.contain('Provider');
    // The claim is swapped in another tab before the link is opened.
    await byProvider(browser.tab(), harness.rp(), second);
    const done = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    const sub = await subOf(rp, done);
    const again = harness.rp();
    expect(await subOf(again, await byProvider(newBrowser(harness), again, first))).to.equal(sub);
    expect(isSignedIn(await byProvider(newBrowser(harness), harness.rp(), second))).to.equal(false);
  });

  it('AC-07 a claim is of no use in another browser or request', async () => {
    const as = someone();
    const page = await byProvider(newBrowser(harness), harness.rp(), as);
    const pending = formTo(page, 'prove').fields.find(({ name }) => name === 'pending')?.value ?? '';
    expect(pending).not.to.equal('');
    const thief = newBrowser(harness);
    const own = await byProvider(thief, harness.rp(), someone());
    const refused = await thief.submit(formTo(own, 'prove'), { email: newAddress(), pending });
    expect(refused.status).to.equal(400);
  });

  it('AC-08 a callback is good once, and for one app', async () => {
    const browser = newBrowser(harness);
    told.now = someone();
    const page = await browser.visit(await harness.rp().authorizationUrl());
    const going = await browser.submit(formTo(page, 'fake-go'));
    const state = new URL(going.next ?? '').searchParams.get('state');
    expect((await browser.visit(`${harness.url}/studio/callback/fake?state=${state}`)).status).to.equal(404);
    expect((await browser.visit(`${harness.url}/shop/callback/other?state=${state}`)).status).to.equal(404);
    expect((await browser.visit(`${harness.url}/shop/callback/fake?state=${state}&state=x`)).status).to.equal(
      400,
    );
    expect((await browser.visit(`${harness.url}/shop/callback/fake?state=${state}`)).status).to.equal(200);
    expect((await browser.visit(`${harness.url}/shop/callback/fake?state=${state}`)).status).to.equal(400);
  });

  it('the link of the mail works too, in a second tab', async () => {
    const address = newAddress();
    const browser = newBrowser(harness);
    const page = await byProvider(browser, harness.rp(), someone());
    await browser.submit(formTo(page, 'prove'), { email: address });
    const answer = await redeemLink(browser.tab(), await harness.mailTo(address));
    expect(isSignedIn(answer)).to.equal(true);
  });

  async function imported(lines: readonly object[]) {
    nth += 1;
    const file = `users-${nth}.ndjson`;
    writeFileSync(join(harness.directory, file), lines.map((line) => JSON.stringify(line)).join('\n'));
    return postern(`users import ${file} --app shop`);
  }

  const saltOf = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');

  it('takes over bcrypt and scrypt, upgrades them at the next sign-in, and may be run again', async () => {
    const [one, two] = [newAddress(), newAddress()];
    const salt = randomBytes(16);
    const scrypted = scryptSync(PASSWORD, salt, 32, { N: 1024, r: 8, p: 1 });
    const lines = [
      { email: one, email_verified: true, password_hash: hashSync(PASSWORD, 4) },
      {
        email: two,
        email_verified: true,
        password_hash: `$scrypt$ln=10,r=8,p=1$${saltOf(salt)}$${saltOf(scrypted)}`,
      },
      { email: 'no address' },
      { email: newAddress(), password_hash: 'md5:1234' },
    ];
    const said = await imported(lines);
    expect(said.err.join('\n')).to.match(/line 3: email: .*\nline 4: password_hash: /);
    expect(said.out.join()).to.contain('2 added');
    expect((await imported(lines)).out.join()).to.contain('2 there already');
    for (const address of [one, two]) {
      expect(
        (await signInByPassword(newBrowser(harness), harness.rp(), address, 'wrong wrong wrong')).status,
      ).to.equal(400);
      for (let time = 0; time < 2; time += 1)
        expect(isSignedIn(await signInByPassword(newBrowser(harness), harness.rp(), address))).to.equal(true);
    }
    const upgrades = (await allEvents(harness)).filter(({ type }) => type === 'password.rehashed');
    expect(upgrades.map((event) => event.type === 'password.rehashed' && event.from).sort()).to.deep.equal([
      'bcrypt',
      'scrypt',
    ]);
  });

  it('AC-01 an imported password for an unproven address signs in only behind the proof of the mailbox', async () => {
    const address = newAddress();
    await imported([{ email: address, password_hash: hashSync(PASSWORD, 4) }]);
    const browser = newBrowser(harness);
    const page = await signInByPassword(browser, harness.rp(), address);
    expect(isSignedIn(page)).to.equal(false);
    expect(isSignedIn(await proveMailbox(browser, page, address))).to.equal(true);
    // Proved together: from now on the password does it alone.
    expect(isSignedIn(await signInByPassword(newBrowser(harness), harness.rp(), address))).to.equal(true);
  });

  it('AC-20 an imported password and the mailbox of somebody else sign nobody in, and claim nothing', async () => {
    const [address, other] = [newAddress(), newAddress()];
    await imported([{ email: address, password_hash: hashSync(PASSWORD, 4) }]);
    await byMail(other);
    for (const mailbox of [other, newAddress()]) {
      const browser = newBrowser(harness);
      const page = await signInByPassword(browser, harness.rp(), address);
      const answer = await proveMailbox(browser, page, mailbox);
      expect([isSignedIn(answer), answer.status]).to.deep.equal([false, 410]);
    }
    const browser = newBrowser(harness);
    const page = await signInByPassword(browser, harness.rp(), address);
    expect(isSignedIn(await proveMailbox(browser, page, address)), 'its own mailbox').to.equal(true);
  });

  it('AC-01 AC-03 the true owner who proves the mailbox drops what an attacker had attached', async () => {
    const address = newAddress();
    await imported([{ email: address, password_hash: hashSync(PASSWORD, 4) }]);
    const { sub } = await byMail(address);
    expect(sub).to.be.a('string');
    const attacker = await signInByPassword(newBrowser(harness), harness.rp(), address);
    expect(attacker.status).to.equal(400);
    // A second run of the import brings nothing back.
    expect(
      (await imported([{ email: address, password_hash: hashSync(PASSWORD, 4) }])).out.join(),
    ).to.contain('1 there already');
    expect((await signInByPassword(newBrowser(harness), harness.rp(), address)).status).to.equal(400);
    const events = (await allEvents(harness)).filter(({ type }) => type === 'account.cleared');
    expect(events.length).to.be.at.least(1);
  });
});
