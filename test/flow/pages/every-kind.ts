/** One answer of every kind that Postern gives, by name and with the status it must have. */
import { ORIGIN, type SecureHarness } from '../../support/https.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, formWith, type VisitOptions } from '../../support/relying-party.ts';
import { formTo, landingOf } from '../../support/sign-in.ts';

type Kind = readonly [name: string, status: number, answer: Pick<Answer, 'status' | 'headers' | 'body'>];

const UNKNOWN = 'AAAAAAAAAAAAAAAAAAAAAA';
const STAY = { follow: false };

export async function everyKind(secure: SecureHarness): Promise<readonly Kind[]> {
  return [...(await ofSignIn(secure)), ...(await ofRefusals(secure)), ...(await ofDocuments(secure))];
}

/** One sign-in, step by step. */
async function ofSignIn(secure: SecureHarness): Promise<readonly Kind[]> {
  const browser = secure.browser();
  const address = newAddress();
  const first = await browser.visit(await secure.rp().authorizationUrl());
  const wrong = await browser
    .tab()
    .submit(formWith(first, 'email'), { email: 'nonsense' }, { from: first.url });
  const waiting = await browser.submit(formWith(first, 'email'), { email: address });
  const mail = await secure.harness.mailTo(address);
  const early = await browser.tab().submit(formTo(waiting, 'resend'), {}, { from: waiting.url });
  const here = await browser.tab().visit(landingOf(mail));
  const elsewhere = await secure.browser().visit(landingOf(mail));
  const done = await browser.submit(formWith(waiting, 'code'), { code: mail.code }, STAY);
  const resumed = await browser.tab().visit(done.next ?? '', STAY);
  return [
    ['first page', 200, first],
    ['refused address', 400, wrong],
    ['waiting', 200, waiting],
    ['resend too soon', 429, early],
    ['link here', 200, here],
    ['link elsewhere', 200, elsewhere],
    ['going on', 200, done],
    ['back to the client', 303, resumed],
    ['finished', 409, await browser.tab().visit(done.next ?? '', STAY)],
    ['used link', 410, await browser.tab().visit(landingOf(mail))],
    ['sign-out question', 200, await browser.tab().visit(`${ORIGIN}/shop/session/end`)],
  ];
}

async function ofRefusals(secure: SecureHarness): Promise<readonly Kind[]> {
  const get = (path: string, options: VisitOptions = {}) =>
    secure.browser().visit(`${ORIGIN}${path}`, { ...STAY, ...options });
  const post = (path: string, body: Readonly<Record<string, string>>) => get(path, { method: 'POST', body });
  return [
    ['unknown link', 404, await get(`/shop/link/${UNKNOWN}`)],
    ['engine refusal', 400, await get('/shop/auth?client_id=nobody')],
    ['token refusal', 400, await post('/shop/token', { grant_type: 'password', client_id: 'web' })],
    ['userinfo without token', 401, await get('/shop/me')],
    ['no interaction', 400, await get(`/shop/interaction/${UNKNOWN}`)],
    ['no csrf', 403, await post(`/shop/link/${UNKNOWN}/report`, { a: '1' })],
    ['too large', 413, await post(`/shop/link/${UNKNOWN}/report`, { csrf: 'x'.repeat(20_000) })],
    ['HEAD', 405, await get('/shop/auth', { method: 'HEAD' })],
    ['no such page', 404, await get('/shop/nothing')],
    ['no such app', 404, await get('/nothing')],
    ['doubled slash', 404, await get('/shop//auth')],
  ];
}

async function ofDocuments(secure: SecureHarness): Promise<readonly Kind[]> {
  const get = (path: string) => secure.browser().visit(`${ORIGIN}${path}`, STAY);
  return [
    ['discovery', 200, await get('/shop/.well-known/openid-configuration')],
    ['key set', 200, await get('/shop/jwks')],
    ['start', 303, await secure.browser().visit(await secure.rp().authorizationUrl(), STAY)],
    ['health', 200, await get('/health/live')],
  ];
}
