/** Requests that no well-behaved client makes: written by hand, nothing followed. */
import { exchange, type Reply } from './wire.ts';

export const FORM = 'application/x-www-form-urlencoded';

/** A form POST with any body, as text or as fields. */
export function postForm(
  url: string,
  body: string | Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const text = typeof body === 'string' ? body : new URLSearchParams(body).toString();
  return exchange(new URL(url), {
    method: 'POST',
    body: text,
    headers: { 'content-type': FORM, ...headers },
  });
}

export function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
  return exchange(new URL(url), { method: 'GET', headers });
}

export function send(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return exchange(new URL(url), { method, headers });
}

export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** Empty for what is no JSON object. */
export function jsonOf(reply: Reply): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(reply.body));
  } catch {
    return {};
  }
}
