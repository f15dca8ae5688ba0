/**
 * Other providers, honest and hostile, as functions from request to response: a test puts them behind Postern's outbound
 * calls, or behind a real port where a browser has to go there too. The person's part (the authorization endpoint) is played
 * by `authorize`, which refuses what the provider's documentation does not allow.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { exportJWK } from 'jose';
import { type GuardedFetch, OutboundFault } from '../../src/outbound/guarded-fetch.ts';

export interface Person {
  readonly sub: string;
  readonly email?: string;
  /** Further claims of the ID token, or fields of the API's answers. */
  readonly [claim: string]: unknown;
}

export interface Asked {
  readonly person: Person;
  readonly params: URLSearchParams;
}

/** Changes what an honest provider would send. */
export interface Twist {
  /** Of the ID token; a claim set to undefined is left out. */
  readonly claims?: (honest: Record<string, unknown>) => Record<string, unknown>;
  readonly header?: object;
  /** Instead of the ID token. */
  readonly idToken?: (payload: Record<string, unknown>) => string | Promise<string>;
  /** Instead of the whole answer of the token endpoint. */
  readonly tokens?: (honest: Record<string, unknown>) => Response | Promise<Response>;
  readonly userinfo?: (honest: Record<string, unknown>) => Response;
}

export interface OidcOptions {
  readonly issuer: string;
  readonly authorizationEndpoint?: string;
  readonly tokenEndpoint?: string;
  readonly jwksUri?: string;
  readonly userinfoEndpoint?: string;
  /** Default: `{issuer}/.well-known/openid-configuration`; null: none is published. */
  readonly discovery?: string | null;
  /** More of the discovery document. */
  readonly metadata?: object;
  /** `iss` of ID tokens; default: the issuer. */
  readonly tokenIssuer?: string;
  readonly clientId?: string;
  readonly clientSecret?: string | ((given: string) => boolean | Promise<boolean>);
  /** What the ID token of this provider holds of a person. */
  readonly claims?: (person: Person) => Record<string, unknown>;
  /** What it does not give back, though it was sent. */
  readonly ignoresNonce?: boolean;
  /** It answers a request that carries PKCE as if the client were unknown. */
  readonly refusesPkce?: boolean;
}

interface Issued extends Asked {
  isUsed: boolean;
}

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function newSigningKey(kid: string): SigningKey {
  return { kid, ...generateKeyPairSync('rsa', { modulusLength: 2048 }) };
}

const b64 = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A JWT as anybody can write one; RS256 unless the header says otherwise and the signature is given. */
export function jwt(header: object, payload: object | string, signWith: (input: string) => string): string {
  const input = `${b64(header)}.${b64(payload)}`;
  return `${input}.${signWith(input)}`;
}

export const rs256 = (key: SigningKey) => (input: string) =>
  sign('sha256', Buffer.from(input), key.privateKey).toString('base64url');

export const json = (body: unknown, status = 200): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

export const halfOfHash = (text: string): string =>
  createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');

export type Handler = (request: Request) => Promise<Response | undefined>;

/** Every provider of a test by origin; what is none of theirs cannot be reached. */
export class UpstreamWorld {
  readonly #handlers: Handler[] = [];
  /** `METHOD url` of every call. */
  readonly calls: string[] = [];
  /** Origins that answer nothing at the moment. */
  readonly down = new Set<string>();

  add<T extends { handle: Handler }>(server: T): T {
    this.#handlers.push((request) => server.handle(request));
    return server;
  }

  readonly fetch: GuardedFetch = async (target, { method = 'GET', headers = {}, body } = {}) => {
    const url = new URL(target);
    this.calls.push(`${method} ${url.href}`);
    if (this.down.has(url.origin)) throw new OutboundFault('unreachable', 'down');
    for (const handle of this.#handlers) {
      const request = new Request(url, { method, headers, ...(body === undefined ? {} : { body }) });
      const response = await handle(request);
      if (response) return response;
    }
    throw new OutboundFault('unreachable', `nobody answers at ${url.origin}`);
  };
}

export class OidcServer {
  readonly options: OidcOptions;
  keys: SigningKey[];
  twist: Twist = {};
  readonly #codes = new Map<string, Issued>();
  readonly #tokens = new Map<string, Person>();

  constructor(options: OidcOptions) {
    this.options = options;
    this.keys = [newSigningKey('first')];
  }

  get endpoints() {
    const { issuer, ...own } = this.options;
    return {
      authorization: own.authorizationEndpoint ?? `${issuer}/authorize`,
      token: own.tokenEndpoint ?? `${issuer}/token`,
      jwks: own.jwksUri ?? `${issuer}/jwks`,
      userinfo: own.userinfoEndpoint ?? `${issuer}/userinfo`,
    };
  }

  /** What its page does for a person who agrees; throws when the request is none that it would take. */
  authorize(target: string | URL, person: Person): URLSearchParams {
    const params = this.#checked(target);
    const code = createHash('sha256').update(`${Math.random()}`).digest('base64url');
    this.#codes.set(code, { person, params, isUsed: false });
    return this.answer(params, { code });
  }

  deny(target: string | URL, more: Record<string, string> = {}): URLSearchParams {
    return this.answer(this.#checked(target), { error: 'access_denied', ...more });
  }

  answer(params: URLSearchParams, fields: Record<string, string>): URLSearchParams {
    const names = Object(this.options.metadata);
    const iss = names.authorization_response_iss_parameter_supported ? { iss: this.options.issuer } : {};
    return new URLSearchParams({ ...fields, state: params.get('state') ?? '', ...iss });
  }

  #checked(target: string | URL): URLSearchParams {
    const url = new URL(target);
    const { searchParams: params } = url;
    if (url.origin + url.pathname !== this.endpoints.authorization) throw new Error(`not ours: ${url}`);
    const need = (name: string, form: RegExp): void => {
      if (!form.test(params.get(name) ?? '')) throw new Error(`${name} is ${params.get(name)}`);
    };
    need('client_id', new RegExp(`^${this.options.clientId ?? 'postern'}$`));
    need('response_type', /^code$/);
    need('scope', /\bopenid\b/);
    need('redirect_uri', /^https?:\/\/\S+\/callback\/[a-z0-9-]+$/);
    need('state', /^[A-Za-z0-9_-]{43}$/);
    if (!this.options.ignoresNonce) need('nonce', /^[A-Za-z0-9_-]{43}$/);
    if (
      this.options.refusesPkce ? params.has('code_challenge') : params.get('code_challenge_method') !== 'S256'
    )
      throw new Error('PKCE is not as this provider wants it');
    return params;
  }

  handle: Handler = async (request) => {
    const { token, jwks, userinfo } = this.endpoints;
    const { discovery = `${this.options.issuer}/.well-known/openid-configuration` } = this.options;
    switch (request.url) {
      case discovery:
        return json(this.#metadata());
      case jwks:
        return json({ keys: await Promise.all(this.keys.map(publicJwk)) });
      case token:
        return this.#redeem(request);
      case userinfo:
        return this.#userinfo(request);
      default:
        return undefined;
    }
  };

  #metadata(): object {
    const { authorization, token, jwks, userinfo } = this.endpoints;
    return {
      issuer: this.options.tokenIssuer ?? this.options.issuer,
      authorization_endpoint: authorization,
      token_endpoint: token,
      jwks_uri: jwks,
      userinfo_endpoint: userinfo,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      ...this.options.metadata,
    };
  }

  async #redeem(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    const issued = this.#codes.get(form.get('code') ?? '');
    const fault = await this.#requestFault(request, form, issued);
    if (fault !== undefined || !issued) return json({ error: fault ?? 'invalid_grant' }, 400);
    issued.isUsed = true;
    const accessToken = createHash('sha256').update(`${Math.random()}`).digest('base64url');
    this.#tokens.set(accessToken, issued.person);
    const honest = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 3600,
      id_token: await this.#idToken(issued, accessToken),
    };
    return this.twist.tokens ? this.twist.tokens(honest) : json(honest);
  }

  async #requestFault(
    request: Request,
    form: URLSearchParams,
    issued: Issued | undefined,
  ): Promise<string | undefined> {
    const { clientSecret = 'secret' } = this.options;
    const basic = /^Basic (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
    const [id, given] = basic
      ? Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
      : [form.get('client_id'), form.get('client_secret')];
    const isRight =
      typeof clientSecret === 'string' ? given === clientSecret : await clientSecret(given ?? '');
    if (id !== (this.options.clientId ?? 'postern') || !isRight) return 'invalid_client';
    if (this.options.refusesPkce && form.has('code_verifier')) return 'invalid_client';
    if (!issued || issued.isUsed || form.get('grant_type') !== 'authorization_code') return 'invalid_grant';
    if (form.get('redirect_uri') !== issued.params.get('redirect_uri')) return 'invalid_grant';
    const challenge = issued.params.get('code_challenge');
    const verifier = form.get('code_verifier') ?? '';
    const isProved =
      challenge === null || createHash('sha256').update(verifier).digest('base64url') === challenge;
    return isProved ? undefined : 'invalid_grant';
  }

  async #idToken({ person, params }: Issued, accessToken: string): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const nonce = this.options.ignoresNonce ? null : params.get('nonce');
    const claims = this.options.claims?.(person) ?? person;
    const honest = {
      iss: this.options.tokenIssuer ?? this.options.issuer,
      aud: params.get('client_id'),
      iat: now,
      exp: now + 3600,
      at_hash: halfOfHash(accessToken),
      ...(nonce === null ? {} : { nonce }),
      ...(params.has('max_age') ? { auth_time: now } : {}),
      ...claims,
    };
    const payload = this.twist.claims?.(honest) ?? honest;
    if (this.twist.idToken) return this.twist.idToken(payload);
    const key = this.keys[0] ?? newSigningKey('none');
    return jwt({ alg: 'RS256', kid: key.kid, typ: 'JWT', ...this.twist.header }, payload, rs256(key));
  }

  #userinfo(request: Request): Response {
    const person = this.#tokens.get(request.headers.get('authorization')?.replace(/^Bearer /, '') ?? '');
    if (!person) return json({ error: 'invalid_token' }, 401);
    const honest = { ...person };
    return this.twist.userinfo ? this.twist.userinfo(honest) : json(honest);
  }
}

const publicJwk = async ({ publicKey, kid }: SigningKey): Promise<object> => ({
  ...(await exportJWK(publicKey)),
  kid,
  alg: 'RS256',
  use: 'sig',
});

export interface OAuth2Options {
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** Answers of the API by URL. */
  readonly api: Readonly<Record<string, (person: Person) => unknown>>;
  readonly clientId?: string;
  readonly clientSecret?: string;
}

/** Speaks OAuth 2.0 only: no ID token, an API behind the access token. */
export class OAuth2Server {
  readonly #options: OAuth2Options;
  readonly #codes = new Map<string, Issued>();
  readonly #tokens = new Map<string, Person>();

  constructor(options: OAuth2Options) {
    this.#options = options;
  }

  authorize(target: string | URL, person: Person): URLSearchParams {
    const url = new URL(target);
    const { searchParams: params } = url;
    if (url.origin + url.pathname !== this.#options.authorizationEndpoint)
      throw new Error(`not ours: ${url}`);
    if (params.get('code_challenge_method') !== 'S256') throw new Error('no PKCE');
    const code = createHash('sha256').update(`${Math.random()}`).digest('base64url');
    this.#codes.set(code, { person, params, isUsed: false });
    return new URLSearchParams({ code, state: params.get('state') ?? '' });
  }

  handle: Handler = async (request) => {
    if (request.url === this.#options.tokenEndpoint) return this.#redeem(request);
    const answer = this.#options.api[request.url];
    if (!answer) return undefined;
    if (!request.headers.get('user-agent')) return json({ message: 'user agent missing' }, 403);
    const person = this.#tokens.get(request.headers.get('authorization')?.replace(/^Bearer /, '') ?? '');
    return person ? json(answer(person)) : json({ message: 'bad credentials' }, 401);
  };

  async #redeem(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    const { clientId = 'postern', clientSecret = 'secret' } = this.#options;
    if (form.get('client_id') !== clientId || form.get('client_secret') !== clientSecret)
      return json({ error: 'incorrect_client_credentials' });
    const issued = this.#codes.get(form.get('code') ?? '');
    const digest = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (!issued || issued.isUsed || issued.params.get('code_challenge') !== digest)
      return json({ error: 'bad_verification_code' });
    issued.isUsed = true;
    const accessToken = createHash('sha256').update(`${Math.random()}`).digest('base64url');
    this.#tokens.set(accessToken, issued.person);
    return json({ access_token: accessToken, token_type: 'bearer', scope: issued.params.get('scope') });
  }
}
