/** Public keys of a client, by which it proves who it is (`private_key_jwt`, RFC 7517). */
import { createPublicKey } from 'node:crypto';
import { z } from 'zod';

/** Members by which a key of some type would be private (RFC 7518 §6). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const MIN_RSA_BITS = 2048;

const key = z.looseObject({
  kty: z.enum(['RSA', 'EC', 'OKP']).describe('RSA of at least 2048 bits, P-256 or Ed25519.'),
  kid: z.string().min(1).max(200).optional().describe('Name of the key, as in the header of assertions.'),
  use: z.literal('sig').optional().describe('For signatures.'),
  alg: z.enum(['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA']).optional().describe('Its one algorithm.'),
});

export const keySet = z
  .strictObject({ keys: z.array(key).min(1).max(10).describe('Several while one is exchanged for another.') })
  .describe('Public keys of the client as a JWK set, for `private_key_jwt`.');

/** What is wrong with one key of the set; undefined when assertions can be verified with it. */
export function keyFault(jwk: z.output<typeof key>): string | undefined {
  const secret = PRIVATE.find((member) => jwk[member] !== undefined);
  if (secret !== undefined) return `holds ${secret}: only the public key belongs here`;
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey({
      key: Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined)),
      format: 'jwk',
    });
    if (type === 'rsa') {
      return (details?.modulusLength ?? 0) < MIN_RSA_BITS ? `needs at least ${MIN_RSA_BITS} bits` : undefined;
    }
    const isKnown = (type === 'ec' && details?.namedCurve === 'prime256v1') || type === 'ed25519';
    return isKnown ? undefined : 'must be an RSA, P-256 or Ed25519 key';
  } catch {
    return 'is no valid public key';
  }
}
