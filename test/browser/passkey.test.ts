import { expect } from 'chai';
import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import { closeBrowser, newContext } from '../support/chromium.ts';
import { type Harness, publicClient, startPostern } from '../support/harness.ts';
import { type Spa, startSpa } from '../support/spa.ts';

/** A device with a fingerprint reader that is touched at once. */
const DEVICE = {
  protocol: 'ctap2',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
} as const;

interface Device {
  readonly context: BrowserContext;
  readonly tab: Page;
  readonly cdp: CDPSession;
  readonly authenticatorId: string;
}

describe('passkeys in a real browser', () => {
  let spa: Spa;
  let postern: Harness;
  let violations: string[];
  let people = 0;
  const contexts: BrowserContext[] = [];

  before(async function () {
    this.timeout(60_000);
    spa = await startSpa();
    const redirects = { redirect_uris: [`${spa.origin}/callback`], allowed_origins: [spa.origin] };
    const methods = { magic_link: {}, passkey: {} };
    postern = await startPostern({
      apps: { shop: { name: 'Shop', methods, clients: { auto: publicClient(redirects) } } },
    });
  });

  beforeEach(() => {
    violations = [];
  });

  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((each) => each.close()));
    expect(violations, 'CSP violations and script errors').to.deep.equal([]);
  });

  after(async () => {
    await closeBrowser();
    await postern?.close();
    await spa?.close();
  });

  async function open(options = {}): Promise<BrowserContext> {
    const context = await newContext(options);
    contexts.push(context);
    context.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) violations.push(message.text());
    });
    context.on('weberror', (error) => violations.push(error.error().message));
    return context;
  }

  async function device(): Promise<Device> {
    const context = await open();
    const tab = await context.newPage();
    const cdp = await context.newCDPSession(tab);
    await cdp.send('WebAuthn.enable', { enableUI: false });
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options: DEVICE });
    return { context, tab, cdp, authenticatorId };
  }

  const begin = (tab: Page) => tab.goto(spa.start(`${postern.url}/shop`, 'auto'));
  const isSignedIn = (tab: Page, address: string) =>
    tab.locator('#state', { hasText: new RegExp(`^signed in as ${address}$`) }).waitFor();

  /** Up to the offer, which the tab that waits shows when the link is opened in another. */
  async function offered({ context, tab }: Device): Promise<string> {
    people += 1;
    const address = `person${people}@example.org`;
    await begin(tab);
    await tab.waitForSelector('[data-passkey]:not([hidden])');
    // The script has told what this device can do by then.
    await tab.waitForLoadState('networkidle');
    await tab.fill('input[name=email]', address);
    await tab.click('form:has(input[name=email]) button[type=submit]');
    await tab.waitForSelector('input[name=code]');
    const { link } = await postern.mailTo(address);
    const linkTab = await context.newPage();
    await linkTab.goto(link);
    await tab.bringToFront();
    await tab.waitForSelector('[data-make-button]:visible');
    await linkTab.close();
    return address;
  }

  async function enrolled(on: Device): Promise<string> {
    const address = await offered(on);
    await on.tab.click('[data-make-button]');
    await isSignedIn(on.tab, address);
    return address;
  }

  /** As a browser without autofill of passkeys. */
  const withoutAutofill = ({ context }: Device): Promise<unknown> =>
    context.addInitScript('PublicKeyCredential.isConditionalMediationAvailable = async () => false');

  const signedOut = async ({ context, tab }: Device): Promise<void> => {
    await context.clearCookies();
    await begin(tab);
  };

  it('made behind a link, used from the autofill of the email field, without a press', async () => {
    const on = await device();
    const address = await enrolled(on);
    const { credentials } = await on.cdp.send('WebAuthn.getCredentials', {
      authenticatorId: on.authenticatorId,
    });
    expect(
      credentials.map(({ isResidentCredential, rpId }) => ({ isResidentCredential, rpId })),
    ).to.deep.equal([{ isResidentCredential: true, rpId: 'localhost' }]);
    await signedOut(on);
    await isSignedIn(on.tab, address);
  });

  it('by the button', async () => {
    const on = await device();
    const address = await enrolled(on);
    await withoutAutofill(on);
    await signedOut(on);
    await on.tab.click('[data-passkey-button]');
    await isSignedIn(on.tab, address);
  });

  it('`Not now` goes on to the client', async () => {
    const on = await device();
    const address = await offered(on);
    await on.tab.click('form[action$="/skip"] button');
    await isSignedIn(on.tab, address);
  });

  it('the autofill that waits is in nobody’s way: the mail works, with a passkey at hand for nobody', async () => {
    const on = await device();
    await begin(on.tab);
    await on.tab.waitForSelector('[data-passkey]:not([hidden])');
    await on.tab.fill('input[name=email]', 'nobody@example.org');
    await on.tab.click('form:has(input[name=email]) button[type=submit]');
    await on.tab.waitForSelector('input[name=code]');
  });

  it('AC-18 a finger that is not the owner’s: said calmly, nobody is signed in, and the mail still works', async () => {
    const on = await device();
    await enrolled(on);
    await withoutAutofill(on);
    await on.cdp.send('WebAuthn.setUserVerified', {
      authenticatorId: on.authenticatorId,
      isUserVerified: false,
    });
    await signedOut(on);
    await on.tab.click('[data-passkey-button]');
    await on.tab.locator('[data-passkey-told]:visible', { hasText: 'No passkey was used' }).waitFor();
    await on.tab.fill('input[name=email]', 'other@example.org');
    await on.tab.click('form:has(input[name=email]) button[type=submit]');
    await on.tab.waitForSelector('input[name=code]');
  });

  it('AC-18 a page of another origin gets nothing of it from the browser', async () => {
    const on = await device();
    await enrolled(on);
    expect(new URL(on.tab.url()).origin).to.equal(spa.origin);
    const outcome = await on.tab.evaluate(
      `navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), rpId: 'localhost' } })
        .then(() => 'given', (error) => error.name)`,
    );
    expect(outcome).to.equal('SecurityError');
  });

  it('AC-18 what the browser sent, sent once more by a page of ours, signs nobody in', async () => {
    const on = await device();
    await enrolled(on);
    await withoutAutofill(on);
    await signedOut(on);
    const sent = on.tab.waitForRequest((request) => /\/passkey$/.test(request.url()));
    await on.tab.click('[data-passkey-button]');
    const body = (await sent).postData() ?? '';
    expect(body).to.include('signature=');
    await on.tab.locator('#state', { hasText: 'signed in as' }).waitFor();
    await signedOut(on);
    await on.tab.waitForSelector('[data-passkey]:not([hidden])');
    const answer = await on.tab.evaluate(`(async () => {
      const form = document.querySelector('[data-passkey]');
      const body = new URLSearchParams(${JSON.stringify(body)});
      body.set('csrf', form.elements.namedItem('csrf').value);
      return (await fetch(form.action, { method: 'POST', body })).text();
    })()`);
    expect(answer).to.include('could not sign you in with this passkey');
  });

  it('AC-18 a copy of the authenticator that counts from before: refused and switched off', async () => {
    const on = await device();
    const { authenticatorId } = on;
    const address = await enrolled(on);
    const { credentials } = await on.cdp.send('WebAuthn.getCredentials', { authenticatorId });
    await withoutAutofill(on);
    await signedOut(on);
    await on.tab.click('[data-passkey-button]');
    await isSignedIn(on.tab, address);
    const [copy] = credentials;
    if (!copy) throw new Error('no credential');
    await on.cdp.send('WebAuthn.clearCredentials', { authenticatorId });
    await on.cdp.send('WebAuthn.addCredential', { authenticatorId, credential: { ...copy, signCount: 0 } });
    postern.clock.move(1000);
    await signedOut(on);
    await on.tab.click('[data-passkey-button]');
    await on.tab.locator('.notice', { hasText: 'we have switched it off' }).waitFor();
    await on.tab.waitForSelector('input[name=email]');
  });

  it('a passkey that we know no more is forgotten by its password manager', async () => {
    const on = await device();
    const address = await enrolled(on);
    const app = postern.server.apps.bySlug('shop');
    const events = app ? await postern.server.audit.list(app.id, { limit: 1000 }) : [];
    const owner = events.filter(({ type }) => type === 'passkey.enrolled').at(-1)?.userId;
    if (!app || !owner) throw new Error(`no owner for ${address}`);
    await postern.server.users.remove(app, owner);
    await withoutAutofill(on);
    await signedOut(on);
    await on.tab.click('[data-passkey-button]');
    await on.tab.locator('.notice', { hasText: 'could not sign you in' }).waitFor();
    await on.tab.waitForLoadState('networkidle');
    const { authenticatorId } = on;
    const left = async () =>
      (await on.cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials.length;
    for (let look = 0; look < 50 && (await left()) > 0; look += 1) await on.tab.waitForTimeout(20);
    expect(await left()).to.equal(0);
  });

  it('WB-12 without script, and in a browser that knows no passkeys: nothing of them shows, and the mail works', async () => {
    const plain = await (await open({ javaScriptEnabled: false })).newPage();
    const rp = postern.rp('shop', 'auto', { redirectUri: `${spa.origin}/callback` });
    await plain.goto(await rp.authorizationUrl());
    expect(await plain.locator('[data-passkey]').isVisible()).to.equal(false);
    expect(await plain.locator('input[name=email]').isVisible()).to.equal(true);
    const old = await open();
    await old.addInitScript('delete window.PublicKeyCredential');
    const tab = await old.newPage();
    await tab.goto(await rp.authorizationUrl());
    expect(await tab.locator('[data-passkey]').isVisible()).to.equal(false);
    for (const page of [plain, tab]) {
      await page.fill('input[name=email]', 'plain@example.org');
      await page.click('form:has(input[name=email]) button[type=submit]');
      await page.waitForSelector('input[name=code]');
    }
  });
});
