import { hash, timingSafeEqual } from 'node:crypto';
import { frame } from '../lib/frame.ts';

/** SHA-256 over length-framed fields, base64url. For values of at least 128 random bits; others need a keyed MAC. */
export const hashOf = (...fields: readonly string[]): string => hash('sha256', frame(...fields), 'base64url');

/** Compares in constant time; strings of different length are unequal at once (their length is no secret here). */
export function isSameSecret(a: string, b: string): boolean {
  const left = Buffer.from(a, 'utf8');
  const right = Buffer.from(b, 'utf8');
  return left.length === right.length && timingSafeEqual(left, right);
}
