/**
 * Signatures of the engine's cookies: HMAC-SHA-256 under the app's keys, newest first, so that a cookie of before a change
 * of the master secret still counts and is signed anew. In the place of `keygrip`, whose comparison makes two more HMACs
 * with a fresh random key on every read of a cookie (measured: a twentieth of a sign-in's CPU time).
 */
import { createHmac } from 'node:crypto';
import { isSameSecret } from '../core/hash.ts';

export class CookieSignatures {
  readonly #keys: readonly Buffer[];

  /** @param keys 32 bytes each, newest first; at least one */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys;
  }

  sign(data: string): string {
    const [newest] = this.#keys;
    if (!newest) throw new Error('no key for cookies');
    return signature(newest, data);
  }

  /** Place of the key that made it, -1 when none did. */
  index(data: string, digest: string): number {
    return this.#keys.findIndex((key) => isSameSecret(signature(key, data), digest));
  }

  verify(data: string, digest: string): boolean {
    return this.index(data, digest) >= 0;
  }
}

const signature = (key: Buffer, data: string): string =>
  createHmac('sha256', key).update(data).digest('base64url');
