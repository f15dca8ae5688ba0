/**
 * Signing keys of one app: RS256 (OIDC Core §15.1 asks for it) and ES256. Private parts are sealed at rest (OA-31).
 * A key is made on first need; when two processes make one at once, the unique key of the row names the one that stands.
 */
import { createPrivateKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { App } from '../apps/apps.ts';
import type { Clock } from '../core/clock.ts';
import type { Keyring } from '../core/keyring.ts';
import { randomToken } from '../core/random.ts';
import { type Store, StoreConflict } from '../store/port.ts';

const generate = promisify(generateKeyPair);

export type SigningAlg = 'RS256' | 'ES256';
export const SIGNING_ALGS: readonly SigningAlg[] = ['RS256', 'ES256'];

interface SigningKeyRow {
  readonly alg: SigningAlg;
  readonly createdAt: number;
  /** The private JWK, AAD = kid. */
  readonly sealed: string;
}

export interface SigningKey {
  readonly [member: string]: unknown;
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly kty: string;
}

interface KeyDeps {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
}

/** Private JWKs of the app, RS256 first. Makes what is missing. */
export async function signingKeys(app: App, deps: KeyDeps): Promise<readonly SigningKey[]> {
  return Promise.all(SIGNING_ALGS.map((alg) => signingKey(app, alg, deps)));
}

async function signingKey(app: App, alg: SigningAlg, deps: KeyDeps): Promise<SigningKey> {
  const { store, keyring, clock } = deps;
  const slot = `${alg}:1`;
  const row = await store.records.findByKey<SigningKeyRow>(app.id, 'signing_key', slot, clock.now());
  if (row) return JSON.parse(keyring.open(app.id, `signing_key:${row.id}`, row.data.sealed));
  const kid = randomToken();
  const jwk = { ...(await privateJwk(alg)), kid, alg, use: 'sig' };
  const data: SigningKeyRow = {
    alg,
    createdAt: clock.now(),
    sealed: keyring.seal(app.id, `signing_key:${kid}`, JSON.stringify(jwk)),
  };
  try {
    await store.records.insert(app.id, 'signing_key', { id: kid, key: slot, data }, clock.now());
  } catch (error) {
    if (!(error instanceof StoreConflict)) throw error;
  }
  return signingKey(app, alg, deps);
}

async function privateJwk(alg: SigningAlg): Promise<object> {
  const encoding = {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  } as const;
  const { privateKey } =
    alg === 'RS256'
      ? await generate('rsa', { modulusLength: 2048, ...encoding })
      : await generate('ec', { namedCurve: 'P-256', ...encoding });
  return createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
}
