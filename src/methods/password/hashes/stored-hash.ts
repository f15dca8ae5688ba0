/** Any hash that Postern can verify, by how it is written. */
import { timingSafeEqual } from 'node:crypto';
import { readArgon2 } from './argon2.ts';
import { readBcrypt } from './bcrypt.ts';
import { readPbkdf2 } from './pbkdf2.ts';
import { readScrypt } from './scrypt.ts';
import type { Verifier } from './verifier.ts';

const READERS = [readArgon2, readBcrypt, readPbkdf2, readScrypt] as const;
/** Longer than any of them. */
const MAX_LENGTH = 1024;

/** Undefined for what is no hash of a kind we know, or one that would take too much work. */
export function readStoredHash(text: string): Verifier | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  for (const read of READERS) {
    const verifier = read(text);
    if (verifier) return verifier;
  }
  return undefined;
}

export async function isMatch(verifier: Verifier, password: Buffer): Promise<boolean> {
  const derived = await verifier.derive(password);
  return derived.length === verifier.expected.length && timingSafeEqual(derived, verifier.expected);
}
