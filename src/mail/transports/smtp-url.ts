/**
 * Reads `smtp://user:pass@host:587?requireTLS=true` and `smtps://…`. Parsed here and not by the mail library, because its
 * own reading turns any query parameter into an option, file access and plain-text fallbacks included.
 */
import { isIP } from 'node:net';

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (RFC 8314 §3.3). */
  readonly isImplicitTls: boolean;
  /** STARTTLS or nothing: never falls back to clear text, whoever strips the offer (RL-04). */
  readonly requiresTls: boolean;
  readonly isLoopback: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
}

const SUBMISSION = 587;
const SUBMISSIONS = 465;
const RELAY = 25;

/** Throws a TypeError that says what is wrong, without the URL itself: it holds a password. */
export function parseSmtpUrl(text: string): SmtpServer {
  if (!URL.canParse(text)) throw new TypeError('the SMTP URL cannot be read');
  const url = new URL(text);
  if (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') {
    throw new TypeError('an SMTP URL begins with smtp:// or smtps://');
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw new TypeError('the SMTP URL names no host');
  if (url.pathname !== '' && url.pathname !== '/') throw new TypeError('the SMTP URL has a path');
  const asked = requireTlsOf(url.searchParams);
  const auth = authOf(url);
  const isImplicitTls = url.protocol === 'smtps:';
  const isLoopback = isLoopbackHost(host);
  const fallbackPort = auth ? SUBMISSION : RELAY;
  return {
    host,
    port: url.port === '' ? (isImplicitTls ? SUBMISSIONS : fallbackPort) : Number(url.port),
    isImplicitTls,
    requiresTls: !isImplicitTls && (asked ?? isForeign(host, auth !== undefined, isLoopback)),
    isLoopback,
    auth,
  };
}

/**
 * Credentials never travel readable, nor do mails that sign people in: TLS is left out only on this machine, where test
 * servers have no certificate, and without credentials to a name without a dot, such as a container beside this one.
 */
const isForeign = (host: string, hasCredentials: boolean, isLoopback: boolean): boolean =>
  !isLoopback && (hasCredentials || host.includes('.') || host.includes(':'));

/** What the parts of a configuration say, in the same form. */
export function smtpServerOf(parts: {
  readonly host: string;
  readonly port?: number | undefined;
  readonly tls: 'starttls' | 'implicit' | 'none';
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}): SmtpServer {
  const host = parts.host.replace(/^\[(.*)\]$/, '$1');
  const fallbackPort = { starttls: SUBMISSION, implicit: SUBMISSIONS, none: RELAY }[parts.tls];
  const { user, password: pass } = parts;
  return {
    host,
    port: parts.port ?? fallbackPort,
    isImplicitTls: parts.tls === 'implicit',
    requiresTls: parts.tls === 'starttls',
    isLoopback: isLoopbackHost(host),
    auth: user !== undefined && pass !== undefined ? { user, pass } : undefined,
  };
}

function requireTlsOf(query: URLSearchParams): boolean | undefined {
  const unknown = [...query.keys()].find((name) => name !== 'requireTLS');
  if (unknown !== undefined) throw new TypeError(`the SMTP URL has an unknown option ${unknown}`);
  const value = query.get('requireTLS');
  // No `false`: a server that strips STARTTLS would be handed the credentials.
  if (value !== null && value !== 'true') throw new TypeError('requireTLS in the SMTP URL can only be true');
  return value === null ? undefined : true;
}

function authOf(url: URL): SmtpServer['auth'] {
  if (url.username === '' && url.password === '') return undefined;
  try {
    return { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
  } catch {
    throw new TypeError('user or password in the SMTP URL is not percent-encoded');
  }
}

function isLoopbackHost(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
