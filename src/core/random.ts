/** The only source of randomness. */
import { randomBytes } from 'node:crypto';

/** `bytes` random bytes as base64url; 16 bytes (128 bits) unless told otherwise. */
export const randomToken = (bytes = 16): string => randomBytes(bytes).toString('base64url');

export const randomBuffer = (bytes: number): Buffer => randomBytes(bytes);

/** Uniform in [0, 1): for the jitter of back-off only, never for secrets. */
export const jitter = (): number => randomBytes(4).readUInt32BE() / 2 ** 32;
