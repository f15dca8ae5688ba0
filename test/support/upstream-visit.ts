/** The steps of a sign-in through another provider, as a browser without script takes them. */
import { type Answer, type Browser, formsOf, type RelyingParty } from './relying-party.ts';

export interface Away {
  /** Where the browser was sent. */
  readonly url: URL;
  /** Where the provider has to send it back. */
  readonly callback: string;
  /** The page with the buttons. */
  readonly start: Answer;
}

/** Presses the button of one provider. */
export async function leaveFor(
  browser: Browser,
  rp: RelyingParty,
  provider: string,
  params: Readonly<Record<string, string | undefined>> = {},
): Promise<Away> {
  const start = await browser.visit(await rp.authorizationUrl(params));
  const sent = await press(browser, start, provider);
  if (!sent.next) throw new Error(`the browser stays: ${sent.status} ${sent.body.slice(0, 1500)}`);
  const url = new URL(sent.next);
  return { url, callback: url.searchParams.get('redirect_uri') ?? '', start };
}

export async function press(browser: Browser, start: Answer, provider: string): Promise<Answer> {
  const form = formsOf(start).find(({ action }) => action.endsWith(`/upstream/${provider}`));
  if (!form) throw new Error(`no button for ${provider}: ${start.body.slice(0, 1500)}`);
  return browser.submit(form);
}

/** Follows the provider's redirect back; gives the page that waits to send itself. */
export function comeBack(
  browser: Browser,
  { callback, url }: Away,
  answer: URLSearchParams,
): Promise<Answer> {
  const target = new URL(callback);
  target.search = answer.toString();
  return browser.visit(target.href, { from: `${url.origin}/` });
}

/** The same as a form that the provider's own page sends. */
export const comeBackByForm = (
  browser: Browser,
  { callback, url }: Away,
  answer: URLSearchParams,
): Promise<Answer> => browser.visit(callback, { method: 'POST', body: answer, from: `${url.origin}/` });

/** What the page of the return does by itself. */
export async function finishReturn(browser: Browser, page: Answer): Promise<Answer> {
  const form = formsOf(page).find(({ action }) => action.includes('/upstream-finish/'));
  if (!form) throw new Error(`no page of return: ${page.status} at ${page.url}: ${page.body.slice(0, 1500)}`);
  return browser.submit(form, {}, { from: page.url });
}
