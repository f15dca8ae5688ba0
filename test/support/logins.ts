/** Whole sign-ins in one call, and the questions that tests ask of the tokens they gave. */
import type { AuditEvent } from '../../src/audit/events.ts';
import { callbackOf, type Harness, signInByCode } from './harness.ts';
import { Browser, OAuthError, type RelyingParty, type TokenAnswer, type Tokens } from './relying-party.ts';

export interface LoginOptions {
  readonly slug?: string;
  readonly client?: string;
  /** Own options of the relying party, such as its scope. */
  readonly rp?: object;
  readonly params?: Readonly<Record<string, string | undefined>>;
  readonly browser?: Browser;
  readonly address?: string;
}

export interface Login {
  readonly browser: Browser;
  readonly rp: RelyingParty;
  readonly callback: string;
  readonly address: string;
}

export interface TokenLogin extends Login {
  readonly tokens: Tokens & { readonly refresh_token: string };
}

let logins = 0;

/** A mailbox that nobody used before: budgets of one are never in the way of another test. */
export const newAddress = (): string => `person${++logins}@example.org`;

/** A new person, up to the callback with the code. */
export async function login(harness: Harness, options: LoginOptions = {}): Promise<Login> {
  const browser = options.browser ?? new Browser({ now: harness.clock.now });
  const rp = harness.rp(options.slug, options.client, options.rp);
  const address = options.address ?? newAddress();
  const answer = await signInByCode(harness, browser, rp, address, options.params);
  return { browser, rp, address, callback: callbackOf(answer) };
}

/** A new person, up to the tokens. */
export async function loginWithTokens(harness: Harness, options: LoginOptions = {}): Promise<TokenLogin> {
  const found = await login(harness, options);
  return { ...found, tokens: await tokensFor(found.rp, found.callback) };
}

export async function tokensFor(rp: RelyingParty, callback: string): Promise<TokenLogin['tokens']> {
  const tokens = await rp.exchange(callback);
  const { refresh_token } = tokens;
  if (refresh_token === undefined) throw new Error('no refresh token was given');
  return { ...tokens, refresh_token };
}

/** Another authorization of a browser that is signed in, without a question. */
export async function again(browser: Browser, rp: RelyingParty, params = {}): Promise<string> {
  const answer = await browser.visit(await rp.authorizationUrl(params));
  return callbackOf(answer);
}

export const refreshWith = (rp: RelyingParty, token: string, params = {}): Promise<TokenAnswer> =>
  rp.tokenRequest({ grant_type: 'refresh_token', refresh_token: token, ...params });

export async function isAlive(rp: RelyingParty, accessToken: string): Promise<boolean> {
  try {
    await rp.userinfo(accessToken);
    return true;
  } catch (error) {
    if (error instanceof OAuthError && error.status === 401) return false;
    throw error;
  }
}

/** Of one app, oldest first. Events of the engine are written beside its answer: wait for them with `until`. */
export async function auditOf(harness: Harness, slug = 'shop'): Promise<readonly AuditEvent[]> {
  const app = harness.server.apps.bySlug(slug);
  if (!app) throw new Error(`no app ${slug}`);
  return harness.server.audit.list(app.id, { limit: 1000 });
}

export async function auditHas(harness: Harness, type: AuditEvent['type']): Promise<boolean> {
  for (let turn = 0; turn < 20; turn++) {
    if ((await auditOf(harness)).some((event) => event.type === type)) return true;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return false;
}
