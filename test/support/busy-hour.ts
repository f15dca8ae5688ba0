/**
 * What happens at a Postern in a busy hour, good and bad: sign-ins by code and by link, mistyped codes, returns, refreshes
 * and lost replies, stolen codes, sign-outs. Every secret that goes by is kept in a bag.
 */
import { createHash, randomBytes } from 'node:crypto';
import { ask, callbackOf, type MailParts, redeemLink } from './harness.ts';
import { isAlive, newAddress, refreshWith } from './logins.ts';
import { Browser, formsOf, formWith, type RelyingParty, type TokenAnswer } from './relying-party.ts';
import type { SecretBag } from './secret-bag.ts';

export interface BusyServer {
  rp(slug?: string, clientId?: string, more?: object): RelyingParty;
  mailTo(address: string): Promise<MailParts>;
}

/** Signs in `count` people one after the other and gives their addresses. */
export async function busyHour(
  server: BusyServer,
  count: number,
  bag: SecretBag,
): Promise<readonly string[]> {
  const addresses: string[] = [];
  for (let turn = 0; turn < count; turn++) addresses.push(await visitor(server, turn, bag));
  return addresses;
}

async function visitor(server: BusyServer, turn: number, bag: SecretBag): Promise<string> {
  const rp = server.rp(turn % 7 === 0 ? 'studio' : 'shop', 'web', { scope: scopeOf(turn) });
  const browser = new Browser();
  const address = newAddress();
  const verifier = randomBytes(32).toString('base64url');
  bag.add('verifier', verifier);
  const code_challenge = createHash('sha256').update(verifier).digest('base64url');
  const params = { code_challenge, login_hint: turn % 2 ? address : undefined };

  const callback = await signIn(server, rp, browser, address, params, turn, bag);
  const code = new URL(callback).searchParams.get('code') ?? '';
  bag.add('authorization code', code);
  const body = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: rp.options.redirectUri,
    code_verifier: verifier,
  };
  const tokens = keep(await rp.tokenRequest(body), bag);
  await isAlive(rp, String(tokens.access_token));
  await useTokens(rp, String(tokens.refresh_token), turn, bag);
  if (turn % 10 === 3) keep(await rp.tokenRequest(body), bag);
  if (turn % 4 === 1) await signOut(rp, browser, String(tokens.id_token), bag);
  bag.addCookies(browser);
  return address;
}

const scopeOf = (turn: number): string => (turn % 3 === 0 ? 'openid email offline_access' : 'openid email');

async function signIn(
  server: BusyServer,
  rp: RelyingParty,
  browser: Browser,
  address: string,
  params: object,
  turn: number,
  bag: SecretBag,
): Promise<string> {
  let page = await ask(browser, rp, address, params);
  bag.addCookies(browser);
  for (const { fields } of formsOf(page)) {
    for (const { name, value } of fields) if (name === 'csrf') bag.add('csrf token', value);
  }
  const mail = await server.mailTo(address);
  bag.add('mail code', mail.code);
  bag.add('link secret', mail.secret);
  // Somebody else opens the link, as mail scanners do.
  if (turn % 5 === 2) await new Browser().visit(mail.link.split('#')[0] ?? '');
  for (let wrong = 0; wrong < turn % 3; wrong++) {
    page = await browser.submit(formWith(page, 'code'), {
      code: mail.code === '01234567' ? '76543210' : '01234567',
    });
  }
  const answer =
    turn % 2
      ? await redeemLink(browser, mail)
      : await browser.submit(formWith(page, 'code'), { code: mail.code });
  bag.addCookies(browser);
  return callbackOf(answer);
}

async function useTokens(rp: RelyingParty, first: string, turn: number, bag: SecretBag): Promise<void> {
  const second = keep(await refreshWith(rp, first), bag);
  if (turn % 3 === 0) keep(await refreshWith(rp, first), bag);
  if (turn % 6 === 5) {
    keep(await refreshWith(rp, String(second.refresh_token)), bag);
    keep(await refreshWith(rp, first), bag);
  }
  // Refused and malformed requests are logged too.
  await isAlive(rp, String(second.refresh_token));
  await rp.tokenRequest({
    grant_type: 'password',
    username: 'somebody',
    password: String(second.refresh_token),
  });
}

async function signOut(rp: RelyingParty, browser: Browser, idToken: string, bag: SecretBag): Promise<void> {
  const page = await browser.visit(await rp.logoutUrl({ id_token_hint: idToken }));
  const form = formWith(page, 'xsrf');
  for (const { name, value } of form.fields) if (name === 'xsrf') bag.add('xsrf token', value);
  await browser.submit(form, form.fields.some(({ name }) => name === 'logout') ? { logout: 'yes' } : {});
}

function keep({ json }: TokenAnswer, bag: SecretBag): TokenAnswer['json'] {
  bag.add('access token', json.access_token);
  bag.add('refresh token', json.refresh_token);
  bag.add('id token', json.id_token);
  return json;
}
