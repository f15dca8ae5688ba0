/**
 * PBKDF2 as others store it: PHC `$pbkdf2-sha256$i=…$salt$hash`, passlib `$pbkdf2-sha256$29000$salt$hash`, Django
 * `pbkdf2_sha256$iterations$salt$hash` and what `postern users import` is given of Keycloak.
 */
import { pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { fromBase64 } from './phc.ts';
import type { Verifier } from './verifier.ts';

const derive = promisify(pbkdf2);
/** As for Argon2: a stored hash must not stop the house. */
const MAX_ITERATIONS = 10_000_000;

const PHC =
  /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,8})(?:,l=\d{1,3})?\$([A-Za-z0-9+/.]+={0,2})\$([A-Za-z0-9+/.]+={0,2})$/;
const DJANGO = /^pbkdf2_(sha1|sha256|sha512)\$(\d{1,8})\$([A-Za-z0-9+/=._-]{1,128})\$([A-Za-z0-9+/]+={0,2})$/;

export function readPbkdf2(text: string): Verifier | undefined {
  const [, digest = 'sha1', iterations, salt, hash] = PHC.exec(text) ?? [];
  if (iterations && salt && hash)
    return verifier(digest, Number(iterations), fromBase64(salt), fromBase64(hash));
  const [, name, rounds, text2, own] = DJANGO.exec(text) ?? [];
  // Django's salt is used as it is written.
  return name && rounds && text2 && own
    ? verifier(name, Number(rounds), Buffer.from(text2, 'utf8'), fromBase64(own))
    : undefined;
}

function verifier(digest: string, iterations: number, salt: Buffer, expected: Buffer): Verifier | undefined {
  const isBounded =
    iterations >= 1 && iterations <= MAX_ITERATIONS && expected.length >= 16 && expected.length <= 128;
  if (!isBounded) return undefined;
  return {
    kind: `pbkdf2-${digest}`,
    expected,
    derive: (password) => derive(password, salt, iterations, expected.length, digest),
  };
}
