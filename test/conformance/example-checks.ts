/** What every example has to show: a sign-in as the right person, refreshes, and a sign-out that holds at the provider. */
import { strict as assert } from 'node:assert';
import type { BrowserContext, Page } from 'playwright-core';
import { newContext } from '../support/chromium.ts';
import { type Answer, Browser, formsOf, formWith, pageOf, RelyingParty } from '../support/relying-party.ts';
import { AUDIENCE, type Example } from './example-clients.ts';
import type { Postern } from './postern.ts';

export interface Check {
  readonly title: string;
  readonly run: () => Promise<void>;
}

/** The checks of one example, in order; later ones go on where earlier ones ended. */
export function checksOf(example: Example, postern: Postern): readonly Check[] {
  return example.isBrowserApp
    ? [...browserChecks(example, postern, 'code'), ...browserChecks(example, postern, 'link')]
    : [...siteChecks(example, postern), ...(example.isResourceServer ? apiChecks(example, postern) : [])];
}

const anywhere = { until: () => false };

/** Without script, as a person with the plainest of browsers. */
function siteChecks(example: Example, postern: Postern): Check[] {
  const browser = new Browser();
  const email = `${example.name}@example.org`;
  const home = () => browser.visit(example.home, anywhere);
  const press = async (path: string): Promise<Answer> => {
    const form = formsOf(await home()).find(({ action }) => new URL(action).pathname === path);
    assert(form, `no form for ${path}`);
    return browser.submit(form, {}, anywhere);
  };
  const toSignIn = async (): Promise<Answer> => {
    const link = pageOf(await home()).links.find(({ text }) => text === 'Sign in');
    assert(link, 'no link to sign in');
    return browser.visit(link.url, { ...anywhere, from: example.home });
  };
  return [
    {
      title: 'signs in by code and shows the right address',
      run: async () => {
        const asked = await browser.submit(formWith(await toSignIn(), 'email'), { email }, anywhere);
        const { code } = await postern.mailTo(email);
        const answer = await browser.submit(formWith(asked, 'code'), { code }, anywhere);
        assertShown(answer, example.home, `Signed in as ${email}`);
      },
    },
    {
      title: 'refreshes twice, each time with the next refresh token',
      run: async () => {
        assertShown(await press('/refresh'), example.home, 'Refreshed 1 times');
        assertShown(await press('/refresh'), example.home, 'Refreshed 2 times');
      },
    },
    {
      title: 'signs out here and at the provider',
      run: async () => {
        let answer = await press('/logout');
        // Without script the provider's sign-out page has a button.
        if (answer.url.startsWith(postern.issuer))
          answer = await browser.submit(only(formsOf(answer)), {}, anywhere);
        assertShown(answer, example.home, 'Sign in');
        assert(formWith(await toSignIn(), 'email'));
      },
    },
  ];
}

function only<T>(items: readonly T[]): T {
  const [first] = items;
  assert(first !== undefined, 'no form on the page');
  return first;
}

function assertShown(answer: Answer, url: string, text: string): void {
  const shown = pageOf(answer).text;
  assert.equal(answer.url, url, shown);
  assert(shown.includes(text), `"${text}" is not in "${shown}"`);
}

/** OA-29: libraries that Postern does not use decide which of its tokens are access tokens for this API. */
function apiChecks(example: Example, postern: Postern): Check[] {
  const call = async (token: string) => {
    const answer = await fetch(new URL('/api', example.home), {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: answer.status, body: Object(await answer.json()) };
  };
  let people = 0;
  const tokensFor = async (resource: string) => {
    const { clientId, redirectUri } = API_CALLER;
    const rp = new RelyingParty({ issuer: postern.issuer, clientId, redirectUri, scope: 'openid read' });
    const browser = new Browser();
    const email = `${example.name}-api-${++people}@example.org`;
    const page = await browser.visit(await rp.authorizationUrl({ resource }));
    const asked = await browser.submit(formWith(page, 'email'), { email });
    const { code } = await postern.mailTo(email);
    const { next } = await browser.submit(formWith(asked, 'code'), { code });
    if (!next?.startsWith(redirectUri)) throw new Error(`not back at the client: ${next}`);
    return rp.exchange(next);
  };
  return [
    {
      title: 'its API takes an access token that was made for it',
      run: async () => {
        const tokens = await tokensFor(AUDIENCE);
        const { status, body } = await call(tokens.access_token);
        assert.equal(status, 200);
        assert.deepEqual(body, { sub: tokens.claims?.sub, client: API_CALLER.clientId, scope: 'read' });
      },
    },
    {
      title: 'its API refuses ID tokens, tokens for another API, changed ones and none',
      run: async () => {
        const tokens = await tokensFor(AUDIENCE);
        const other = await tokensFor(OTHER_AUDIENCE);
        const [header, payload, signature] = tokens.access_token.split('.');
        const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
        for (const token of [
          String(tokens.id_token),
          other.access_token,
          `${header}.${payload}.${signature?.split('').toReversed().join('')}`,
          `${none}.${payload}.`,
          'opaque',
          '',
        ]) {
          assert.equal((await call(token)).status, 401, token);
        }
      },
    },
  ];
}

/** A resource that the examples' APIs are not. */
const OTHER_AUDIENCE = 'https://other.shop.example';

/** The client that calls the APIs. */
const API_CALLER = { clientId: 'caller', redirectUri: 'http://localhost/callback' } as const;

/** What the provider has to know for the checks beside the examples themselves. */
export const FOR_CHECKS = {
  clients: {
    [API_CALLER.clientId]: { redirect_uris: [API_CALLER.redirectUri], token_endpoint_auth_method: 'none' },
  },
  resources: {
    [AUDIENCE]: { scopes: { read: 'read from it' } },
    [OTHER_AUDIENCE]: { scopes: { read: 'read from it' } },
  },
};

/** In a real Chromium: state and tokens of the app live in one tab's sessionStorage. */
function browserChecks(example: Example, postern: Postern, by: 'code' | 'link'): Check[] {
  const email = `${example.name}-${by}@example.org`;
  let context: BrowserContext;
  let page: Page;
  return [
    {
      title: `signs in by ${by} and shows the right address`,
      run: async () => {
        context = await newContext();
        page = await context.newPage();
        await page.goto(example.home);
        await page.locator('#login').click();
        await page.locator('input[name=email]').fill(email);
        await page.locator('input[name=email]').press('Enter');
        await page.locator('input[name=code]').waitFor();
        const mail = await postern.mailTo(email);
        // The link is opened in a second tab of the same browser; the first one, which holds the verifier, goes on.
        if (by === 'code') await page.locator('input[name=code]').pressSequentially(mail.code);
        else await (await context.newPage()).goto(mail.link);
        await page.waitForURL(example.home);
        await assertSaid(page, '#email', email);
      },
    },
    {
      title: `signed in by ${by}, refreshes twice`,
      run: async () => {
        for (const count of ['1', '2']) {
          await page.locator('#refresh').click();
          await assertSaid(page, '#refreshed', count);
        }
      },
    },
    {
      title: `signed in by ${by}, signs out here and at the provider`,
      run: async () => {
        await page.locator('#logout').click();
        await page.waitForURL(example.home);
        await page.locator('#login').click();
        await page.locator('input[name=email]').waitFor();
        await context.close();
      },
    },
  ];
}

/** Waits for the text, and ends at once when the app says what went wrong instead. */
async function assertSaid(page: Page, selector: string, text: string): Promise<void> {
  const said = page.locator(selector, { hasText: text });
  const error = page.locator('#error', { hasText: /./ });
  await said.or(error).first().waitFor({ state: 'attached' });
  assert.equal(await error.count(), 0, `the app says: ${await page.locator('#error').textContent()}`);
  assert.equal(await said.count(), 1);
}
