/** Keys of clients in tests, and what is signed with them: assertions (RFC 7523) and DPoP proofs (RFC 9449). */
import { createHash, randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Sender } from './relying-party.ts';

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface ClientKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function newKey(alg = 'ES256'): Promise<ClientKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const kid = randomUUID();
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

const nowS = (): number => Math.floor(Date.now() / 1000);

/** Claims that are undefined are left out. */
export function assertion(
  key: ClientKey,
  clientId: string,
  audience: unknown,
  claims: object = {},
  header: object = {},
): Promise<string> {
  const now = nowS();
  const all = {
    iss: clientId,
    sub: clientId,
    aud: audience,
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
    ...claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(all)))
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(key.privateKey);
}

export const assertionParams = (client_assertion: string): Record<string, string> => ({
  client_assertion_type: ASSERTION_TYPE,
  client_assertion,
});

export function proof(
  key: ClientKey,
  method: string,
  url: string,
  {
    accessToken,
    ...claims
  }: { readonly accessToken?: string | undefined; readonly [claim: string]: unknown } = {},
  header: object = {},
): Promise<string> {
  const { alg: _, kid: __, use: ___, ...jwk } = key.jwk;
  const all = {
    htm: method,
    htu: url,
    jti: randomUUID(),
    iat: nowS(),
    ...(accessToken === undefined ? {} : { ath: hashOf(accessToken) }),
    ...claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(all)))
    .setProtectedHeader({ alg: key.alg, typ: 'dpop+jwt', jwk, ...header })
    .sign(key.privateKey);
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

/** The same token with another header, signed by an ES256 key: also what no library would sign. */
export async function resigned(key: ClientKey, jwt: string, header: object): Promise<string> {
  const [head = '', payload = ''] = jwt.split('.');
  const all = { ...JSON.parse(Buffer.from(head, 'base64url').toString()), ...header };
  const input = `${Buffer.from(JSON.stringify(all)).toString('base64url')}.${payload}`;
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const signature = await crypto.subtle.sign(algorithm, key.privateKey, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}

/** Signs a fresh assertion for every request. */
export const byAssertion =
  (key: ClientKey, clientId: string, issuer: string): Sender =>
  async () => ({ params: assertionParams(await assertion(key, clientId, issuer)) });

/** Sends a fresh proof with every request. */
export const withProof =
  (key: ClientKey): Sender =>
  async ({ method, url, accessToken }) => ({
    headers: { dpop: await proof(key, method, url, { accessToken }) },
  });

/** Several of them in one request. */
export const both =
  (...senders: readonly Sender[]): Sender =>
  async (request) => {
    const parts = await Promise.all(senders.map((sender) => sender(request)));
    return {
      params: Object.assign({}, ...parts.map(({ params }) => params)),
      headers: Object.assign({}, ...parts.map(({ headers }) => headers)),
    };
  };
