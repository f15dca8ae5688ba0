/** The engine's configuration for one app; feature switches stand in `features.ts`. */
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import { acrValuesOf } from '../core/assurance.ts';
import { type Clock, SECOND } from '../core/clock.ts';
import type { Keyring } from '../core/keyring.ts';
import { randomToken } from '../core/random.ts';
import type { GuardedFetch } from '../outbound/guarded-fetch.ts';
import { assertClientAssertion } from './client-authentication.ts';
import { engineClients, OWN_CLIENT_KEYS } from './clients.ts';
import type { Consents } from './consent.ts';
import { CookieSignatures } from './cookie-signatures.ts';
import type { EngineUser } from './engine.ts';
import type { Families } from './families.ts';
import { features } from './features.ts';
import { introspectionPolicy } from './introspection.ts';
import type { SigningKey } from './keys.ts';
import type { EnginePages } from './pages.ts';
import { policy } from './policy.ts';
import type { RefreshTokenInUse } from './refresh-token.ts';
import {
  askedScopes,
  grantResourceScopes,
  OIDC_SCOPES,
  personClaims,
  resourceIndicators,
} from './resources.ts';
import { revocationPolicy } from './revocation.ts';
import { sessionTtl } from './session-model.ts';

/** Seconds in the engine, milliseconds with us. */
const seconds = (ms: number): number => Math.max(1, Math.round(ms / 1000));

/** RFC 6749 §4.1.2 recommends ten minutes at most; a browser needs one round trip (OA-10). */
const CODE_TTL_S = 60;
/** Longer than any challenge lives, so that a late click still finds its request (ML-47). */
const INTERACTION_TTL_S = 60 * 60;
/** The engine's own limit is none (OA-41). */
const MAX_KEY_SET_BYTES = 64 * 1024;

export interface ConfigurationDeps {
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly keys: readonly SigningKey[];
  readonly consents: Consents;
  readonly families: Families;
  readonly pages: EnginePages;
  readonly fetch: GuardedFetch;
  findUser(app: App, id: string): Promise<EngineUser | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: the engine takes any class with the adapter's methods
  readonly adapter: any;
}

export function configuration(app: App, deps: ConfigurationDeps): Configuration {
  const { lifetimes } = app.settings;
  const { pages } = deps;
  return {
    adapter: deps.adapter,
    clients: engineClients(app),
    jwks: { keys: [...deps.keys] },
    acrValues: [...acrValuesOf(app.settings.methods)],
    scopes: [...OIDC_SCOPES],
    // How somebody signed in is told to every client: `acr` and `amr` say exactly that (AC-20).
    claims: {
      openid: ['sub', 'acr', 'amr', 'auth_time'],
      email: ['email', 'email_verified'],
      iss: null,
      sid: null,
    },
    // ID tokens travel in URLs as hints: they hold no address, userinfo does (OIDC Core §5.4, OA-43).
    conformIdTokenClaims: true,
    // No claim of ours comes in several languages: `claims_locales_supported` would promise what is not there.
    discovery: { ui_locales_supported: [...app.settings.locales] },
    responseTypes: ['code'],
    subjectTypes: ['public'],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    clientDefaults: {
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'RS256',
    },
    extraClientMetadata: { properties: [...OWN_CLIENT_KEYS] },
    allowOmittingSingleRegisteredRedirectUri: false,
    acceptQueryParamAccessTokens: false,
    enableHttpPostMethods: false,
    clockTolerance: 15,
    pkce: { required: (_ctx, client) => (client as { require_pkce?: unknown }).require_pkce !== false }, // extra metadata
    assertJwtClientAuthClaimsAndHeader: assertClientAssertion(app.issuer, deps.clock),
    clientBasedCORS: (_ctx, origin, client) => originsOf(client).includes(origin),
    cookies: cookies(app, deps.keyring),
    features: features({
      pages: {
        logoutSource: (ctx) => pages.logout(ctx, app),
        postLogoutSuccessSource: (ctx) => pages.loggedOut(ctx, app),
      },
      resourceIndicators: resourceIndicators(app),
      mayIntrospect: introspectionPolicy(app, deps),
      revoke: revocationPolicy(deps.families),
      clientCredentials: Object.values(app.settings.clients).some(({ grant_types }) =>
        grant_types.includes('client_credentials'),
      ),
      dPoP: dpop(app, deps.keyring),
    }),
    renderError: (ctx, out, error) => pages.error(ctx, app, out, error),
    interactions: {
      url: (_ctx, interaction) => `${app.issuer}/interaction/${interaction.uid}`,
      policy: policy(app.settings.methods),
    },
    findAccount: async (_ctx, id) => {
      const user = await deps.findUser(app, id);
      return (
        user && {
          accountId: id,
          claims: async () => ({ sub: id, email: user.address, email_verified: true }),
        }
      );
    },
    loadExistingGrant: (ctx) => newGrant(ctx, app, deps.consents),
    // Families are ended with their session by our own Session model, which also knows earlier grants of it.
    expiresWithSession: async () => false,
    extraTokenClaims: (ctx, token) => personClaims(ctx, token),
    issueRefreshToken: async (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') &&
      (policyOf(client).refresh_tokens !== 'offline_access' || source.scopes.has('offline_access')),
    rotateRefreshToken: async ({ oidc: { client, entities } }) => {
      const inUse = entities.RefreshToken as unknown as RefreshTokenInUse; // our own model
      return inUse.rotates(client === undefined || policyOf(client).refresh_token_rotation !== false);
    },
    revokeGrantPolicy: () => true,
    routes: {
      authorization: '/auth',
      end_session: '/session/end',
      introspection: '/introspect',
      jwks: '/jwks',
      revocation: '/revoke',
      pushed_authorization_request: '/request',
      token: '/token',
      userinfo: '/me',
    },
    ttl: {
      AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? seconds(lifetimes.access_token),
      AuthorizationCode: CODE_TTL_S,
      ClientCredentials: (_ctx, token) =>
        token.resourceServer?.accessTokenTTL ?? seconds(lifetimes.access_token),
      Grant: seconds(lifetimes.refresh_token_absolute) + INTERACTION_TTL_S,
      IdToken: seconds(lifetimes.id_token),
      Interaction: INTERACTION_TTL_S,
      RefreshToken: (_ctx, token) => {
        // Only `iiat`, the issue of the first token of the family, survives rotation (OA-24).
        const age = Math.floor(deps.clock.now() / SECOND) - (token.iiat ?? token.iat);
        const left = seconds(lifetimes.refresh_token_absolute) - age;
        return Math.max(1, Math.min(seconds(lifetimes.refresh_token_idle), left));
      },
      Session: (_ctx, session) => sessionTtl(app, deps.clock, session.loginTs),
    },
    // Only key sets of clients (`jwks_uri`); the engine's own guard looks after it has connected (OA-41).
    fetch: (url, options) => guardedFetch(deps, url, options),
    fetchResponseBodyLimits: { jwks_uri: MAX_KEY_SET_BYTES },
    enabledJWA: {
      // No HMAC algorithms: they would need client secrets in clear (OA-48).
      clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'],
      dPoPSigningAlgValues: ['ES256', 'PS256', 'Ed25519', 'EdDSA'],
      idTokenSigningAlgValues: ['RS256', 'ES256'],
      userinfoSigningAlgValues: ['RS256', 'ES256'],
    },
  };
}

/** Extra metadata, checked by the schema; a client that says nothing has the defaults. */
const policyOf = (client: object) =>
  client as { readonly refresh_tokens?: unknown; readonly refresh_token_rotation?: unknown };

/** Nonces are derived, not stored: every process accepts what another gave out (RFC 9449 §8). */
function dpop({ id, settings }: App, keyring: Keyring) {
  const { nonce } = settings.dpop;
  return {
    nonceSecret: nonce === 'off' ? undefined : keyring.key(id, 'dpop-nonce'),
    requireNonce: () => nonce === 'required',
  };
}

function guardedFetch(
  deps: ConfigurationDeps,
  url: string | URL | Request,
  options: RequestInit | undefined,
) {
  const headers = Object.fromEntries(new Headers(options?.headers));
  return deps.fetch(url instanceof Request ? url.url : url, {
    headers,
    ...(options?.signal ? { signal: options.signal } : {}),
  });
}

function originsOf(client: object): readonly string[] {
  const { allowed_origins: origins } = client as { allowed_origins?: unknown }; // extra metadata, checked by the schema
  return Array.isArray(origins) ? origins : [];
}

/**
 * Names carry the app id, because apps on one host share a cookie jar (MT-07). The session cookie is `__Host-`: one that
 * is only `__Secure-` with a path can be set by a sibling subdomain. The two short ones keep the engine's narrow paths.
 */
function cookies(app: App, keyring: Keyring): NonNullable<Configuration['cookies']> {
  const [host, narrow] = app.secure ? ['__Host-', '__Secure-'] : ['', ''];
  const attributes = { httpOnly: true, sameSite: 'lax', signed: true } as const;
  return {
    names: {
      session: `${host}session-${app.id}`,
      interaction: `${narrow}interaction-${app.id}`,
      resume: `${narrow}resume-${app.id}`,
    },
    long: { ...attributes, path: '/' },
    short: attributes,
    keys: new CookieSignatures(keyring.versions.map((version) => keyring.key(app.id, 'cookie', version))),
  };
}

/**
 * A new Grant for every authorization, so that the death of one token family ends that one only. It is stored together
 * with the code (models.ts), hence a request that still needs the person leaves nothing behind.
 */
async function newGrant(ctx: KoaContextWithOIDC, app: App, consents: Consents) {
  const { provider, session, client, account, params } = ctx.oidc;
  if (!session || !client || !account) return undefined;
  const requested = askedScopes(app, params ?? {});
  const isFirstParty = (client as { first_party?: unknown }).first_party !== false; // extra metadata
  const consent = isFirstParty
    ? undefined
    : await consents.granted(app.id, account.accountId, client.clientId, hostOf(params?.redirect_uri));
  const grant = new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  const isGranted = (scope: string): boolean => (consent?.scopes ?? requested).includes(scope);
  grant.addOIDCScope(OIDC_SCOPES.filter((scope) => requested.includes(scope) && isGranted(scope)).join(' '));
  grantResourceScopes(ctx, grant, isGranted);
  return Object.assign(grant, {
    jti: randomToken(32),
    sessionUid: session.uid,
    isOffline: requested.includes('offline_access'),
    withdrawals: consent?.withdrawals,
  });
}

/** What a person can check of a client: the host its answers go to, or the scheme of a native app. */
export function hostOf(redirectUri: unknown): string {
  const url = URL.parse(String(redirectUri));
  return url?.host || url?.protocol || '';
}
