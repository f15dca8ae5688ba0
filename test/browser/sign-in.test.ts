import { expect } from 'chai';
import type { BrowserContext, Page } from 'playwright-core';
import { closeBrowser, newContext } from '../support/chromium.ts';
import { type Harness, type MailParts, publicClient, startPostern } from '../support/harness.ts';
import { type Spa, startSpa } from '../support/spa.ts';

describe('sign-in in a real browser', () => {
  let spa: Spa;
  let postern: Harness;
  let context: BrowserContext;
  const contexts: BrowserContext[] = [];
  let violations: string[];
  let people = 0;

  before(async function () {
    this.timeout(60_000);
    spa = await startSpa();
    const redirects = { redirect_uris: [`${spa.origin}/callback`], allowed_origins: [spa.origin] };
    // Only an https client can register initiate_login_uri; the home page serves "continue on this device" too.
    const home = { client_uri: `${spa.origin}/start?client=auto&issuer={BASE_URL}/shop` };
    postern = await startPostern({
      apps: {
        shop: {
          name: 'Shop',
          clients: {
            auto: publicClient({ ...redirects, ...home }),
            waiting: publicClient({ ...redirects, finish_in: 'waiting' }),
            link: publicClient({ ...redirects, finish_in: 'link' }),
          },
        },
      },
    });
  });

  beforeEach(async () => {
    violations = [];
    context = await open();
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
    const made = await newContext(options);
    contexts.push(made);
    made.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) violations.push(message.text());
    });
    made.on('weberror', (error) => violations.push(error.error().message));
    return made;
  }

  /** Asks for a mail in a new tab; gives the tab that waits and the mail. */
  async function ask(
    client = 'auto',
    within = context,
  ): Promise<{ tab: Page; mail: MailParts; address: string }> {
    people += 1;
    const address = `person${people}@example.org`;
    const tab = await within.newPage();
    await tab.goto(spa.start(`${postern.url}/shop`, client));
    await tab.fill('input[name=email]', address);
    await tab.click('form:has(input[name=email]) button[type=submit]');
    await tab.waitForSelector('input[name=code]');
    return { tab, mail: await postern.mailTo(address), address };
  }

  const isSignedIn = async (tab: Page, address: string): Promise<void> => {
    await tab.locator('#state', { hasText: new RegExp(`^signed in as ${address}$`) }).waitFor();
  };

  it('a canary: web security is on, a cross-origin read is refused', async () => {
    const tab = await context.newPage();
    await tab.goto(`${postern.url}/health/live`);
    const outcome = await tab.evaluate(
      async (url) =>
        fetch(url).then(
          () => 'read',
          () => 'refused',
        ),
      `${spa.origin}/`,
    );
    expect(outcome).to.equal('refused');
  });

  it('link in the same browser, waiting tab alive: the tab that began finishes, without a further click', async () => {
    const { tab, mail, address } = await ask();
    const linkTab = await context.newPage();
    await linkTab.goto(mail.link);
    await isSignedIn(tab, address);
    await linkTab.locator('[data-go-back]:not(:empty)').waitFor();
    expect(new URL(linkTab.url()).origin).to.equal(postern.url);
  });

  it('link in the same browser, waiting tab closed: the link tab goes on to the client by itself', async () => {
    const { tab, mail } = await ask();
    await tab.close();
    const linkTab = await context.newPage();
    await linkTab.goto(mail.link);
    await linkTab.waitForURL(`${spa.origin}/callback?*`);
    expect(new URL(linkTab.url()).searchParams.get('code')).to.be.a('string');
  });

  it('finish_in waiting: the link tab never goes on, the waiting tab does', async () => {
    const { tab, mail, address } = await ask('waiting');
    const linkTab = await context.newPage();
    await linkTab.goto(mail.link);
    await isSignedIn(tab, address);
    expect(new URL(linkTab.url()).origin).to.equal(postern.url);
  });

  it('finish_in link: the link tab goes on, the waiting tab says so', async () => {
    const { tab, mail } = await ask('link');
    const linkTab = await context.newPage();
    await linkTab.goto(mail.link);
    await linkTab.waitForURL(`${spa.origin}/callback?*`);
    await tab.bringToFront();
    await tab.waitForSelector('[data-ended=used]:visible');
  });

  it('ML-01, ML-04: the secret is gone from address and history, and no request carries it', async () => {
    const { tab, mail } = await ask();
    await tab.close();
    const urls: string[] = [];
    context.on('request', (request) => urls.push(request.url(), request.headers().referer ?? ''));
    const linkTab = await context.newPage();
    await linkTab.goto(mail.link);
    await linkTab.waitForURL(`${spa.origin}/callback?*`);
    expect(urls.join('\n')).not.to.contain(mail.secret);
    // Back through everything this tab has seen.
    for (let step = 0; step < 3; step += 1) {
      expect(linkTab.url()).not.to.contain(mail.secret);
      await linkTab.goBack().catch(() => undefined);
    }
  });

  it('ML-11, ML-12, ML-40: elsewhere every button is pressed and every form sent; the first browser stays signed out and still completes by link', async () => {
    const { tab, mail, address } = await ask();
    await pressEverything(mail.link);
    expect(await tab.locator('input[name=code]').isVisible()).to.equal(true);
    const linkTab = await context.newPage();
    await linkTab.goto(mail.link);
    await isSignedIn(tab, address);
  });

  it('ML-12: and it still completes by code', async () => {
    const { tab, mail, address } = await ask();
    await pressEverything(mail.link);
    await tab.fill('input[name=code]', `${mail.code.slice(0, 4)} ${mail.code.slice(4)}`);
    await isSignedIn(tab, address);
  });

  it('continue on this device: the typed code signs in the second browser only, after one more press', async () => {
    const { tab, mail, address } = await ask();
    const second = await open();
    const elsewhere = await second.newPage();
    await elsewhere.goto(mail.link);
    await elsewhere.fill('input[name=code]', mail.code);
    await elsewhere.click('form:has(input[name=code]) button[type=submit]');
    await elsewhere.waitForURL(/\/interaction\//);
    await elsewhere.click('form:has(button[type=submit]) button[type=submit]');
    await isSignedIn(elsewhere, address);
    await tab.bringToFront();
    await tab.waitForSelector('[data-ended=gone]:visible');
    expect(new URL(tab.url()).origin).to.equal(postern.url);
  });

  it('WB-12: without script, by typing the code', async () => {
    const plain = await open({ javaScriptEnabled: false });
    // The single-page app needs script; the request is made here instead.
    const rp = postern.rp('shop', 'auto', { redirectUri: `${spa.origin}/callback` });
    const tab = await plain.newPage();
    await tab.goto(await rp.authorizationUrl());
    await tab.fill('input[name=email]', 'plain@example.org');
    await tab.click('form:has(input[name=email]) button[type=submit]');
    const { code } = await postern.mailTo('plain@example.org');
    await tab.fill('input[name=code]', code);
    await tab.click('form:has(input[name=code]) button[type=submit]');
    await tab.waitForURL(`${spa.origin}/callback?*`);
    expect((await rp.exchange(tab.url())).claims?.amr).to.deep.equal(['email']);
  });

  /** What a mail scanner or a curious stranger does with a link: a real browser, every form sent, every button pressed. */
  async function pressEverything(link: string): Promise<void> {
    const scanner = await open();
    const tab = await scanner.newPage();
    await tab.goto(link);
    await tab.waitForLoadState('networkidle');
    expect(tab.url()).not.to.contain('#');
    const count = await tab.locator('button, input[type=submit]').count();
    expect(count).to.be.greaterThan(0);
    for (let at = 0; at < count; at += 1) {
      await tab.goto(link);
      for (const field of await tab.locator('input[name=code]').all())
        await field.evaluate((input) => input.removeAttribute('required'));
      await tab
        .locator('button, input[type=submit]')
        .nth(at)
        .click({ force: true, timeout: 1000 })
        .catch(() => undefined);
      await tab.waitForLoadState('networkidle');
    }
    await tab.goto(link);
    const forms = await tab.locator('form').count();
    for (let at = 0; at < forms; at += 1) {
      await tab.goto(link);
      await tab.evaluate(`document.forms[${at}].submit()`);
      await tab.waitForLoadState('networkidle');
    }
    const names = (await scanner.cookies()).map(({ name }) => name);
    expect(names.filter((name) => /session|pass/.test(name))).to.deep.equal([]);
  }
});
