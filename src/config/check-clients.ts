/** What one client's settings must keep to beyond their shape. */

import { isIP } from 'node:net';
import { isListed, isPublicAddress, listOf } from '../lib/public-address.ts';
import { keyFault } from './client-keys.ts';
import type { ClientSettings } from './client-schema.ts';
import { type Fault, filePath } from './fault.ts';
import { plainHttpFault, redirectUriFault, type Surroundings } from './redirect-uri.ts';
import { isGuessableText } from './secret-strength.ts';

type Path = readonly PropertyKey[];

export function checkClient(client: ClientSettings, path: Path, surroundings: Surroundings): Fault[] {
  return [
    ...checkGrants(client, path),
    ...checkProof(client, path, surroundings),
    ...checkRotation(client, path),
    ...checkAddresses(client, path, surroundings),
    ...checkLinks(client, path, surroundings),
  ];
}

/** The part that needs no more than lists of text: for clients that have other faults in their shape. */
export function checkAddresses(
  client: Readonly<{ [Key in 'application_type' | UriKey | 'allowed_origins']?: unknown }>,
  path: Path,
  surroundings: Surroundings,
): Fault[] {
  const type = client.application_type === 'native' ? 'native' : 'web';
  return [
    ...URI_KEYS.flatMap((key) => checkUris(textsOf(client[key]), type, [...path, key], surroundings)),
    ...checkOrigins(textsOf(client.allowed_origins), [...path, 'allowed_origins'], surroundings),
  ];
}

const URI_KEYS = ['redirect_uris', 'post_logout_redirect_uris'] as const;
type UriKey = (typeof URI_KEYS)[number];

/** Whatever is not text keeps its place, so that the others keep their index. */
const textsOf = (value: unknown): (string | undefined)[] =>
  Array.isArray(value) ? value.map((item) => (typeof item === 'string' ? item : undefined)) : [];

type At = (key: string, message: string) => Fault;

function checkGrants(client: ClientSettings, path: Path): Fault[] {
  const at: At = (key, message) => ({ path: filePath([...path, key]), message });
  const { grant_types: grants, token_endpoint_auth_method: method } = client;
  const hasCode = grants.includes('authorization_code');
  const faults: Fault[] = [];
  if (hasCode && client.redirect_uris.length === 0) faults.push(at('redirect_uris', 'is missing'));
  if (!hasCode && client.redirect_uris.length > 0) {
    faults.push(at('redirect_uris', 'nobody is sent there: authorization_code is not among grant_types'));
  }
  if (method === 'none' && grants.includes('client_credentials')) {
    faults.push(at('grant_types', 'client_credentials needs a client with a secret or key (RFC 6749 §4.4)'));
  }
  if (!client.require_pkce && (method === 'none' || client.application_type === 'native')) {
    faults.push(at('require_pkce', 'a public client cannot do without PKCE (OA-04)'));
  }
  return faults;
}

/** One way to prove who it is, and nothing beside it: a secret that nothing asks for is a door that nobody watches. */
function checkProof(client: ClientSettings, path: Path, surroundings: Surroundings): Fault[] {
  const at: At = (key, message) => ({ path: filePath([...path, key]), message });
  const { token_endpoint_auth_method: method } = client;
  if (method === 'private_key_jwt') {
    return [
      ...unused(client, SECRET_KEYS, at, 'private_key_jwt has no secret'),
      ...checkKeys(client, path, at),
    ];
  }
  const keys = unused(client, ASSERTION_KEYS, at, `is for private_key_jwt, not for ${method}`);
  if (method !== 'none') return [...keys, ...checkSecrets(client, path, surroundings)];
  const why =
    'a public client (token_endpoint_auth_method: none) has no secret: remove it or name another method';
  return [...keys, ...unused(client, SECRET_KEYS, at, why)];
}

const SECRET_KEYS = ['client_secret', 'client_secret_hash', 'client_secrets'] as const;
const ASSERTION_KEYS = ['jwks', 'jwks_uri', 'token_endpoint_auth_signing_alg'] as const;

function unused(
  client: ClientSettings,
  keys: readonly (keyof ClientSettings)[],
  at: At,
  why: string,
): Fault[] {
  return keys.filter((key) => client[key] !== undefined).map((key) => at(key, why));
}

function checkKeys({ jwks, jwks_uri: uri }: ClientSettings, path: Path, at: At): Fault[] {
  if (jwks === undefined)
    return uri === undefined ? [at('jwks', 'private_key_jwt needs jwks or jwks_uri')] : [];
  if (uri !== undefined) return [at('jwks_uri', 'give either jwks or jwks_uri, not both')];
  return jwks.keys.flatMap((key, index) => {
    const message = keyFault(key);
    return message === undefined ? [] : [{ path: filePath([...path, 'jwks', 'keys', index]), message }];
  });
}

const MAX_SECRETS = 2;

function checkSecrets(client: ClientSettings, path: Path, surroundings: Surroundings): Fault[] {
  const listed = client.client_secrets ?? [];
  const method = client.token_endpoint_auth_method;
  const single = [client.client_secret, client.client_secret_hash].filter((value) => value !== undefined);
  const at: At = (key, message) => ({ path: filePath([...path, key]), message });
  if (listed.length + single.length === 0) {
    return [
      at(
        'client_secret',
        `${method} needs client_secret or client_secret_hash (a browser or mobile app sets token_endpoint_auth_method: none)`,
      ),
    ];
  }
  const faults = [
    ...secretFaults(client, path, surroundings),
    ...listed.flatMap((secret, index) => {
      const here = [...path, 'client_secrets', index];
      const isEmpty = secret.client_secret === undefined && secret.client_secret_hash === undefined;
      return isEmpty
        ? [{ path: filePath(here), message: 'needs client_secret or client_secret_hash' }]
        : secretFaults(secret, here, surroundings);
    }),
  ];
  if (listed.length + Math.min(single.length, 1) <= MAX_SECRETS) return faults;
  return [
    ...faults,
    at('client_secrets', `at most ${MAX_SECRETS} secrets at a time, client_secret included`),
  ];
}

function secretFaults(
  {
    client_secret: secret,
    client_secret_hash: hash,
  }: Pick<ClientSettings, 'client_secret' | 'client_secret_hash'>,
  path: Path,
  surroundings: Surroundings,
): Fault[] {
  const at: At = (key, message) => ({ path: filePath([...path, key]), message });
  if (secret !== undefined && hash !== undefined) {
    return [at('client_secret_hash', 'give either client_secret or client_secret_hash, not both')];
  }
  return surroundings.production && secret !== undefined && isGuessableText(secret)
    ? [
        at(
          'client_secret',
          'looks like an example, not like a random secret: npm run postern -- secret client',
        ),
      ]
    : [];
}

/** RFC 9700 §4.14.2, RFC 9449 §5: what a public client holds is rotated, or bound to a key. */
function checkRotation(client: ClientSettings, path: Path): Fault[] {
  if (client.refresh_token_rotation || client.token_endpoint_auth_method !== 'none') return [];
  const message =
    'a public client must rotate its refresh tokens (RFC 9700 §4.14.2): only a client that authenticates may do without';
  return [{ path: filePath([...path, 'refresh_token_rotation']), message }];
}

function checkUris(
  uris: readonly (string | undefined)[],
  type: 'web' | 'native',
  path: Path,
  surroundings: Surroundings,
): Fault[] {
  return uris.flatMap((uri, index) => {
    if (uri === undefined) return [];
    const isRepeated = uris.indexOf(uri) < index;
    const message = isRepeated ? 'is listed twice' : redirectUriFault(uri, type, surroundings);
    return message === undefined ? [] : [{ path: filePath([...path, index]), message }];
  });
}

/** An origin that is compared exactly with what browsers send (RFC 6454 §6.1): scheme, host, port, nothing else. */
function checkOrigins(
  origins: readonly (string | undefined)[],
  path: Path,
  surroundings: Surroundings,
): Fault[] {
  return origins.flatMap((written, index) => {
    const message = written === undefined ? undefined : originFault(written, surroundings);
    return message === undefined ? [] : [{ path: filePath([...path, index]), message }];
  });
}

function originFault(written: string, surroundings: Surroundings): string | undefined {
  const url = URL.parse(written);
  if (url === null || written.includes('*') || !/^https?:$/.test(url.protocol)) {
    return 'must be one origin such as https://app.example, without a wildcard';
  }
  if (url.origin !== written) return `must be an origin without a path: ${url.origin}`;
  return plainHttpFault(url, surroundings);
}

function checkLinks(client: ClientSettings, path: Path, surroundings: Surroundings): Fault[] {
  return (
    ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri', 'jwks_uri', 'backchannel_logout_uri'] as const
  ).flatMap((key) => {
    const url = URL.parse(client[key] ?? '');
    const isCalled = key === 'jwks_uri' || key === 'backchannel_logout_uri';
    const message =
      url === null
        ? undefined
        : (plainHttpFault(url, surroundings) ?? (isCalled ? calledFault(url, surroundings) : undefined));
    return message === undefined ? [] : [{ path: filePath([...path, key]), message }];
  });
}

/** What is called by us. Names are looked at when they are called, because what they stand for changes (OA-37, OA-41). */
function calledFault(url: URL, { outboundAllow }: Surroundings): string | undefined {
  // Back-Channel Logout §2.2.
  if (url.hash !== '') return 'must not have a fragment';
  const address = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) === 0 || isPublicAddress(address) || isListed(listOf(outboundAllow), address))
    return undefined;
  return 'is not a public address: OUTBOUND_ALLOW names those that may be called all the same';
}
