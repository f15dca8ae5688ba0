/** The hash of a user who is imported, in any of the spellings that other systems export. */
import { z } from 'zod';
import { readStoredHash } from './hashes/stored-hash.ts';

/** What Keycloak exports of a password: two texts that hold JSON. */
export const keycloakCredential = z.object({
  secretData: z.string().max(2000),
  credentialData: z.string().max(2000),
});

const secret = z.object({ value: z.string(), salt: z.string() });
const parameters = z.record(z.string(), z.array(z.string()));
const data = z.object({
  hashIterations: z.int(),
  algorithm: z.string(),
  additionalParameters: parameters.optional(),
});

/** As it is stored; undefined for none that can be verified here. */
export function storedForm(hash: string | z.output<typeof keycloakCredential>): string | undefined {
  const written = typeof hash === 'string' ? hash : keycloakForm(hash);
  return written !== undefined && readStoredHash(written) ? written : undefined;
}

function keycloakForm({
  secretData,
  credentialData,
}: z.output<typeof keycloakCredential>): string | undefined {
  const read = data.safeParse(json(credentialData));
  const { data: kept } = secret.safeParse(json(secretData));
  if (!read.success || !kept) return undefined;
  const { algorithm, hashIterations, additionalParameters: more = {} } = read.data;
  const [salt, value] = [kept.salt, kept.value].map((text) => text.replaceAll('=', ''));
  const digest = /^pbkdf2(?:-(sha256|sha512))?$/.exec(algorithm);
  if (digest)
    return `$pbkdf2${digest[1] === undefined ? '' : `-${digest[1]}`}$i=${hashIterations}$${salt}$${value}`;
  if (algorithm !== 'argon2') return undefined;
  const { type = [], memory = [], parallelism = [] } = more;
  return `$argon2${type[0]}$v=19$m=${memory[0]},t=${hashIterations},p=${parallelism[0]}$${salt}$${value}`;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
