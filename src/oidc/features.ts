/**
 * Every switch of the engine, stated with its reason: nothing is left to a default that a new release may change
 * (threats §1.7). A test compares this list with the engine's own, so that a new switch has to be decided here.
 */
import type { Configuration } from 'oidc-provider';

type Features = NonNullable<Configuration['features']>;

/** What the engine's declarations leave out but its configuration has. */
type EveryFeature = Features &
  Record<string, { readonly enabled: boolean; readonly [option: string]: unknown }>;

type Policy<Name extends 'introspection' | 'revocation'> = NonNullable<
  NonNullable<Features[Name]>['allowedPolicy']
>;

/** The parts of features that differ from app to app. */
export interface FeatureOptions {
  readonly pages: Pick<
    NonNullable<Features['rpInitiatedLogout']>,
    'logoutSource' | 'postLogoutSuccessSource'
  >;
  readonly resourceIndicators: object;
  readonly mayIntrospect: Policy<'introspection'>;
  readonly revoke: Policy<'revocation'>;
  /** Whether any client of the app may ask for tokens of its own. */
  readonly clientCredentials: boolean;
  readonly dPoP: Pick<NonNullable<Features['dPoP']>, 'nonceSecret' | 'requireNonce'>;
}

export function features(options: FeatureOptions): Features {
  const { pages, resourceIndicators, mayIntrospect, revoke, clientCredentials, dPoP } = options;
  const all: EveryFeature = {
    /** Client attestation is an early draft. */
    attestClientAuth: { enabled: false },
    /** Sent by durable jobs behind the guard of `outbound` (OA-37); the engine only advertises it and knows its metadata. */
    backchannelLogout: { enabled: true },
    /** Nobody may approve another device's sign-in (OA-52). */
    ciba: { enabled: false },
    /** Claims follow scopes; single claims by request would bypass what consent shows (OA-43). */
    claimsParameter: { enabled: false },
    /** Tokens of a service itself, where a client has the grant (client-credentials.ts). */
    clientCredentials: { enabled: clientCredentials },
    /** Fetches URLs that a stranger names (OA-40): off until asked for with its guard. */
    clientIdMetadataDocument: { enabled: false },
    /** The engine's own sample pages sign anybody in. */
    devInteractions: { enabled: false },
    /** No approval on another device (OA-52). */
    deviceFlow: { enabled: false },
    /** Any client may bind its tokens to a key (RFC 9449); one use of each proof by our own ReplayDetection (OA-35). */
    dPoP: { enabled: true, allowReplay: false, ...dPoP },
    /** Nothing here is worth the key handling of JWE. */
    encryption: { enabled: false },
    /** Private keys are in this process, sealed at rest. */
    externalSigningSupport: { enabled: false },
    /** A profile of options that are off here. */
    fapi: { enabled: false },
    /** For the resource servers that the configuration names, and nobody else (OA-28). */
    introspection: { enabled: true, allowedPolicy: mayIntrospect },
    jwtIntrospection: { enabled: false },
    /** `query` and `form_post` with `iss` (RFC 9207) are enough. */
    jwtResponseModes: { enabled: false },
    jwtUserinfo: { enabled: false },
    /** Needs a proxy that is trusted with client certificates. */
    mTLS: { enabled: false },
    /** Credential issuance is another product. */
    openid4vci: { enabled: false },
    /** For every client; required per client by its own metadata (RFC 9126, OA-34). */
    pushedAuthorizationRequests: {
      enabled: true,
      requirePushedAuthorizationRequests: false,
      allowUnregisteredRedirectUris: false,
    },
    /** Off until asked for (OA-39). */
    registration: { enabled: false },
    registrationManagement: { enabled: false },
    /** A request travels in the query or not at all. */
    requestObjects: { enabled: false },
    /** Resources of the configuration; any other is `invalid_target` (OA-51). */
    resourceIndicators: { ...resourceIndicators, enabled: true },
    /** The Grant dies before the token: what the engine would do next is done by `revoke` (OA-27). */
    revocation: { enabled: true, allowedPolicy: revoke },
    richAuthorizationRequests: { enabled: false },
    /** Only for registration, which is off. */
    rpMetadataChoices: { enabled: false },
    /** Sign-out started by the client, confirmed by the person (OA-36), in our own views. */
    rpInitiatedLogout: { enabled: true, ...pages },
    /** What clients read the e-mail address from. */
    userinfo: { enabled: true },
    /** Posts codes across windows; `form_post` and `query` do not need it. */
    webMessageResponseMode: { enabled: false },
  };
  return all;
}
