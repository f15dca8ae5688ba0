/** The only source of randomness. */
import { randomBytes } from 'node:crypto';

/** One call to the system for some 200 values: a request needs several, and each call costs more than the bytes. */
const POOL_BYTES = 4096;
let pool: Buffer = Buffer.alloc(0);
let taken = 0;

/** `bytes` random bytes as base64url; 16 bytes (128 bits) unless told otherwise. */
export function randomToken(bytes = 16): string {
  return randomBuffer(bytes).toString('base64url');
}

/** Bytes that nobody was given before; the pool keeps no copy of them. */
export function randomBuffer(bytes: number): Buffer {
  if (bytes > POOL_BYTES) return randomBytes(bytes);
  if (taken + bytes > pool.length) {
    pool = randomBytes(POOL_BYTES);
    taken = 0;
  }
  const part = pool.subarray(taken, taken + bytes);
  const given = Buffer.from(part);
  part.fill(0);
  taken += bytes;
  return given;
}

/** Uniform in [0, 1): for the jitter of back-off only, never for secrets. */
export const jitter = (): number => randomBuffer(4).readUInt32BE() / 2 ** 32;
