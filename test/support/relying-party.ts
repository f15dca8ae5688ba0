/**
 * The two parties of a flow test: `Browser`, a person's browser without script, and `RelyingParty`, the client's
 * server. Both speak real HTTP and know only what an outsider knows.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { createRemoteJWKSet, customFetch, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { CookieJar } from './cookie-jar.ts';
import { type Form, type PageParts, readPage } from './html-forms.ts';
import { exchange, type Reply, type Route } from './wire.ts';

const MAX_HOPS = 20;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const FORM_TYPE = 'application/x-www-form-urlencoded';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of the request that got this answer, without fragment. */
  readonly url: string;
  /** Where the answer leads (Location, or `<meta refresh>` of at most a second), if the browser did not go there. */
  readonly next: string | undefined;
  /** Every answer on the way, this one last. */
  readonly hops: readonly { readonly method: string; readonly url: string; readonly status: number }[];
}

export interface BrowserOptions {
  readonly userAgent?: string;
  readonly acceptLanguage?: string;
  readonly route?: Route;
  readonly localAddress?: string;
  /** As a proxy in front would tell it. */
  readonly forwardedFor?: string;
  /** Judges the expiry of cookies; milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface VisitOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: URLSearchParams | Readonly<Record<string, string>>;
  /** URL of the page whose link or form this is; undefined = typed, or clicked in a program that is no browser. */
  readonly from?: string | undefined;
  /** Stop before the first hop for which this holds. Default: any hop that leaves the origin first asked. */
  readonly until?: (url: URL) => boolean;
  /** False: the first answer is the answer. */
  readonly follow?: boolean;
  /** False: redirects are followed, `<meta refresh>` is not. */
  readonly refresh?: boolean;
}

interface Navigation {
  method: string;
  url: URL;
  body: string | undefined;
  from: string | undefined;
  isCrossSite: boolean;
  origin: string | undefined;
}

export class Browser {
  readonly jar: CookieJar;
  /** URL of the page that is shown. */
  url = 'about:blank';
  readonly #options: BrowserOptions;
  /** Of the page that is shown: decides Referer and Origin of what is sent from it. */
  #referrerPolicy = '';

  constructor(options: BrowserOptions = {}, jar = new CookieJar(options.now)) {
    this.#options = options;
    this.jar = jar;
  }

  /** Another tab: same cookies, own page. */
  tab(): Browser {
    return new Browser(this.#options, this.jar);
  }

  /** The same profile copied: equal cookies now, separate from now on. */
  clone(): Browser {
    return new Browser(this.#options, this.jar.clone());
  }

  /** Goes to an address as if it had been typed, or as a link of `from`; follows redirects. */
  async visit(address: string, options: VisitOptions = {}): Promise<Answer> {
    const url = new URL(address);
    const method = options.method ?? 'GET';
    const navigation: Navigation = {
      method,
      url,
      body: options.body === undefined ? undefined : new URLSearchParams(options.body).toString(),
      from: options.from,
      isCrossSite: options.from !== undefined && !isSameSite(new URL(options.from), url),
      origin: method === 'POST' ? this.#originOf(options.from, url) : undefined,
    };
    const until = options.until ?? ((next: URL) => next.origin !== url.origin);
    return this.#navigate(navigation, until, options);
  }

  /**
   * Sends a form of the page that is shown, with its hidden fields. Throws when `values` names a field that the form
   * has not: a test that fills in a field which is gone must not pass.
   */
  submit(
    form: Form,
    values: Readonly<Record<string, string>> = {},
    options: VisitOptions = {},
  ): Promise<Answer> {
    const body = new URLSearchParams();
    for (const field of form.fields) {
      if (field.isSent || values[field.name] !== undefined) {
        body.append(field.name, values[field.name] ?? field.value);
      }
    }
    for (const name of Object.keys(values)) {
      if (!body.has(name)) throw new Error(`the form at ${form.action} has no field ${name}`);
    }
    const from = options.from ?? (this.url === 'about:blank' ? undefined : this.url);
    if (form.method === 'POST') return this.visit(form.action, { ...options, method: 'POST', body, from });
    const url = new URL(form.action);
    url.search = body.toString();
    return this.visit(url.href, { ...options, from });
  }

  /** A request of the shown page's own script (`fetch`): cookies as same-origin, nothing followed, page unchanged. */
  async fetch(
    address: string,
    options: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    const url = new URL(address, this.url);
    const method = options.method ?? 'GET';
    const isCrossSite = this.url !== 'about:blank' && !isSameSite(new URL(this.url), url);
    const origin = method === 'GET' ? undefined : this.#originOf(this.url, url);
    const reply = await this.#send(
      { method, url, body: options.body, from: this.url, isCrossSite, origin },
      { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: '*/*', ...options.headers },
    );
    return {
      ...reply,
      url: url.href,
      next: undefined,
      hops: [{ method, url: url.href, status: reply.status }],
    };
  }

  async #navigate(
    navigation: Navigation,
    until: (url: URL) => boolean,
    options: VisitOptions,
  ): Promise<Answer> {
    const hops: { method: string; url: string; status: number }[] = [];
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const reply = await this.#send(navigation, navigationHeaders(navigation, options.headers));
      const address = withoutFragment(navigation.url);
      hops.push({ method: navigation.method, url: address, status: reply.status });
      const redirect = redirectOf(reply, navigation.url);
      if (redirect === undefined) {
        this.url = address;
        this.#referrerPolicy = String(reply.headers['referrer-policy'] ?? '');
      }
      const next = redirect ?? (options.refresh === false ? undefined : refreshOf(reply, address));
      if (next === undefined || options.follow === false || until(next)) {
        return { ...reply, url: address, next: next?.href, hops };
      }
      if (redirect === undefined) this.#refreshTo(navigation, next);
      else redirectTo(navigation, next, reply.status);
    }
    throw new Error(`more than ${MAX_HOPS} hops, the last to ${navigation.url.href}`);
  }

  /** A refresh is a navigation that the page itself begins. */
  #refreshTo(navigation: Navigation, next: URL): void {
    navigation.isCrossSite = !isSameSite(navigation.url, next);
    navigation.from = withoutFragment(navigation.url);
    Object.assign(navigation, { method: 'GET', url: next, body: undefined, origin: undefined });
  }

  async #send(navigation: Navigation, headers: Readonly<Record<string, string>>): Promise<Reply> {
    const { method, url, body, from, isCrossSite, origin } = navigation;
    const isSafeNavigation =
      headers['sec-fetch-mode'] === 'navigate' && (method === 'GET' || method === 'HEAD');
    const cookie = this.jar.header({ url, isCrossSite, isSafeNavigation });
    const referer = this.#refererOf(from, url);
    const reply = await exchange(url, {
      method,
      body,
      route: this.#options.route,
      localAddress: this.#options.localAddress,
      headers: {
        'user-agent':
          this.#options.userAgent ?? 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
        'accept-language': this.#options.acceptLanguage ?? 'en',
        'sec-fetch-site': fetchSite(navigation),
        ...(this.#options.forwardedFor === undefined
          ? {}
          : { 'x-forwarded-for': this.#options.forwardedFor }),
        ...(cookie === undefined ? {} : { cookie }),
        ...(origin === undefined ? {} : { origin }),
        ...(referer === undefined ? {} : { referer }),
        ...(body === undefined ? {} : { 'content-type': FORM_TYPE }),
        ...headers,
      },
    });
    this.jar.take(reply.headers['set-cookie'] ?? [], url);
    return reply;
  }

  /** The Origin header of a POST: `null` where the page's referrer policy hides it (Fetch, "append a request Origin header"). */
  #originOf(from: string | undefined, url: URL): string {
    if (from === undefined || from === 'about:blank') return 'null';
    const origin = new URL(from).origin;
    if (this.#referrerPolicy === 'no-referrer') return 'null';
    if (this.#referrerPolicy === 'same-origin' && origin !== url.origin) return 'null';
    return origin;
  }

  #refererOf(from: string | undefined, url: URL): string | undefined {
    if (from === undefined || from === 'about:blank' || this.#referrerPolicy === 'no-referrer')
      return undefined;
    const source = new URL(from);
    if (source.origin === url.origin) return withoutFragment(source);
    return this.#referrerPolicy === 'same-origin' ? undefined : `${source.origin}/`;
  }
}

/** What a person sees of an answer. */
export const pageOf = (answer: Answer): PageParts => readPage(answer.body, answer.url);

export const formsOf = (answer: Answer): readonly Form[] => pageOf(answer).forms;

/** The one form of a page that has a field of this name; throws with the page's text when there is none. */
export function formWith(answer: Answer, field: string): Form {
  const page = pageOf(answer);
  const form = page.forms.find(({ fields }) => fields.some(({ name }) => name === field));
  if (!form)
    throw new Error(`no form with ${field} at ${answer.url} (${answer.status}): ${page.text.slice(0, 300)}`);
  return form;
}

function navigationHeaders(
  navigation: Navigation,
  own: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  return {
    accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
    ...(navigation.method === 'GET' ? { 'sec-fetch-user': '?1' } : {}),
    ...own,
  };
}

function redirectOf(reply: Reply, base: URL): URL | undefined {
  const location = reply.headers.location;
  return REDIRECTS.has(reply.status) && location !== undefined ? new URL(location, base) : undefined;
}

/** A person waits a second, not longer: slower refreshes are how a page renews itself, not a way on. */
function refreshOf(reply: Reply, base: string): URL | undefined {
  if (!/^text\/html/.test(reply.headers['content-type'] ?? '')) return undefined;
  const { refresh } = readPage(reply.body, base);
  return refresh && refresh.delay <= 1 && URL.canParse(refresh.url) ? new URL(refresh.url) : undefined;
}

/** 303, and by custom 301 and 302, turn a POST into a GET (Fetch, HTTP-redirect fetch, 12). */
function redirectTo(navigation: Navigation, next: URL, status: number): void {
  if (!isSameSite(navigation.url, next) && navigation.from !== undefined) navigation.isCrossSite = true;
  const isKept = status === 307 || status === 308;
  if (navigation.method === 'POST' && !isKept) {
    Object.assign(navigation, { method: 'GET', body: undefined, origin: undefined });
  } else if (navigation.origin !== undefined && navigation.url.origin !== next.origin) {
    navigation.origin = 'null';
  }
  navigation.url = next;
}

function fetchSite({ from, url, isCrossSite }: Navigation): string {
  if (from === undefined || from === 'about:blank') return 'none';
  if (isCrossSite) return 'cross-site';
  return new URL(from).origin === url.origin ? 'same-origin' : 'same-site';
}

/** Schemeful, with the last two labels as the registrable domain: enough for names of the form *.example. */
function isSameSite(a: URL, b: URL): boolean {
  const site = (url: URL) =>
    /^[\d.]+$|:/.test(url.hostname) ? url.hostname : url.hostname.split('.').slice(-2).join('.');
  return a.protocol === b.protocol && site(a) === site(b);
}

function withoutFragment(url: URL): string {
  const copy = new URL(url);
  copy.hash = '';
  return copy.href;
}

export interface Tokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly id_token?: string;
  readonly refresh_token?: string;
  readonly scope?: string;
  /** Of the ID token, after every check. */
  readonly claims: JWTPayload | undefined;
}

/** An OAuth error, wherever it was told: in the callback, by the token endpoint or by userinfo. */
export class OAuthError extends Error {
  readonly error: string;
  readonly description: string | undefined;
  readonly status: number;

  constructor(error: string, description: string | undefined, status: number) {
    super(description ? `${error}: ${description}` : error);
    this.name = 'OAuthError';
    this.error = error;
    this.description = description;
    this.status = status;
  }
}

export type Sender = (request: {
  readonly method: string;
  readonly url: string;
  readonly accessToken?: string;
}) => Promise<{
  readonly params?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}>;

export interface RelyingPartyOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scope?: string;
  /** With it the client authenticates; by `client_secret_basic` unless told otherwise. */
  readonly clientSecret?: string;
  readonly authMethod?: 'client_secret_basic' | 'client_secret_post';
  /** Adds what proves the client or its key to every request of its own. */
  readonly sender?: Sender;
  readonly route?: Route;
  readonly localAddress?: string;
  /** As a proxy in front would tell it. */
  readonly forwardedFor?: string;
  /** Judges the times in ID tokens, where the server's clock was moved; milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface Metadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly userinfo_endpoint: string;
  readonly end_session_endpoint: string;
  readonly revocation_endpoint: string;
  readonly introspection_endpoint?: string;
  readonly authorization_response_iss_parameter_supported?: boolean;
  readonly [name: string]: unknown;
}

interface Asked {
  readonly verifier: string;
  readonly nonce: string;
}

/** Status and parsed JSON of one call, errors included: for races, where refusals are part of the result. */
export interface TokenAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly json: Readonly<Record<string, unknown>>;
}

export class RelyingParty {
  readonly options: RelyingPartyOptions;
  readonly #asked = new Map<string, Asked>();
  #metadata: Promise<Metadata> | undefined;
  #keys: JWTVerifyGetKey | undefined;

  constructor(options: RelyingPartyOptions) {
    this.options = options;
  }

  /** Discovery, once; refuses a document that names another issuer (OpenID Connect Discovery §4.3). */
  metadata(): Promise<Metadata> {
    this.#metadata ??= this.#discover();
    return this.#metadata;
  }

  /** URL of a new authorization request; state, nonce and PKCE verifier are remembered until `exchange`. */
  async authorizationUrl(params: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
    const verifier = random();
    const state = params.state ?? random();
    const nonce = params.nonce ?? random();
    this.#asked.set(state, { verifier, nonce });
    const url = new URL((await this.metadata()).authorization_endpoint);
    const all = {
      client_id: this.options.clientId,
      redirect_uri: this.options.redirectUri,
      response_type: 'code',
      scope: this.options.scope ?? 'openid email profile offline_access',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      state,
      nonce,
      ...params,
    };
    for (const [name, value] of Object.entries(all)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url.href;
  }

  /** The same request, pushed (RFC 9126); refusals are answers, not exceptions. */
  async push(
    params: Readonly<Record<string, string | undefined>> = {},
    more: Readonly<Record<string, string>> = {},
  ): Promise<TokenAnswer> {
    const { searchParams } = new URL(await this.authorizationUrl(params));
    const { pushed_authorization_request_endpoint: url } = await this.metadata();
    return this.#post(String(url), { ...Object.fromEntries(searchParams), ...more });
  }

  /** URL of a new authorization request that was pushed. */
  async pushedUrl(params: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
    const { request_uri } = acceptedJson(await this.push(params));
    return this.requestUriUrl(String(request_uri));
  }

  async requestUriUrl(request_uri: string): Promise<string> {
    const url = new URL((await this.metadata()).authorization_endpoint);
    url.search = new URLSearchParams({ client_id: this.options.clientId, request_uri }).toString();
    return url.href;
  }

  /** Whether this address is the callback of this client: what a `Browser` stops at. */
  isCallback = (url: URL): boolean => `${url.origin}${url.pathname}` === this.options.redirectUri;

  /** Checks the callback (state, RFC 9207 iss, error), redeems the code and checks the ID token. */
  async exchange(callbackUrl: string): Promise<Tokens> {
    const asked = this.#askedFor(callbackUrl);
    const { iss, code, error, error_description } = paramsOf(callbackUrl);
    if (iss !== this.options.issuer)
      throw new Error(`iss is ${iss}, not ${this.options.issuer} (RFC 9207 §2.4)`);
    if (error !== undefined) throw new OAuthError(error, error_description, 0);
    if (code === undefined) throw new Error('the callback carries neither code nor error');
    const tokens = await this.#tokens(await this.redeem(callbackUrl));
    if (tokens.claims?.nonce !== asked.nonce) throw new Error('the nonce is not the one that was sent');
    return tokens;
  }

  /** The token request for the code of a callback, whatever comes of it. */
  redeem(callbackUrl: string, params: Readonly<Record<string, string>> = {}): Promise<TokenAnswer> {
    return this.tokenRequest({
      grant_type: 'authorization_code',
      code: paramsOf(callbackUrl).code ?? '',
      redirect_uri: this.options.redirectUri,
      code_verifier: this.#askedFor(callbackUrl).verifier,
      ...params,
    });
  }

  async refresh(refreshToken: string, params: Readonly<Record<string, string>> = {}): Promise<Tokens> {
    return this.#tokens(
      await this.tokenRequest({ grant_type: 'refresh_token', refresh_token: refreshToken, ...params }),
    );
  }

  /** One request to the token endpoint as this client; refusals are answers, not exceptions. */
  async tokenRequest(params: Readonly<Record<string, string>>): Promise<TokenAnswer> {
    return this.#post((await this.metadata()).token_endpoint, params);
  }

  async userinfo(accessToken: string): Promise<Readonly<Record<string, unknown>>> {
    const { userinfo_endpoint: url } = await this.metadata();
    const sent = await this.options.sender?.({ method: 'GET', url, accessToken });
    const scheme = sent?.headers?.dpop === undefined ? 'Bearer' : 'DPoP';
    const answer = await this.#call(url, 'GET', {
      authorization: `${scheme} ${accessToken}`,
      ...sent?.headers,
    });
    return acceptedJson(answer);
  }

  /** RFC 7009. */
  async revoke(token: string, hint?: 'access_token' | 'refresh_token'): Promise<TokenAnswer> {
    const { revocation_endpoint: url } = await this.metadata();
    return this.#post(url, { token, ...(hint === undefined ? {} : { token_type_hint: hint }) });
  }

  /** RFC 7662, as a resource server. */
  async introspect(token: string, hint?: 'access_token' | 'refresh_token'): Promise<TokenAnswer> {
    const { introspection_endpoint: url } = await this.metadata();
    if (url === undefined) throw new Error('discovery names no introspection endpoint');
    return this.#post(url, { token, ...(hint === undefined ? {} : { token_type_hint: hint }) });
  }

  /** URL of RP-initiated sign-out. */
  async logoutUrl(params: Readonly<Record<string, string>> = {}): Promise<string> {
    const url = new URL((await this.metadata()).end_session_endpoint);
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
    return url.href;
  }

  /** Signature by the published keys, issuer, audience, authorized party and times; the nonce is `exchange`'s. */
  async verifyIdToken(idToken: string): Promise<JWTPayload> {
    const { issuer, clientId, now } = this.options;
    const { payload } = await jwtVerify(idToken, await this.#keySet(), {
      issuer,
      audience: clientId,
      requiredClaims: ['sub', 'exp', 'iat'],
      clockTolerance: 2,
      ...(now ? { currentDate: new Date(now()) } : {}),
    });
    if (payload.azp !== undefined && payload.azp !== clientId) throw new Error('azp names another client');
    return payload;
  }

  async #discover(): Promise<Metadata> {
    const url = `${this.options.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    // Shape is the server's word; issuer is checked here, a missing endpoint shows itself in the first call to it.
    const metadata = acceptedJson(await this.#call(url, 'GET', {})) as Metadata;
    if (metadata.issuer !== this.options.issuer) throw new Error(`discovery names ${metadata.issuer}`);
    return metadata;
  }

  async #tokens(answer: TokenAnswer): Promise<Tokens> {
    // Shape of RFC 6749 §5.1; what the flow needs of it is checked by whoever uses it.
    const tokens = acceptedJson(answer) as unknown as Omit<Tokens, 'claims'>;
    return {
      ...tokens,
      claims: tokens.id_token === undefined ? undefined : await this.verifyIdToken(tokens.id_token),
    };
  }

  async #keySet(): Promise<JWTVerifyGetKey> {
    this.#keys ??= createRemoteJWKSet(new URL((await this.metadata()).jwks_uri), {
      cooldownDuration: 0,
      [customFetch]: async (url: string) => {
        const { status, json } = await this.#call(url, 'GET', {});
        return new Response(JSON.stringify(json), { status });
      },
    });
    return this.#keys;
  }

  #askedFor(callbackUrl: string): Asked {
    const { state } = paramsOf(callbackUrl);
    const asked = state === undefined ? undefined : this.#asked.get(state);
    if (!asked) throw new Error(`the state ${state} belongs to no request of ours`);
    return asked;
  }

  /** RFC 6749 §2.3.1: both halves of the Basic credentials are form-encoded first. */
  async #post(url: string, params: Readonly<Record<string, string>>): Promise<TokenAnswer> {
    const { clientId, clientSecret, authMethod = 'client_secret_basic', sender } = this.options;
    const sent = await sender?.({ method: 'POST', url });
    const headers: Record<string, string> = { 'content-type': FORM_TYPE, ...sent?.headers };
    const body = new URLSearchParams({ ...sent?.params, ...params });
    if (clientSecret === undefined) body.set('client_id', clientId);
    else if (authMethod === 'client_secret_post') {
      body.set('client_id', clientId);
      body.set('client_secret', clientSecret);
    } else {
      const credentials = [clientId, clientSecret].map((part) => encodeURIComponent(part)).join(':');
      headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    }
    return this.#call(url, 'POST', headers, body.toString());
  }

  async #call(
    url: string,
    method: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<TokenAnswer> {
    const { route, localAddress } = this.options;
    const reply = await exchange(new URL(url), {
      method,
      headers: { accept: 'application/json', ...headers },
      body,
      route,
      localAddress,
    });
    return { status: reply.status, headers: reply.headers, json: jsonOf(reply.body) };
  }
}

const random = (): string => randomBytes(32).toString('base64url');

function paramsOf(url: string): Record<string, string | undefined> {
  return Object.fromEntries(new URL(url).searchParams);
}

function jsonOf(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}

function acceptedJson({ status, json, headers }: TokenAnswer): Readonly<Record<string, unknown>> {
  if (status >= 200 && status < 300) return json;
  const challenge = /error="([^"]*)"(?:.*error_description="([^"]*)")?/.exec(
    String(headers['www-authenticate'] ?? ''),
  );
  const error = typeof json.error === 'string' ? json.error : (challenge?.[1] ?? `http ${status}`);
  const description = typeof json.error_description === 'string' ? json.error_description : challenge?.[2];
  throw new OAuthError(error, description, status);
}
