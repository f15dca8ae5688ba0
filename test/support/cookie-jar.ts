/**
 * The cookies of one browser, by RFC 6265bis: what a server may set, and what goes with which request.
 *
 * As strict as the strictest browser in one point: a Secure cookie needs https even on localhost, so that a test on an
 * http issuer sees at once what Safari would show to its users.
 */

export interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly isHostOnly: boolean;
  readonly path: string;
  readonly isSecure: boolean;
  readonly isHttpOnly: boolean;
  readonly sameSite: 'strict' | 'lax' | 'none';
  /** Milliseconds since the epoch; undefined = until the browser is closed. */
  readonly expires: number | undefined;
}

export interface CookieRequest {
  readonly url: URL;
  /** The request was caused by a page of another site. */
  readonly isCrossSite: boolean;
  /** Top-level navigation with a safe method: what SameSite=Lax lets through. */
  readonly isSafeNavigation: boolean;
}

type Draft = { -readonly [Key in keyof Cookie]: Cookie[Key] };

export class CookieJar {
  readonly #cookies = new Map<string, Cookie>();
  readonly #now: () => number;

  /** @param now milliseconds since the epoch; expiry is judged by it */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** A second jar with the same content: the same browser profile, copied. */
  clone(): CookieJar {
    const copy = new CookieJar(this.#now);
    for (const [key, cookie] of this.#cookies) copy.#cookies.set(key, cookie);
    return copy;
  }

  /** Takes the Set-Cookie lines of one response; what a browser would refuse is dropped without a word. */
  take(lines: readonly string[], url: URL): void {
    for (const line of lines) {
      const cookie = parseSetCookie(line, url, this.#now());
      if (!cookie) continue;
      const key = `${cookie.name};${cookie.domain};${cookie.path}`;
      if (cookie.expires !== undefined && cookie.expires <= this.#now()) this.#cookies.delete(key);
      else this.#cookies.set(key, cookie);
    }
  }

  /** What the Cookie header of this request holds; longer paths first (RFC 6265 §5.4). */
  matching(request: CookieRequest): Cookie[] {
    return this.all()
      .filter((cookie) => isSent(cookie, request))
      .sort((a, b) => b.path.length - a.path.length);
  }

  header(request: CookieRequest): string | undefined {
    const pairs = this.matching(request).map(({ name, value }) => `${name}=${value}`);
    return pairs.length > 0 ? pairs.join('; ') : undefined;
  }

  /** Every live cookie. */
  all(): Cookie[] {
    return [...this.#cookies.values()].filter(
      ({ expires }) => expires === undefined || expires > this.#now(),
    );
  }

  /** The live cookies whose name is, or matches, `name`. */
  named(name: string | RegExp): Cookie[] {
    return this.all().filter((cookie) =>
      typeof name === 'string' ? cookie.name === name : name.test(cookie.name),
    );
  }

  /** Forgets the cookies of that name, or all of them. */
  forget(name?: string | RegExp): void {
    const gone = name === undefined ? this.all() : this.named(name);
    for (const cookie of gone) this.#cookies.delete(`${cookie.name};${cookie.domain};${cookie.path}`);
  }
}

/** Reads one Set-Cookie line as received from `url`; undefined when a browser would refuse it. */
export function parseSetCookie(line: string, url: URL, now: number): Cookie | undefined {
  const [pair = '', ...attributes] = line.split(';');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, Math.max(equals, 0)).trim();
  if (name === '') return undefined;
  const cookie: Draft = {
    name,
    value: pair.slice(equals + 1).trim(),
    domain: url.hostname,
    isHostOnly: true,
    path: defaultPath(url),
    isSecure: false,
    isHttpOnly: false,
    sameSite: 'lax',
    expires: undefined,
  };
  const seen = readAttributes(cookie, attributes, now);
  if (!cookie.isHostOnly && !isWithinDomain(url.hostname, cookie.domain)) return undefined;
  if (cookie.isSecure && url.protocol !== 'https:') return undefined;
  if (cookie.sameSite === 'none' && !cookie.isSecure) return undefined;
  const prefix = name.toLowerCase();
  if (prefix.startsWith('__secure-') && !cookie.isSecure) return undefined;
  if (prefix.startsWith('__host-') && !(cookie.isSecure && cookie.isHostOnly && seen.rootPath))
    return undefined;
  return cookie;
}

/** Fills in the attributes; tells whether `Path=/` was said, which `__Host-` asks for. */
function readAttributes(cookie: Draft, attributes: readonly string[], now: number): { rootPath: boolean } {
  let maxAge: number | undefined;
  let rootPath = false;
  for (const attribute of attributes) {
    const equals = attribute.indexOf('=');
    const key = (equals < 0 ? attribute : attribute.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : attribute.slice(equals + 1).trim();
    if (key === 'secure') cookie.isSecure = true;
    else if (key === 'httponly') cookie.isHttpOnly = true;
    else if (key === 'path' && value.startsWith('/')) {
      cookie.path = value;
      rootPath = value === '/';
    } else if (key === 'domain' && value !== '') {
      cookie.domain = value.replace(/^\./, '').toLowerCase();
      cookie.isHostOnly = false;
    } else if (key === 'samesite') cookie.sameSite = sameSiteOf(value);
    else if (key === 'max-age' && /^-?\d+$/.test(value)) maxAge = Number(value);
    else if (key === 'expires' && !Number.isNaN(Date.parse(value))) cookie.expires = Date.parse(value);
  }
  // Max-Age has precedence over Expires (RFC 6265 §5.3, 3).
  if (maxAge !== undefined) cookie.expires = now + maxAge * 1000;
  return { rootPath };
}

function sameSiteOf(value: string): Cookie['sameSite'] {
  const lowered = value.toLowerCase();
  return lowered === 'strict' || lowered === 'none' ? lowered : 'lax';
}

function defaultPath(url: URL): string {
  const last = url.pathname.lastIndexOf('/');
  return last <= 0 ? '/' : url.pathname.slice(0, last);
}

/** Ports do not separate cookies (RFC 6265 §8.5), hosts do; an IP address has no subdomains. */
function isWithinDomain(host: string, domain: string): boolean {
  if (host === domain) return true;
  return host.endsWith(`.${domain}`) && domain.includes('.') && !/^[\d.]+$|:/.test(host);
}

function isSent(cookie: Cookie, { url, isCrossSite, isSafeNavigation }: CookieRequest): boolean {
  if (cookie.isHostOnly ? url.hostname !== cookie.domain : !isWithinDomain(url.hostname, cookie.domain)) {
    return false;
  }
  if (cookie.isSecure && url.protocol !== 'https:') return false;
  if (!isWithinPath(url.pathname, cookie.path)) return false;
  if (!isCrossSite || cookie.sameSite === 'none') return true;
  return cookie.sameSite === 'lax' && isSafeNavigation;
}

function isWithinPath(path: string, cookiePath: string): boolean {
  if (path === cookiePath) return true;
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/');
}
