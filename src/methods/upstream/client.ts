/**
 * Postern as a client of other providers: where the browser goes, and who came back. Every protocol step is the library's
 * (openid-client); tokens are read, used for one answer and forgotten.
 */
import type { Clock } from '../../core/clock.ts';
import type { GuardedFetch } from '../../outbound/guarded-fetch.ts';
import { type Configuration, Directory, library } from './directory.ts';
import { idTokenFault, isFresh } from './id-token.ts';
import {
  type Claims,
  type Identity,
  type OAuth2Provider,
  type OidcProvider,
  type Reading,
  textOf,
} from './provider.ts';
import type { Configured } from './providers.ts';

/** Made for one visit at a provider; kept sealed until the browser is back. */
export interface VisitSecrets {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface Visit extends VisitSecrets {
  /** The person has to have been asked at or after this moment, ms; undefined when that does not matter. */
  readonly freshSince: number | undefined;
}

export type Refusal =
  /** The provider could not be reached, or is out of order. */
  | 'unavailable'
  /** It does not take our credentials, redirect URI or request: nothing that a person can mend. */
  | 'misconfigured'
  /** Whatever came back does not hold: code, token, signature, claims (AC-09). */
  | 'bad_answer'
  /** Another tenant or domain than this app lets in. */
  | 'not_allowed'
  /** A fresh sign-in was asked for, and the provider did not ask the person. */
  | 'not_fresh';

export type Redeemed =
  | { readonly outcome: 'known'; readonly identity: Identity }
  | { readonly outcome: 'refused'; readonly reason: Refusal; readonly detail: string };

/** The parameters of an answer that mean anything to us; whatever else came along is not looked at. */
const ANSWER_PARAMETERS = ['code', 'state', 'iss'] as const;
const API_HEADERS = { accept: 'application/json', 'user-agent': 'Postern' };

export class UpstreamClient {
  readonly #guarded: GuardedFetch;
  readonly #clock: Clock;
  readonly #directory: Directory;

  constructor(fetch: GuardedFetch, clock: Clock) {
    this.#guarded = fetch;
    this.#clock = clock;
    this.#directory = new Directory(fetch, clock);
  }

  /** Where the browser goes; a refusal when the provider cannot be asked what it is. */
  async authorizationUrl(of: Configured, visit: Visit): Promise<URL | Refusal> {
    const { provider, redirectUri } = of;
    try {
      const [oidc, configuration] = [await library(), await this.#directory.configuration(of)];
      const isOidc = provider.protocol === 'oidc';
      const challenge = provider.pkce && {
        code_challenge: await oidc.calculatePKCECodeChallenge(visit.verifier),
        code_challenge_method: 'S256',
      };
      const url = oidc.buildAuthorizationUrl(configuration, {
        ...provider.parameters,
        ...(visit.freshSince === undefined ? {} : provider.askAnew),
        // What asks for `auth_time`, by which a fresh sign-in is told from an old one (OpenID Connect Core §2).
        ...(visit.freshSince !== undefined && isOidc && provider.tellsAuthTime ? { max_age: '0' } : {}),
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: provider.scopes.join(' '),
        state: visit.state,
        ...(isOidc && provider.nonce ? { nonce: visit.nonce } : {}),
        ...(isOidc && provider.responseMode === 'form_post' ? { response_mode: 'form_post' } : {}),
        ...challenge,
      });
      const isPlainIssuer = new URL(provider.issuer).protocol === 'http:';
      return url.protocol === 'https:' || (isPlainIssuer && url.protocol === 'http:') ? url : 'misconfigured';
    } catch (fault) {
      return refusalOf(fault);
    }
  }

  /** Redeems what came back. Never throws for anything that the provider or the browser did. */
  async redeem(of: Configured, visit: Visit, answer: Readonly<Record<string, string>>): Promise<Redeemed> {
    try {
      const reading = await this.#reading(of, visit, answer);
      if (reading === 'not_allowed' || reading === 'not_fresh') return refused(reading, 'by its claims');
      if (reading === 'bad_token') return refused('bad_answer', 'the answer names no subject');
      return { outcome: 'known', identity: reading };
    } catch (fault) {
      return refused(refusalOf(fault), detailOf(fault));
    }
  }

  async #reading(
    of: Configured,
    visit: Visit,
    answer: Readonly<Record<string, string>>,
  ): Promise<Reading | 'not_fresh'> {
    const { provider, redirectUri } = of;
    const [oidc, configuration] = [await library(), await this.#directory.configuration(of)];
    const url = new URL(redirectUri);
    for (const name of ANSWER_PARAMETERS) {
      const value = answer[name];
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const isOidc = provider.protocol === 'oidc';
    const tokens = await oidc.authorizationCodeGrant(configuration, url, {
      expectedState: visit.state,
      ...(provider.pkce ? { pkceCodeVerifier: visit.verifier } : {}),
      ...(isOidc && provider.nonce ? { expectedNonce: visit.nonce } : {}),
      idTokenExpected: isOidc,
    });
    if (!isOidc) return this.#ofApi(provider, tokens.access_token);
    const claims = tokens.claims();
    if (!claims || tokens.id_token === undefined) throw new BadAnswer('no ID token');
    const fault = idTokenFault(claims, {
      idToken: tokens.id_token,
      accessToken: tokens.access_token,
      clientId: of.settings.client_id,
      nowMs: this.#clock.now(),
    });
    if (fault !== undefined) throw new BadAnswer(fault);
    const { freshSince } = visit;
    if (freshSince !== undefined && provider.tellsAuthTime && !isFresh(claims, freshSince))
      return 'not_fresh';
    return this.#withAddress(provider, configuration, claims, tokens.access_token);
  }

  async #ofApi(provider: OAuth2Provider, accessToken: string): Promise<Reading> {
    return provider.identify(async (url) => {
      const headers = { ...API_HEADERS, authorization: `Bearer ${accessToken}` };
      const response = await this.#guarded(url, { headers });
      if (response.status >= 500) throw new OutOfOrder();
      if (response.status !== 200) throw new BadAnswer(`status ${response.status}`);
      return response.json();
    });
  }

  /**
   * An address that the token lacks is asked for, to fill in the email field. It stands in no signed token, so it counts as
   * proved by nothing, whatever the token says of "the" address (AC-05).
   */
  async #withAddress(
    provider: OidcProvider,
    configuration: Configuration,
    claims: Claims,
    accessToken: string,
  ): Promise<Reading> {
    const reading = provider.read(claims);
    const endpoint = configuration.serverMetadata().userinfo_endpoint;
    if (typeof reading === 'string' || reading.email !== undefined || endpoint === undefined) return reading;
    const oidc = await library();
    try {
      // Refuses an answer about another subject (OpenID Connect Core §5.3.2).
      const more = await oidc.fetchUserInfo(configuration, accessToken, reading.subject);
      return {
        ...reading,
        email: textOf(more.email),
        isEmailVerified: false,
        name: reading.name ?? textOf(more.name),
      };
    } catch (fault) {
      if (refusalOf(fault) === 'bad_answer') throw fault;
      return reading;
    }
  }
}

class BadAnswer extends Error {}
class OutOfOrder extends Error {}

const refused = (reason: Refusal, detail: string): Redeemed => ({ outcome: 'refused', reason, detail });

/** By what the library throws; told apart by name and code, as it documents them. */
function refusalOf(fault: unknown): Refusal {
  for (let one: unknown = fault; one instanceof Error; one = one.cause) {
    const { name, code, error, status, reason } = one as FaultFields;
    if (one instanceof OutOfOrder) return 'unavailable';
    if (name === 'OutboundFault') return reason === 'refused' ? 'misconfigured' : 'unavailable';
    if (code === 'OAUTH_TIMEOUT' || code === 'OAUTH_ABORT') return 'unavailable';
    if (code === 'OAUTH_RESPONSE_IS_NOT_CONFORM') return statusOf(one) >= 500 ? 'unavailable' : 'bad_answer';
    if (error !== undefined && CONFIGURATION_ERRORS.has(error)) return 'misconfigured';
    if (error !== undefined && (status ?? 400) >= 500) return 'unavailable';
  }
  return 'bad_answer';
}

/** Fields of the library's and the guarded fetch's own errors. */
interface FaultFields extends Error {
  readonly code?: string;
  readonly error?: string;
  readonly status?: number;
  readonly reason?: string;
}

/** RFC 6749 §5.2, those that tell of a registration gone wrong, and GitHub's names for the same. */
const CONFIGURATION_ERRORS: ReadonlySet<string> = new Set([
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'incorrect_client_credentials',
  'redirect_uri_mismatch',
]);

/** The library hands on the response itself as the cause. */
const statusOf = ({ cause }: Error): number => (cause instanceof Response ? cause.status : 0);

const WORD = /^[A-Za-z_]{1,60}$/;

/** For the log: codes and names, never what the provider wrote (ML-02). */
function detailOf(fault: unknown): string {
  if (fault instanceof BadAnswer) return fault.message;
  const found: string[] = [];
  for (let one: unknown = fault; one instanceof Error; one = one.cause) {
    const { code, error, reason } = one as FaultFields; // our own and the library's errors
    for (const word of [code, error, reason]) if (word !== undefined && WORD.test(word)) found.push(word);
  }
  return found.length > 0
    ? [...new Set(found)].join(' ')
    : fault instanceof Error
      ? fault.name
      : typeof fault;
}
