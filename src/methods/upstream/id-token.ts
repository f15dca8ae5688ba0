/**
 * What the library leaves to its caller about an ID token that it has validated (signature, `iss`, `aud`, `exp`, `nonce`):
 * clauses that OpenID Connect Core makes optional for the code flow, and bounds of our own (AC-09).
 */
import { hash } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { isFields } from './provider.ts';

/** Clocks of two servers are never quite the same. */
export const CLOCK_TOLERANCE_S = 30;
/** OpenID Connect Core §2: at most 255 ASCII characters. */
const SUBJECT = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

const HASHES: Readonly<Record<string, string>> = {
  256: 'sha256',
  384: 'sha384',
  512: 'sha512',
  dSA: 'sha512',
  519: 'sha512',
};

export interface Checked {
  readonly idToken: string;
  readonly accessToken: string;
  readonly clientId: string;
  readonly nowMs: number;
}

/** Why this token is refused; undefined when it is not. */
export function idTokenFault(
  claims: object,
  { idToken, accessToken, clientId, nowMs }: Checked,
): string | undefined {
  const { sub, iat, azp, at_hash: accessHash } = claims as Readonly<Record<string, unknown>>; // looked at one by one
  if (typeof sub !== 'string' || !SUBJECT.test(sub)) return 'sub is no subject';
  if (typeof iat !== 'number' || iat > nowMs / 1000 + CLOCK_TOLERANCE_S) return 'iat lies ahead';
  if (azp !== undefined && azp !== clientId) return 'azp is another client';
  // Two readers of one token could take different values for one name (RFC 8725 §2.4).
  if (hasDoubledMember(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString('utf8')))
    return 'doubled claim';
  if (accessHash !== undefined && accessHash !== halfHash(idToken, accessToken))
    return 'at_hash is another token’s';
  return undefined;
}

/** OpenID Connect Core §3.1.3.6: the left half of the hash that belongs to the signature. */
function halfHash(idToken: string, accessToken: string): string | undefined {
  const algorithm = HASHES[String(decodeProtectedHeader(idToken).alg).slice(-3)];
  if (algorithm === undefined) return undefined;
  const whole = hash(algorithm, accessToken, 'buffer');
  return whole.subarray(0, whole.length / 2).toString('base64url');
}

/** Whether an object in this JSON text names a member twice; the text is known to parse. */
export function hasDoubledMember(json: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let before: string | undefined;
  for (const [part] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g)) {
    if (part === '{') open.push(new Set());
    else if (part === '[') open.push(undefined);
    else if (part === '}' || part === ']') open.pop();
    else if (part === ':' && before !== undefined) {
      const name = String(JSON.parse(before));
      const names = open.at(-1);
      if (names?.has(name)) return true;
      names?.add(name);
    }
    before = part.startsWith('"') ? part : undefined;
  }
  return false;
}

/** Whether the person was asked anew: `auth_time` (§2) at or after this moment, ms. */
export const isFresh = (claims: unknown, since: number): boolean =>
  isFields(claims) &&
  typeof claims.auth_time === 'number' &&
  claims.auth_time >= since / 1000 - CLOCK_TOLERANCE_S;
