/**
 * Which URIs a client may be sent back to (OA-01, OA-02; RFC 8252 §7, RFC 9700 §2.1). Also used for
 * `post_logout_redirect_uris`, which reach the browser the same way.
 */

/** What the environment says and every check of a URL needs to know. */
export interface Surroundings {
  readonly production: boolean;
  /** Origin of Postern itself. */
  readonly baseUrl: string;
  /** Addresses and blocks that may be called though they are not public. */
  readonly outboundAllow: readonly string[];
}

type ApplicationType = 'web' | 'native';

const PRIVATE_USE = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/i;

/** What is wrong with the URI for such a client; undefined when it may be registered. */
export function redirectUriFault(
  uri: string,
  type: ApplicationType,
  surroundings: Surroundings,
): string | undefined {
  return formFault(uri) ?? schemeFault(new URL(uri), type, surroundings);
}

/** Signs that parsers read differently from one another, or that make a URI match more than itself. */
function formFault(uri: string): string | undefined {
  // Browsers drop tabs and line ends, and read a backslash as a slash.
  if (!/^[\x21-\x7e]+$/.test(uri) || uri.includes('\\'))
    return 'must be printable ASCII without spaces or \\';
  if (uri.includes('#')) return 'must not have a fragment (RFC 6749 §3.1.2)';
  if (uri.includes('*')) return 'must not hold a wildcard: redirect URIs are compared exactly (OA-01)';
  const url = URL.parse(uri);
  if (url === null) return 'must be an absolute URI such as https://shop.example/callback';
  if (url.username !== '' || url.password !== '') return 'must not hold credentials';
  return undefined;
}

function schemeFault(url: URL, type: ApplicationType, surroundings: Surroundings): string | undefined {
  if (url.protocol === 'https:') {
    return type === 'native' && isLoopback(url.hostname)
      ? 'a native client reaches itself by http:// on 127.0.0.1 or [::1], not by https'
      : undefined;
  }
  if (url.protocol === 'http:') {
    return type === 'native' ? nativeHttpFault(url, surroundings) : plainHttpFault(url, surroundings);
  }
  if (type === 'native' && PRIVATE_USE.test(url.protocol)) return undefined;
  return type === 'native'
    ? `scheme ${url.protocol} is refused: a private-use scheme is a reversed domain with a dot, such as com.example.app:/callback (RFC 8252 §7.1)`
    : `scheme ${url.protocol} is refused: a web client uses https (a mobile or desktop app sets application_type: native)`;
}

function nativeHttpFault(url: URL, { production }: Surroundings): string | undefined {
  if (!isLoopback(url.hostname)) return 'must be https, or http on 127.0.0.1 or [::1]';
  // Other software of the machine may answer to the name localhost (RFC 8252 §8.3).
  return production && url.hostname === 'localhost'
    ? 'must name 127.0.0.1 or [::1] instead of localhost (RFC 8252 §8.3)'
    : undefined;
}

/** Plain http is for development: on this machine, or where Postern itself is reached. */
export function plainHttpFault(url: URL, { production, baseUrl }: Surroundings): string | undefined {
  if (url.protocol !== 'http:') return undefined;
  if (production) return 'must be https in production';
  return isLoopback(url.hostname) || url.origin === baseUrl
    ? undefined
    : 'must be https (or http on localhost)';
}

export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
