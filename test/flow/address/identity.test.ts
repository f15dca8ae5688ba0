/** When two spellings are one person, and when two look-alikes are not. */
import { expect } from 'chai';
import { ask, callbackOf, type Harness, signInByCode, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { formWith } from '../../support/relying-party.ts';
import { newBrowser, subOf } from '../../support/sign-in.ts';

describe('one address, one person', () => {
  let harness: Harness;
  let inspection: Inspection;
  before(async () => {
    harness = await startPostern();
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
  });

  /** Signs in under this spelling, with the mail that went to `mailed`. */
  async function signIn(typed: string, mailed = typed, slug = 'shop') {
    const browser = newBrowser(harness);
    const rp = harness.rp(slug);
    const waiting = await ask(browser, rp, typed);
    const { code } = await harness.mailTo(mailed);
    const tokens = await rp.exchange(callbackOf(await browser.submit(formWith(waiting, 'code'), { code })));
    const { email } = await rp.userinfo(tokens.access_token);
    return { sub: tokens.claims?.sub, email };
  }

  it('ML-64 case of local part and domain does not matter; mail and claim keep the spelling proved first', async () => {
    const first = await signIn('Bob@Case.example', 'Bob@case.example');
    for (const typed of ['bob@case.example', 'BOB@CASE.EXAMPLE', 'bOb@cAse.example']) {
      expect(await signIn(typed, 'Bob@case.example'), typed).to.deep.equal(first);
    }
    expect(first.email).to.equal('Bob@case.example');
  });

  it('ML-65 mail of a known user goes to the stored address, whatever was typed', async () => {
    await signIn('Mike@stored.example');
    // U+212A is canonically the letter K (NFC), so this is the same person, and still not the recipient.
    for (const typed of ['MIKE@stored.example', 'Mi\u212ae@stored.example']) {
      await ask(newBrowser(harness), harness.rp(), typed);
    }
    await harness.server.jobs.runDue();
    const recipients = new Set(
      harness
        .mails()
        .map(({ mail }) => mail.to)
        .filter((to) => to.endsWith('@stored.example')),
    );
    expect([...recipients]).to.deep.equal(['Mike@stored.example']);
  });

  it('ML-66 look-alikes of another script are other people', async () => {
    const latin = await signIn('admin@example.com');
    const mixed = await signIn(
      'admin@ex\u0430mple.com',
      `admin@${new URL('http://ex\u0430mple.com').hostname}`,
    );
    expect(mixed.sub).not.to.equal(latin.sub);
    expect(mixed.email).to.match(/^admin@xn--/);
  });

  it('ML-67 plus-tags and dots are people of their own', async () => {
    const subs = [];
    for (const address of ['a@own.example', 'a+x@own.example', 'ab@gmail.com', 'a.b@gmail.com']) {
      subs.push((await signIn(address)).sub);
    }
    expect(new Set(subs).size).to.equal(4);
  });

  it('an international domain typed in letters or in its ASCII form is one', async () => {
    const ascii = await signIn('eva@xn--bcher-kva.example');
    expect(await signIn('eva@bücher.example', 'eva@xn--bcher-kva.example')).to.deep.equal(ascii);
    // The same letters composed and decomposed (NFC).
    expect(await signIn('eva@bu\u0308cher.example', 'eva@xn--bcher-kva.example')).to.deep.equal(ascii);
  });

  it('MT-04 the same address in two apps is two people', async () => {
    const shop = await signIn('both@example.org');
    const studio = await signIn('both@example.org', 'both@example.org', 'studio');
    expect(studio.sub).not.to.equal(shop.sub);
    expect(studio.email).to.equal(shop.email);
  });

  it('the person is the same after the address was proved again in another browser', async () => {
    const rp = harness.rp();
    const subs = new Set<string>();
    for (let nth = 0; nth < 3; nth++) {
      subs.add(
        await subOf(rp, callbackOf(await signInByCode(harness, newBrowser(harness), rp, 'same@example.org'))),
      );
    }
    expect(subs.size).to.equal(1);
    expect((await inspection.users()).filter(({ key }) => key === 'same@example.org')).to.have.length(1);
  });
});
