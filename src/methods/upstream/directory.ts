/**
 * What each provider publishes about itself, ready for the library. Asked for at the first sign-in, never at a start; kept
 * per process and asked for anew now and then; what is old serves on while the provider cannot be reached.
 */
import type * as OpenIdClient from 'openid-client';
import { type Clock, DAY, HOUR, MINUTE } from '../../core/clock.ts';
import type { GuardedFetch } from '../../outbound/guarded-fetch.ts';
import { appleClientSecret } from './client-secret.ts';
import { CLOCK_TOLERANCE_S } from './id-token.ts';
import type { ClientAuth } from './provider.ts';
import type { Configured } from './providers.ts';

export type Library = typeof OpenIdClient;
export type Configuration = OpenIdClient.Configuration;

const FRESH_MS = 6 * HOUR;
const STALE_MS = 7 * DAY;
/** After a refresh in vain. */
const RETRY_MS = MINUTE;
/** Of one call; the guarded fetch has its own, shorter one. */
const TIMEOUT_S = 10;

interface Known {
  readonly made: Promise<Configuration>;
  readonly at: number;
  retryAt: number;
}

/** Loaded at the first use: most starts never need it. */
export const library = (): Promise<Library> => import('openid-client');

export class Directory {
  readonly #guarded: GuardedFetch;
  readonly #clock: Clock;
  /** By fingerprint: the settings of an app may change while the process lives. */
  readonly #known = new Map<string, Known>();

  constructor(fetch: GuardedFetch, clock: Clock) {
    this.#guarded = fetch;
    this.#clock = clock;
  }

  /** Rejects when the provider has never been reached. */
  async configuration(of: Configured): Promise<Configuration> {
    const known = this.#known.get(of.fingerprint);
    const now = this.#clock.now();
    const age = known === undefined ? Number.POSITIVE_INFINITY : now - known.at;
    if (known && (age < FRESH_MS || (age < STALE_MS && now < known.retryAt))) return known.made;
    const made = this.#make(of);
    const entry = { made, at: now, retryAt: 0 };
    this.#known.set(of.fingerprint, entry);
    try {
      return await made;
    } catch (fault) {
      if (this.#known.get(of.fingerprint) === entry) this.#known.delete(of.fingerprint);
      if (!known || age >= STALE_MS) throw fault;
      this.#known.set(of.fingerprint, { ...known, retryAt: now + RETRY_MS });
      return known.made;
    }
  }

  async #make(of: Configured): Promise<Configuration> {
    const oidc = await library();
    const { provider, settings } = of;
    const isPlain =
      new URL(provider.metadata?.authorization_endpoint ?? provider.issuer).protocol === 'http:';
    // The signature is always checked against the published keys, not only the connection it came by: a token under a
    // shared secret or under none at all is refused whatever the provider lists (AC-09).
    const execute = [
      oidc.enableNonRepudiationChecks,
      // Only in development, where the guarded fetch lets it through.
      ...(isPlain ? [oidc.allowInsecureRequests] : []),
    ];
    const client = {
      [oidc.clockTolerance]: CLOCK_TOLERANCE_S,
      ...(provider.protocol === 'oidc' && provider.signingAlg !== undefined
        ? { id_token_signed_response_alg: provider.signingAlg }
        : {}),
    };
    const auth = this.#authentication(oidc, of);
    const id = settings.client_id;
    if (provider.protocol === 'oidc' && provider.metadata === undefined) {
      const options = { [oidc.customFetch]: this.#call, timeout: TIMEOUT_S, execute };
      return oidc.discovery(new URL(provider.issuer), id, client, auth, options);
    }
    const metadata = { issuer: provider.issuer, ...provider.metadata };
    const configuration = new oidc.Configuration(metadata, id, client, auth);
    configuration[oidc.customFetch] = this.#call;
    configuration.timeout = TIMEOUT_S;
    for (const extend of execute) extend(configuration);
    return configuration;
  }

  readonly #call: OpenIdClient.CustomFetch = (url, { method, headers, body, signal }) =>
    this.#guarded(url, {
      method: method === 'POST' ? 'POST' : 'GET',
      headers,
      ...(body === undefined || body === null ? {} : { body: String(body) }),
      ...(signal ? { signal } : {}),
    });

  #authentication(oidc: Library, { settings, provider }: Configured): OpenIdClient.ClientAuth {
    const { client_secret: secret } = settings;
    return async (server, client, body, headers) => {
      const way = settings.token_endpoint_auth_method ?? provider.clientAuth ?? usualWay(server, secret);
      await authenticatedBy(oidc, way, await this.#secretOf(way, settings))(server, client, body, headers);
    };
  }

  #secretOf(way: ClientAuth, settings: Configured['settings']): Promise<string> | string {
    return way === 'apple' ? appleClientSecret(settings, this.#clock.now()) : (settings.client_secret ?? '');
  }
}

function authenticatedBy(oidc: Library, way: ClientAuth, secret: string): OpenIdClient.ClientAuth {
  if (way === 'none') return oidc.None();
  return way === 'client_secret_basic' ? oidc.ClientSecretBasic(secret) : oidc.ClientSecretPost(secret);
}

/** OpenID Connect Discovery §3: `client_secret_basic` where nothing is published. */
function usualWay(server: OpenIdClient.ServerMetadata, secret: string | undefined): ClientAuth {
  if (secret === undefined) return 'none';
  const { token_endpoint_auth_methods_supported: taken = ['client_secret_basic'] } = server;
  return taken.includes('client_secret_basic') ? 'client_secret_basic' : 'client_secret_post';
}
