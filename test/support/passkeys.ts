/** People with passkeys in flow tests: what the page's own script would do, with an authenticator in software. */
import type { Harness } from './harness.ts';
import { APPS } from './harness.ts';
import type { Form } from './html-forms.ts';
import { newAddress } from './logins.ts';
import { type Answer, Browser, formsOf, formWith, type RelyingParty } from './relying-party.ts';
import { assert, type Key, makeKey, register, type Wrongs } from './software-authenticator.ts';

/** `shop` and `studio` of the harness, on one host and hence with one relying party id, both with passkeys. */
export const PASSKEY_APPS = {
  shop: { ...APPS.shop, methods: { magic_link: {}, passkey: {} } },
  studio: { ...APPS.studio, methods: { magic_link: {}, passkey: {} } },
};

export interface Options {
  readonly challenge: string;
  readonly rpId?: string;
  readonly rp?: { readonly id: string };
  readonly user?: { readonly id: string; readonly name: string };
  readonly userVerification?: string;
  readonly allowCredentials?: readonly unknown[];
  readonly excludeCredentials?: readonly { readonly id: string }[];
}

/** What the script of this page gets when it asks for a ceremony. */
export async function askOptions(
  browser: Browser,
  page: Answer,
  more: Readonly<Record<string, string>> = {},
): Promise<{ answer: Answer; options: Options }> {
  const url = /data-options="([^"]+)"/.exec(page.body)?.[1];
  if (url === undefined) throw new Error(`no ceremony on this page: ${page.status} ${page.url}`);
  const csrf = formsOf(page)
    .flatMap(({ fields }) => fields)
    .find(({ name }) => name === 'csrf')?.value;
  const body = new URLSearchParams({ csrf: csrf ?? '', ...more }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  const answer = await browser.fetch(url, { method: 'POST', headers, body });
  return { answer, options: answer.status === 200 ? JSON.parse(answer.body) : {} };
}

export interface Person {
  readonly browser: Browser;
  readonly rp: RelyingParty;
  readonly address: string;
  readonly key: Key;
  /** As the authenticator keeps it. */
  readonly handle: string;
}

export interface EnrolOptions {
  readonly slug?: string;
  readonly key?: Key;
  readonly browser?: Browser;
  readonly address?: string;
  readonly wrongs?: Wrongs;
  readonly params?: Readonly<Record<string, string>>;
}

/** Signs in by code in a browser that can make passkeys; gives what follows. */
export async function signInOffered(
  harness: Harness,
  {
    slug = 'shop',
    browser = new Browser({ now: harness.clock.now }),
    address = newAddress(),
    params = {},
  }: EnrolOptions = {},
): Promise<{ browser: Browser; rp: RelyingParty; address: string; offer: Answer }> {
  const rp = harness.rp(slug);
  const start = await browser.visit(await rp.authorizationUrl(params));
  await askOptions(browser, start, { able: 'yes' });
  const waiting = await browser.submit(formWith(start, 'email'), { email: address });
  const { code } = await harness.mailTo(address);
  return { browser, rp, address, offer: await browser.submit(formWith(waiting, 'code'), { code }) };
}

/** A person who made a passkey behind a first sign-in, up to the client's callback. */
export async function enrol(
  harness: Harness,
  options: EnrolOptions = {},
): Promise<Person & { done: Answer }> {
  const { key = makeKey(), wrongs } = options;
  const { offer, ...person } = await signInOffered(harness, options);
  const { options: asked } = await askOptions(person.browser, offer);
  const fields = register(key, askOf(harness, asked), wrongs);
  const done = await person.browser.submit(formWith(offer, 'attestation'), fields);
  return { ...person, key, handle: asked.user?.id ?? '', done };
}

/** "Not now" on the page of an offer. */
export function skipOf(page: Answer): Form {
  const form = formsOf(page).find(({ action }) => action.endsWith('/skip'));
  if (!form) throw new Error(`nothing is offered: ${page.status} ${page.url}`);
  return form;
}

export const askOf = (harness: Harness, options: Options) => ({
  origin: harness.url,
  rpId: options.rpId ?? options.rp?.id ?? '',
  challenge: options.challenge,
});

export interface UseOptions {
  readonly browser?: Browser;
  readonly rp?: RelyingParty;
  readonly wrongs?: Wrongs;
  readonly params?: Readonly<Record<string, string>>;
  /** What is sent instead of what the authenticator said. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly handle?: string | undefined;
  readonly origin?: string;
  readonly rpId?: string;
}

export interface Used {
  readonly browser: Browser;
  readonly page: Answer;
  /** As it was sent, for replays. */
  readonly sent: Readonly<Record<string, string>>;
  readonly answer: Answer;
}

/** Signs in with the passkey, in a browser that nobody is signed in in. */
export async function signInWithPasskey(
  harness: Harness,
  person: Pick<Person, 'rp' | 'key' | 'handle'>,
  use: UseOptions = {},
): Promise<Used> {
  const browser = use.browser ?? new Browser({ now: harness.clock.now });
  const page = await browser.visit(await (use.rp ?? person.rp).authorizationUrl(use.params ?? {}));
  const { options } = await askOptions(browser, page);
  const ask = {
    ...askOf(harness, options),
    ...(use.origin === undefined ? {} : { origin: use.origin }),
    ...(use.rpId === undefined ? {} : { rpId: use.rpId }),
  };
  const handle = 'handle' in use ? use.handle : person.handle;
  const sent = { ...assert(person.key, ask, handle, use.wrongs), ...use.fields };
  const answer = await browser.submit(formWith(page, 'authenticator_data'), sent);
  return { browser, page, sent, answer };
}
