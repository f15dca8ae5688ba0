/**
 * What Postern knows of a provider: where it is asked, what it understands, and how its answer is read. One file per
 * ready-made one under `presets/`; all others are made from their configuration by `generic.ts`.
 */
import type { ProviderSettings } from './settings.ts';

/** Claims of a validated ID token or fields of an API's answer. */
export type Claims = Readonly<Record<string, unknown>>;

/** A person as the provider tells. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | undefined;
  /** By a rule of this provider; see its preset. Never taken from another document than the address itself (AC-05). */
  readonly isEmailVerified: boolean;
  /** It stands in a signed token; only such an address can count as proved. */
  readonly isSigned: boolean;
  readonly name: string | undefined;
}

/** `not_allowed`: a person whom this provider knows, but who is not let in here by configuration. */
export type Reading = Identity | 'not_allowed' | 'bad_token';

interface Common {
  /** On the button, as the provider's brand rules want it. */
  readonly label: string;
  /** `views/partials/brand-<icon>.hbs` */
  readonly icon: string;
  readonly scopes: readonly string[];
  /** Sent along to the authorization endpoint. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly pkce: boolean;
  /** Default of `token_endpoint_auth_method`; undefined: by what the provider publishes. */
  readonly clientAuth: ClientAuth | undefined;
  /** What makes it ask the person anew; undefined when it cannot be asked to. */
  readonly askAnew: Readonly<Record<string, string>> | undefined;
}

export type ClientAuth = 'client_secret_basic' | 'client_secret_post' | 'none' | 'apple';

export interface OidcProvider extends Common {
  readonly protocol: 'oidc';
  readonly issuer: string;
  /** In place of discovery. */
  readonly metadata?: {
    readonly authorization_endpoint: string;
    readonly token_endpoint: string;
    readonly jwks_uri: string;
  };
  /** Default: every asymmetric one that it publishes. */
  readonly signingAlg?: string;
  readonly nonce: boolean;
  readonly responseMode: 'query' | 'form_post';
  /** It answers `max_age` with `auth_time`, so that a fresh sign-in can be checked. */
  readonly tellsAuthTime: boolean;
  read(claims: Claims): Reading;
}

export interface OAuth2Provider extends Common {
  readonly protocol: 'oauth2';
  /** What its subjects are kept under, as it has no issuer. */
  readonly issuer: string;
  readonly metadata: { readonly authorization_endpoint: string; readonly token_endpoint: string };
  /** Asks its API with the access token; `get` gives parsed JSON and throws on any other answer. */
  identify(get: (url: string) => Promise<unknown>): Promise<Reading>;
}

export type Provider = OidcProvider | OAuth2Provider;

export type Preset = (settings: ProviderSettings) => Provider;

/** What all presets of OpenID Connect share unless they say otherwise. */
export const OIDC = {
  protocol: 'oidc',
  scopes: ['openid', 'email', 'profile'],
  parameters: {},
  pkce: true,
  clientAuth: undefined,
  nonce: true,
  responseMode: 'query',
  tellsAuthTime: false,
  askAnew: undefined,
} as const;

/** The rules of OpenID Connect Core §5.1, word for word: only the boolean `true` is true. */
export function standardReading(claims: Claims): Identity {
  return {
    issuer: textOf(claims.iss) ?? '',
    subject: textOf(claims.sub) ?? '',
    email: textOf(claims.email),
    isEmailVerified: claims.email_verified === true,
    isSigned: true,
    name: textOf(claims.name),
  };
}

export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

export const isFields = (value: unknown): value is Claims =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
