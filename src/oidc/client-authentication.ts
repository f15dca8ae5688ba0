/**
 * How clients prove who they are: secrets by hash, two at a time (OA-48), and assertions signed by a key (OA-19).
 * `client_secret_jwt` is not offered: it would need the secret in clear.
 */
import { hash } from 'node:crypto';
import { errors, Provider } from 'oidc-provider';
import { type Clock, HOUR, SECOND } from '../core/clock.ts';
import { isSameSecret } from '../core/hash.ts';

/** As the engine's clients carry it, beside the one `client_secret` that the engine itself knows of. */
export interface ClientSecret {
  /** `sha256:` and the base64url digest. */
  readonly hash: string;
  /** ms; never when undefined. */
  readonly expiresAt?: number | undefined;
}

/** SHA-256 is enough: the schema asks for secrets of at least 32 characters (ASVS 6.5.2 on high-entropy secrets). */
export const hashedSecret = (secret: string): string => `sha256:${hash('sha256', secret, 'base64url')}`;

interface EngineClient {
  readonly secrets?: readonly ClientSecret[];
  readonly grantTypes: readonly string[];
}

export function installClientRules(provider: Provider, clock: Clock): void {
  const find = provider.Client.find.bind(provider.Client);
  Object.defineProperty(provider.Client, 'find', {
    value: async (id: string) => {
      const client = await find(id);
      // Not declared; every client of the engine has one.
      const { asymmetricKeyStore: keys } = Object(client) as { asymmetricKeyStore?: PublishedKeys };
      if (keys && client?.jwksUri !== undefined) askSparingly(keys, clock);
      const asserted =
        Provider.ctx?.oidc?.provider === provider && Provider.ctx.oidc.params?.client_assertion;
      if (keys && asserted && client?.jwksUri !== undefined) await bringKeysUpToDate(keys, clock);
      return client;
    },
  });
  Object.defineProperties(provider.Client.prototype, {
    compareClientSecret: {
      value(this: EngineClient, presented: string): boolean {
        const given = hashedSecret(presented);
        const now = clock.now();
        // All are compared, whichever matches: the time tells nothing (OA-18).
        const matching = (this.secrets ?? []).map(
          ({ hash: kept, expiresAt }) =>
            isSameSecret(given, kept) && (expiresAt === undefined || now < expiresAt),
        );
        return matching.includes(true);
      },
    },
    grantTypeAllowed: {
      value(this: EngineClient, type: string): boolean {
        if (this.grantTypes.includes(type)) return true;
        const oidc = Provider.ctx?.oidc;
        // RFC 6749 §5.2 has a code for it; the engine's own answer is `invalid_request`.
        if (oidc?.provider === provider && oidc.route === 'token' && oidc.params?.grant_type === type) {
          throw new errors.UnauthorizedClient('this client may not use this grant type');
        }
        return false;
      },
    },
  });
}

/** Published keys are asked for anew after a minute (the engine's own rule); this long they stand in for an unreachable host. */
const KEYS_STAND_IN_MS = HOUR;

interface PublishedKeys {
  fresh(): boolean;
  refresh(): Promise<void>;
}

/**
 * The engine fetches a key set again only when no key that it knows verifies: one that the client has taken back would be
 * accepted for as long as the process lives. Here the set is brought up to date before it is asked.
 */
async function bringKeysUpToDate(keys: PublishedKeys, clock: Clock): Promise<void> {
  let fault: unknown;
  if (!keys.fresh()) {
    try {
      await keys.refresh();
      fetchedAt.set(keys, clock.now());
    } catch (cause) {
      fault = cause;
    }
  }
  // An answer of no use makes the set fresh to the engine, too.
  const age = clock.now() - (fetchedAt.get(keys) ?? 0);
  if (age > KEYS_STAND_IN_MS) throw new errors.InvalidClientAuth({ cause: fault });
}

/** When each set was last fetched whole, ms. A cache: every process asks for itself. */
const fetchedAt = new WeakMap<PublishedKeys, number>();

/** A host that gave no answer of use is left alone for so long. */
const ASK_AGAIN_MS = 5 * SECOND;

/**
 * Anybody may send assertions in the name of a client, and the set is asked for before a signature can be checked: without
 * this, every one of them is a call to a host that is in trouble already, or 64 KB from one that answers too much (OA-41).
 */
function askSparingly(keys: PublishedKeys, clock: Clock): void {
  if (Object.hasOwn(keys, 'refresh')) return;
  const ask = keys.refresh.bind(keys);
  let failed: { readonly at: number; readonly cause: unknown } | undefined;
  const refresh = async (): Promise<void> => {
    if (failed && Math.abs(clock.now() - failed.at) < ASK_AGAIN_MS) throw failed.cause;
    try {
      await ask();
      failed = undefined;
    } catch (cause) {
      failed = { at: clock.now(), cause };
      throw cause;
    }
  };
  Object.defineProperty(keys, 'refresh', { value: refresh });
}

/** An assertion is made for one request: what lives longer waits to be stolen. */
const MAX_ASSERTION_S = 300;
const TOLERANCE_S = 15;
/** Explicit types of other tokens are refused: a proof or logout token signed by the same key is no assertion. */
const ASSERTION_TYPES: readonly unknown[] = [undefined, 'JWT', 'jwt', 'client-authentication+jwt'];
/** Headers that name a key: the registered keys alone decide (OA-30). */
const KEY_HEADERS = ['jwk', 'jku', 'x5u', 'x5c'] as const;

/**
 * What the engine lets pass and we do not (RFC 10070, OA-19): it also takes the token endpoint, or a list, as audience, so
 * that an assertion made for one server is of use at another. Runs after the signature was verified.
 */
export function assertionFault(
  issuer: string,
  clock: Clock,
  payload: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>>,
): string | undefined {
  const now = clock.now() / SECOND;
  if (payload.aud !== issuer) return 'the audience must be the issuer, and nothing else';
  if (typeof payload.jti !== 'string' || payload.jti.length > 256)
    return 'jti must be text of at most 256 characters';
  if (Number(payload.exp) > now + MAX_ASSERTION_S + TOLERANCE_S) return 'exp must lie within five minutes';
  if (payload.iat !== undefined && Number(payload.iat) > now + TOLERANCE_S) return 'iat lies in the future';
  if (!ASSERTION_TYPES.includes(header.typ)) return 'typ is that of another kind of token';
  const key = KEY_HEADERS.find((name) => header[name] !== undefined);
  return key === undefined ? undefined : `the header ${key} is not taken`;
}

/** In the form of the engine's hook. */
export const assertClientAssertion =
  (issuer: string, clock: Clock) =>
  (_ctx: unknown, payload: Record<string, unknown>, header: Record<string, unknown>): void => {
    const fault = assertionFault(issuer, clock, payload, header);
    if (fault !== undefined) throw new errors.InvalidClientAuth(fault);
  };
