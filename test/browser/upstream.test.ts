/** The way to another provider and back in a real Chromium, whose cookies and CSP no fake browser stands in for. */
import { expect } from 'chai';
import type { BrowserContext, Page, Route } from 'playwright-core';
import { closeBrowser, newContext } from '../support/chromium.ts';
import { type Harness, publicClient, startPostern } from '../support/harness.ts';
import { type Spa, startSpa } from '../support/spa.ts';
import { APPLE, presetWorld } from '../support/upstream-presets.ts';

const { world, oidc } = presetWorld();
const ADA = { sub: '1101', email: 'ada@gmail.com', email_verified: true };

describe('another provider in a real browser', () => {
  let spa: Spa;
  let postern: Harness;
  let context: BrowserContext;
  let violations: string[];

  before(async function () {
    this.timeout(60_000);
    spa = await startSpa();
    const client = { redirect_uris: [`${spa.origin}/callback`], allowed_origins: [spa.origin] };
    const providers = {
      google: { preset: 'google', client_id: 'postern', client_secret: 'secret', authoritative: true },
      apple: { ...APPLE, authoritative: true },
    };
    const methods = { magic_link: {}, upstream: { providers } };
    const shop = { name: 'Shop', methods, clients: { web: publicClient(client) } };
    postern = await startPostern({ apps: { shop }, fetch: world.fetch });
  });
  beforeEach(async () => {
    violations = [];
    context = await newContext();
    context.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) violations.push(message.text());
    });
  });
  afterEach(async () => {
    await context.close();
    expect(violations).to.deep.equal([]);
  });
  after(async () => {
    await closeBrowser();
    await postern?.close();
    await spa?.close();
  });

  async function press(provider: string, within = context): Promise<Page> {
    const tab = await within.newPage();
    await tab.goto(spa.start(`${postern.url}/shop`, 'web'));
    await tab.click(`button:has-text("Continue with ${provider}")`);
    return tab;
  }
  const signedIn = (tab: Page) => tab.waitForSelector('#state:has-text("signed in as")');

  /** Google's page for somebody who is signed in there: sends the browser back at once. */
  const google = (answer: (url: string) => URLSearchParams) => (route: Route) => {
    const url = route.request().url();
    const back = `${new URL(url).searchParams.get('redirect_uri')}?${answer(url)}`;
    return route.fulfill({ status: 302, headers: { location: back } });
  };

  it('there and back by redirect, with no press in between', async () => {
    await context.route(
      'https://accounts.google.com/**',
      google((url) => oidc.google.authorize(url, ADA)),
    );
    const tab = await press('Google');
    await signedIn(tab);
    expect(await tab.textContent('#state')).to.equal(`signed in as ${ADA.email}`);
  });

  it('AC-08 back by a form of the other site, without Lax cookies: the browser is known all the same', async () => {
    await context.route('https://appleid.apple.com/**', (route) => {
      const url = route.request().url();
      const person = { sub: '001.a', email: 'ada@privaterelay.appleid.com', email_verified: 'true' };
      const fields = [...oidc.apple.authorize(url, person)]
        .map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`)
        .join('');
      const action = new URL(url).searchParams.get('redirect_uri');
      const body = `<form method="post" action="${action}">${fields}</form><script>document.forms[0].submit()</script>`;
      return route.fulfill({ status: 200, contentType: 'text/html', body });
    });
    await signedIn(await press('Apple'));
  });

  it('somebody who says no there is back at the choice', async () => {
    await context.route(
      'https://accounts.google.com/**',
      google((url) => oidc.google.deny(url)),
    );
    const tab = await press('Google');
    await tab.waitForSelector('text=You came back without signing in there');
    await tab.waitForSelector('input[name=email]');
  });

  it('without script one press finishes', async () => {
    const plain = await newContext({ javaScriptEnabled: false });
    try {
      await plain.route(
        'https://accounts.google.com/**',
        google((url) => oidc.google.authorize(url, ADA)),
      );
      const tab = await plain.newPage();
      await tab.goto(
        await postern.rp('shop', 'web', { redirectUri: `${spa.origin}/callback` }).authorizationUrl(),
      );
      await tab.click('button:has-text("Continue with Google")');
      await tab.waitForSelector('text=Welcome back');
      await tab.click('button:has-text("Continue")');
      await tab.waitForURL((url) => url.origin === spa.origin && url.searchParams.has('code'));
    } finally {
      await plain.close();
    }
  });
});
