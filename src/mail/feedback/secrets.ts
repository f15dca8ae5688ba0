/** How the senders of webhooks show that they are who they say: what several of them have in common. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { MINUTE, SECOND } from '../../core/clock.ts';
import { hashOf, isSameSecret } from '../../core/hash.ts';
import { headerOf, type Refused, refused, type WebhookRequest } from './event.ts';

/** Clocks of two machines; also the tolerance of the Standard Webhooks specification. */
export const CLOCK_SKEW = 5 * MINUTE;

/**
 * A secret of ours that the provider sends along: as password of HTTP Basic or as Bearer token. Hashed before it is compared,
 * so that not even its length can be found out by time.
 */
export function carriesSecret(request: WebhookRequest, secret: string): boolean {
  const header = headerOf(request, 'authorization') ?? '';
  const [scheme = '', credentials = ''] = header.split(/ +/, 2);
  const given = scheme.toLowerCase() === 'basic' ? passwordOf(credentials) : credentials;
  const isKnownScheme = /^(?:basic|bearer)$/i.test(scheme);
  return isSameSecret(hashOf(given), hashOf(secret)) && isKnownScheme;
}

/** RFC 7617: the user's name is whatever the operator typed before the colon. */
function passwordOf(credentials: string): string {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? '' : text.slice(colon + 1);
}

/**
 * Standard Webhooks (https://www.standardwebhooks.com), which Resend sends by the names of Svix. Own lines and not the
 * library, because that reads the machine's clock itself and brings an HMAC in script for what node:crypto has.
 * @param secret `whsec_` and base64, or base64 alone
 */
export function standardWebhook(
  request: WebhookRequest,
  secret: string,
): Refused | { readonly id: string; readonly until: number } {
  const [id, stamp, signatures] = ['id', 'timestamp', 'signature'].map(
    (name) => headerOf(request, `webhook-${name}`) ?? headerOf(request, `svix-${name}`),
  );
  if (id === undefined || stamp === undefined || signatures === undefined) return refused('not signed');
  if (!/^[\x21-\x2d\x2f-\x7e]{1,200}$/.test(id)) return refused('no message id');
  const at = secondsOf(stamp);
  if (at === undefined || Math.abs(request.now - at) > CLOCK_SKEW) return refused('too old or too new');
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${stamp}.`).update(request.body).digest();
  // Several while a secret is being changed; only v1 is this MAC, whatever else a sender may offer.
  const isSigned = signatures
    .split(' ')
    .slice(0, 10)
    .some((one) => one.startsWith('v1,') && isSameMac(expected, Buffer.from(one.slice(3), 'base64')));
  return isSigned ? { id, until: at + 2 * CLOCK_SKEW } : refused('wrong signature');
}

export const isSameMac = (expected: Buffer, given: Buffer): boolean =>
  expected.length === given.length && timingSafeEqual(expected, given);

/** Whole seconds since 1970 as ms. */
export const secondsOf = (written: string): number | undefined =>
  /^\d{9,11}$/.test(written) ? Number(written) * SECOND : undefined;
