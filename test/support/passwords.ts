/** Steps with passwords that several flow tests take. */
import type { Harness } from './harness.ts';
import { newAddress } from './logins.ts';
import { type Answer, type Browser, formsOf, formWith, type RelyingParty } from './relying-party.ts';
import { newBrowser } from './sign-in.ts';

export const PASSWORD = 'seventeen grey herons';

/** An app with links and passwords, and one with passwords alone, which are offered first. */
export const withPasswords = (shop: object, studio: object) => ({
  shop: { ...shop, methods: { magic_link: {}, password: {} }, method_order: ['password'] },
  studio: { ...studio, methods: { password: {} } },
});

/** The page behind the email field. */
export async function identify(
  browser: Browser,
  rp: RelyingParty,
  address: string,
  params = {},
): Promise<Answer> {
  const page = await browser.visit(await rp.authorizationUrl(params));
  return browser.submit(formWith(page, 'email'), { email: address });
}

export const formTo = (page: Answer, step: string) => {
  const form = formsOf(page).find(({ action }) => action.endsWith(`/${step}`));
  if (!form) throw new Error(`no form to ${step} in ${page.status} ${page.url}: ${page.body.slice(0, 1500)}`);
  return form;
};

/** From the page behind the email field to the page where a password is chosen, by code. */
export async function proveForPassword(
  harness: Harness,
  browser: Browser,
  page: Answer,
  address: string,
): Promise<Answer> {
  const waiting = await browser.submit(formTo(page, 'password-mail'));
  const { code } = await harness.mailTo(address);
  return browser.submit(formWith(waiting, 'code'), { code });
}

export interface Registered {
  readonly browser: Browser;
  readonly rp: RelyingParty;
  readonly address: string;
  readonly signedIn: Answer;
}

/** Somebody new who chose this password. */
export async function registered(
  harness: Harness,
  options: { slug?: string; address?: string; password?: string; browser?: Browser } = {},
): Promise<Registered> {
  const { slug = 'shop', address = newAddress(), password = PASSWORD } = options;
  const browser = options.browser ?? newBrowser(harness);
  const rp = harness.rp(slug);
  const entered = await identify(browser, rp, address);
  const choosing = await proveForPassword(harness, browser, entered, address);
  const signedIn = await browser.submit(formTo(choosing, 'password-choose'), { password });
  return { browser, rp, address, signedIn };
}

export async function signInByPassword(
  browser: Browser,
  rp: RelyingParty,
  address: string,
  password = PASSWORD,
  params = {},
): Promise<Answer> {
  const page = await identify(browser, rp, address, params);
  return browser.submit(formTo(page, 'password-check'), { password });
}
