/**
 * The relying party of the demonstration: every protocol step by `openid-client` over real HTTP, and the record of it
 * for the page. Knows an issuer, a client id and a redirect URI, as any client does, and nothing of this server's inside.
 */
import type * as OpenIdClient from 'openid-client';
import { remember, type SignedIn, type Step, type Visit } from './demo-sessions.ts';
import {
  authorizationStep,
  callbackStep,
  discoveryStep,
  idTokenStep,
  refreshStep,
  silentStep,
  tokenStep,
  userinfoStep,
} from './demo-steps.ts';

export interface DemoClient {
  /** Names it in our URLs. */
  readonly key: string;
  readonly name: string;
  /** Name of the app that signs people in. */
  readonly appName: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly redirectUri: string;
  /** Where the provider sends the browser after signing out. */
  readonly homeUri: string;
  readonly isPartner: boolean;
}

export interface DemoApp {
  readonly slug: string;
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  /** A third-party client of the same app, to show the consent page. */
  readonly partner?: { readonly clientId: string; readonly name?: string };
}

/** What a person may change about the authorization request. */
export interface SignInChoices {
  readonly loginHint?: string | undefined;
  readonly prompt?: 'login' | 'consent' | 'none' | undefined;
  readonly uiLocales?: string | undefined;
}

const SCOPE = 'openid email profile offline_access';
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The clients that stand for one app, with the redirect URIs under which they have to be registered. */
export function clientsOf(app: DemoApp, baseUrl: string): DemoClient[] {
  const client = (key: string, clientId: string, name: string, isPartner: boolean): DemoClient => ({
    key,
    name,
    clientId,
    isPartner,
    appName: app.name,
    issuer: app.issuer,
    redirectUri: `${baseUrl}/demo/callback/${key}`,
    homeUri: `${baseUrl}/demo`,
  });
  const own = client(app.slug, app.clientId, app.name, false);
  if (!app.partner) return [own];
  const { clientId, name = `Partner of ${app.name}` } = app.partner;
  return [own, client(`${app.slug}-partner`, clientId, name, true)];
}

/** Loaded on first use: most starts of the server never open the demonstration. */
const library = (): Promise<typeof OpenIdClient> => import('openid-client');

/** Asked anew after a fault; every worker asks for itself. */
const known = new Map<string, Promise<OpenIdClient.Configuration>>();

function configurationOf(client: DemoClient): Promise<OpenIdClient.Configuration> {
  const key = `${client.issuer} ${client.clientId}`;
  const found = known.get(key) ?? discover(client);
  known.set(key, found);
  found.catch(() => known.delete(key));
  return found;
}

async function discover(client: DemoClient): Promise<OpenIdClient.Configuration> {
  const oidc = await library();
  const issuer = new URL(client.issuer);
  const isPlainLoopback = issuer.protocol === 'http:' && LOOPBACK.has(issuer.hostname);
  return oidc.discovery(issuer, client.clientId, undefined, oidc.None(), {
    execute: isPlainLoopback ? [oidc.allowInsecureRequests] : [],
  });
}

/** Begins a sign-in; the answer is where the browser goes. Throws what `explain` explains. */
export async function beginSignIn(client: DemoClient, visit: Visit, choices: SignInChoices): Promise<URL> {
  const oidc = await library();
  const configuration = await discover(client);
  const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: client.redirectUri,
    scope: SCOPE,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    // OpenID Connect Core §11: offline_access is granted after consent; a third party has to ask for it.
    ...(client.isPartner && choices.prompt === undefined ? { prompt: 'consent' } : {}),
    ...(choices.prompt ? { prompt: choices.prompt } : {}),
    ...(choices.loginHint ? { login_hint: choices.loginHint } : {}),
    ...(choices.uiLocales ? { ui_locales: choices.uiLocales } : {}),
  });
  const steps = [discoveryStep(configuration.serverMetadata()), authorizationStep(url)];
  known.set(`${client.issuer} ${client.clientId}`, Promise.resolve(configuration));
  remember(visit, state, { verifier, nonce, isSilent: choices.prompt === 'none', steps });
  return url;
}

/**
 * The callback: redeems the code and asks userinfo. Every state serves once, so a reloaded callback is unknown.
 * `unknown` = this browser did not begin it, or it is done already. Throws what `explain` explains.
 */
export async function finishSignIn(
  client: DemoClient,
  visit: Visit,
  query: URLSearchParams,
): Promise<'signed-in' | 'unknown'> {
  const state = query.get('state') ?? '';
  const pending = visit.pending.get(state);
  if (!pending) return 'unknown';
  visit.pending.delete(state);
  const oidc = await library();
  const { verifier, nonce } = pending;
  const configuration = await configurationOf(client);
  visit.steps = [...pending.steps, callbackStep(client.redirectUri, query)];
  visit.later = [];
  const tokens = await oidc.authorizationCodeGrant(configuration, new URL(`${client.redirectUri}?${query}`), {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  // idTokenExpected made the library throw before this could be undefined; the compiler does not know.
  if (!claims || tokens.id_token === undefined) throw new Error('no ID token');
  const userinfo = await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub);
  visit.signedIn = {
    subject: claims.sub,
    label: typeof userinfo.email === 'string' ? userinfo.email : claims.sub,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    idToken: tokens.id_token,
  };
  const metadata = configuration.serverMetadata();
  visit.steps = [
    ...(pending.isSilent ? [silentStep()] : []),
    ...visit.steps,
    tokenStep(metadata.token_endpoint, tokens),
    idTokenStep(claims),
    userinfoStep(metadata.userinfo_endpoint, userinfo),
  ];
  return 'signed-in';
}

/** Asks for new tokens; throws what `explain` explains. */
export async function refreshTokens(client: DemoClient, visit: Visit): Promise<void> {
  const { signedIn } = visit;
  if (!signedIn?.refreshToken) return;
  const oidc = await library();
  const configuration = await configurationOf(client);
  const tokens = await oidc.refreshTokenGrant(configuration, signedIn.refreshToken);
  addStep(visit, refreshStep(configuration.serverMetadata().token_endpoint, signedIn.refreshToken, tokens));
  visit.signedIn = {
    ...signedIn,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token ?? signedIn.refreshToken,
    idToken: tokens.id_token ?? signedIn.idToken,
  };
}

/** Asks userinfo again with the present access token; throws what `explain` explains. */
export async function askUserinfo(client: DemoClient, visit: Visit): Promise<void> {
  const { signedIn } = visit;
  if (!signedIn) return;
  const oidc = await library();
  const { accessToken, subject } = signedIn;
  const configuration = await configurationOf(client);
  const userinfo = await oidc.fetchUserInfo(configuration, accessToken, subject);
  addStep(visit, userinfoStep(configuration.serverMetadata().userinfo_endpoint, userinfo));
}

/** How the browser is sent to the provider's sign-out: by a form, or by an address. */
export type SignOut =
  | {
      readonly method: 'post';
      readonly action: string;
      readonly fields: readonly { readonly name: string; readonly value: string }[];
    }
  | { readonly method: 'get'; readonly url: string };

/**
 * RP-initiated sign-out. A form where the provider takes it (RP-Initiated Logout 1.0 §2), so that the ID token that
 * serves as hint stands in no URL, history or log; else the usual address. Undefined when there is no such endpoint or
 * the provider cannot be reached: the client has forgotten the person all the same.
 */
export async function beginSignOut(client: DemoClient, signedIn: SignedIn): Promise<SignOut | undefined> {
  // A provider that cannot be reached keeps nobody from signing out here.
  const configuration = await configurationOf(client).catch(() => undefined);
  const action = configuration?.serverMetadata().end_session_endpoint;
  if (configuration === undefined || action === undefined) return undefined;
  const parameters = {
    id_token_hint: signedIn.idToken,
    client_id: client.clientId,
    post_logout_redirect_uri: client.homeUri,
  };
  const takesForms = await acceptsPost(action).catch(() => undefined);
  if (takesForms === undefined) return undefined;
  if (takesForms) {
    const fields = Object.entries(parameters).map(([name, value]) => ({ name, value }));
    return { method: 'post', action, fields };
  }
  const oidc = await library();
  return { method: 'get', url: oidc.buildEndSessionUrl(configuration, parameters).href };
}

/** Metadata does not tell; without cookie and hint the request signs nobody out. */
async function acceptsPost(endpoint: string): Promise<boolean> {
  const { status, body } = await fetch(endpoint, {
    method: 'POST',
    body: new URLSearchParams(),
    redirect: 'manual',
    signal: AbortSignal.timeout(5000),
  });
  await body?.cancel();
  return status !== 404 && status !== 405;
}

const MAX_LATER = 12;

function addStep(visit: Visit, step: Step): void {
  visit.later = [step, ...visit.later].slice(0, MAX_LATER);
}
