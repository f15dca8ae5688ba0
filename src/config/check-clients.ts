/** What one client's settings must keep to beyond their shape. */
import type { ClientSettings } from './client-schema.ts';
import { type Fault, filePath } from './fault.ts';
import { plainHttpFault, redirectUriFault, type Surroundings } from './redirect-uri.ts';
import { isGuessableText } from './secret-strength.ts';

type Path = readonly PropertyKey[];

export function checkClient(client: ClientSettings, path: Path, surroundings: Surroundings): Fault[] {
  return [
    ...checkSecret(client, path, surroundings),
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

function checkSecret(client: ClientSettings, path: Path, surroundings: Surroundings): Fault[] {
  const { client_secret: secret, client_secret_hash: hash, token_endpoint_auth_method: method } = client;
  const at = (key: string, message: string): Fault => ({ path: filePath([...path, key]), message });
  if (method === 'none') {
    const key = secret === undefined ? 'client_secret_hash' : 'client_secret';
    return secret === undefined && hash === undefined
      ? []
      : [
          at(
            key,
            'a public client (token_endpoint_auth_method: none) has no secret: remove it or name another method',
          ),
        ];
  }
  if (secret !== undefined && hash !== undefined) {
    return [at('client_secret_hash', 'give either client_secret or client_secret_hash, not both')];
  }
  if (secret === undefined && hash === undefined) {
    return [
      at(
        'client_secret',
        `${method} needs client_secret or client_secret_hash (a browser or mobile app sets token_endpoint_auth_method: none)`,
      ),
    ];
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
  return (['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'] as const).flatMap((key) => {
    const url = URL.parse(client[key] ?? '');
    const message = url === null ? undefined : plainHttpFault(url, surroundings);
    return message === undefined ? [] : [{ path: filePath([...path, key]), message }];
  });
}
