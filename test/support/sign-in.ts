/** Steps of a sign-in that many flow tests take, and what they ask of an answer. */
import type { AuditEvent } from '../../src/audit/events.ts';
import { ask, CALLBACK, type Harness, type MailParts } from './harness.ts';
import type { Form } from './html-forms.ts';
import { newAddress } from './logins.ts';
import {
  type Answer,
  Browser,
  type BrowserOptions,
  formsOf,
  formWith,
  type RelyingParty,
} from './relying-party.ts';

export interface Asked {
  readonly browser: Browser;
  readonly rp: RelyingParty;
  readonly address: string;
  /** The page that waits for link or code. */
  readonly waiting: Answer;
  readonly mail: MailParts;
  /** URL of the interaction, without a step. */
  readonly interaction: string;
}

export interface AskOptions {
  readonly slug?: string;
  readonly client?: string;
  readonly browser?: Browser;
  readonly address?: string;
  readonly params?: Readonly<Record<string, string | undefined>>;
  readonly rp?: object;
}

export const newBrowser = (harness: Harness, options: BrowserOptions = {}): Browser =>
  new Browser({ now: harness.clock.now, ...options });

/** A browser that asked for a mail, and the mail. */
export async function askForMail(harness: Harness, options: AskOptions = {}): Promise<Asked> {
  const browser = options.browser ?? newBrowser(harness);
  const rp = harness.rp(options.slug, options.client, options.rp);
  const address = options.address ?? newAddress();
  const waiting = await ask(browser, rp, address, options.params);
  const mail = await harness.mailTo(address);
  return { browser, rp, address, waiting, mail, interaction: interactionOf(waiting) };
}

/** `…/interaction/{uid}` of any page of an interaction. */
export const interactionOf = ({ url }: Pick<Answer, 'url'>): string =>
  /^.*\/interaction\/[^/?]+/.exec(url)?.[0] ?? '';

/** The landing page's address as a server sees it, without the fragment. */
export const landingOf = ({ link }: MailParts): string => link.split('#')[0] ?? '';

/** A code that is not this one. */
export const wrongFor = (code: string, nth = 0): string =>
  String((Number(code) + 1 + nth) % 100_000_000).padStart(8, '0');

/** Whether an answer led to the client with an authorization code. */
export function isSignedIn(answer: Answer): boolean {
  const urls = [answer.next, ...answer.hops.map((hop) => hop.url)];
  return urls.some((url) => url?.startsWith(`${CALLBACK}?`) && new URL(url).searchParams.has('code'));
}

/** Session cookies of any app in a jar, without their signatures and those that were taken back. */
export const sessionsIn = (browser: Browser) =>
  browser.jar.named(/(^|-)session-[\w-]+$/).filter(({ value }) => value !== '');

/** Presses every button of a page once, each from the page as it was; `values` fills in the fields that a form has. */
export async function pressEverything(
  browser: Browser,
  page: Answer,
  values: Readonly<Record<string, string>> = {},
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (const form of formsOf(page)) {
    const names = new Set(form.fields.map(({ name }) => name));
    const own = Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name)));
    answers.push(await browser.submit(form, own, { from: page.url }));
  }
  return answers;
}

/** The form of a page that is sent to this step. */
export function formTo(page: Answer, step: string) {
  const form = formsOf(page).find(({ action }) => new URL(action).pathname.split('/').includes(step));
  if (!form) throw new Error(`no form to ${step} at ${page.url} (${page.status})`);
  return form;
}

export const csrfOf = (page: Answer): string =>
  formWith(page, 'csrf').fields.find(({ name }) => name === 'csrf')?.value ?? '';

/** Body of the redeem form of the link's own page, as its script would fill it in. */
export async function openLink(browser: Browser, mail: MailParts) {
  const landing = await browser.visit(landingOf(mail));
  return { landing, form: formWith(landing, 'secret') };
}

/** The authorization code's owner: the `sub` of the ID token. */
export async function subOf(rp: RelyingParty, callback: string): Promise<string> {
  const { claims } = await rp.exchange(callback);
  return claims?.sub ?? '';
}

/** Sends one form `count` times at the same moment, each time from a browser copied for it; `values` by turn. */
export function sendAtOnce(
  browser: Browser,
  form: Form,
  count: number,
  values: (index: number) => Readonly<Record<string, string>>,
): Promise<Answer[]> {
  const copies = Array.from({ length: count }, () => browser.clone());
  return Promise.all(copies.map((copy, index) => copy.submit(form, values(index), { from: form.action })));
}

/** Every event of an app, however many. */
export async function allEvents(harness: Harness, slug = 'shop'): Promise<readonly AuditEvent[]> {
  const app = harness.server.apps.bySlug(slug);
  if (!app) throw new Error(`no app ${slug}`);
  const events: AuditEvent[] = [];
  for (;;) {
    const last = events.at(-1)?.id;
    const page = await harness.server.audit.list(app.id, {
      limit: 1000,
      ...(last === undefined ? {} : { after: last }),
    });
    events.push(...page);
    if (page.length < 1000) return events;
  }
}
