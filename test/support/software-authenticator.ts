/**
 * An authenticator in software: makes keys and signs what it is told, right or wrong, for the shapes that no real one makes.
 * Builds its answers by WebAuthn §6.1 and §6.5; CBOR by the library's own helper.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';

type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'ES384';

const COSE_ALGORITHM: Record<Algorithm, number> = { ES256: -7, EdDSA: -8, RS256: -257, ES384: -35 };

export interface Key {
  readonly id: string;
  readonly algorithm: Algorithm;
  readonly privateKey: KeyObject;
  /** COSE_Key. */
  readonly publicKey: Uint8Array;
}

export interface Ask {
  readonly origin: string;
  readonly rpId: string;
  readonly challenge: string;
}

/** What to do otherwise than an honest authenticator would. */
export interface Wrongs {
  readonly type?: string;
  readonly counter?: number;
  readonly userVerified?: boolean;
  readonly userPresent?: boolean;
  readonly isSyncable?: boolean;
  readonly aaguid?: string;
  readonly clientData?: object;
  readonly attestation?: 'none' | 'packed' | 'packed-forged' | 'unknown';
  readonly trailing?: number;
}

const b64u = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes: string | Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

export function makeKey(algorithm: Algorithm = 'ES256', id = b64u(randomBytes(32))): Key {
  const pair =
    algorithm === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : algorithm === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384' });
  const { privateKey, publicKey } = pair;
  return { id, algorithm, privateKey, publicKey: coseOf(publicKey, algorithm) };
}

function coseOf(publicKey: KeyObject, algorithm: Algorithm): Uint8Array {
  const jwk = publicKey.export({ format: 'jwk' });
  const bytes = (value: string | undefined) => new Uint8Array(Buffer.from(value ?? '', 'base64url'));
  const key = new Map<number, number | Uint8Array>([[3, COSE_ALGORITHM[algorithm]]]);
  if (algorithm === 'RS256') {
    key.set(1, 3).set(-1, bytes(jwk.n)).set(-2, bytes(jwk.e));
  } else if (algorithm === 'EdDSA') {
    key.set(1, 1).set(-1, 6).set(-2, bytes(jwk.x));
  } else {
    key
      .set(1, 2)
      .set(-1, algorithm === 'ES256' ? 1 : 2)
      .set(-2, bytes(jwk.x))
      .set(-3, bytes(jwk.y));
  }
  return isoCBOR.encode(key);
}

const signWith = ({ privateKey, algorithm }: Key, data: Uint8Array): Buffer =>
  sign(algorithm === 'EdDSA' ? null : algorithm === 'ES384' ? 'sha384' : 'sha256', data, privateKey);

function clientDataOf(type: string, { challenge, origin }: Ask, wrongs: Wrongs): Buffer {
  const data = { type: wrongs.type ?? type, challenge, origin, crossOrigin: false, ...wrongs.clientData };
  return Buffer.from(JSON.stringify(data));
}

function authData(rpId: string, wrongs: Wrongs, counter: number, credential?: Buffer): Buffer {
  const { userPresent = true, userVerified = true, isSyncable = false } = wrongs;
  const flags =
    (userPresent ? 0x01 : 0) |
    (userVerified ? 0x04 : 0) |
    (isSyncable ? 0x18 : 0) |
    (credential === undefined ? 0 : 0x40);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(wrongs.counter ?? counter);
  const rest = Buffer.alloc(wrongs.trailing ?? 0);
  return Buffer.concat([sha256(rpId), Buffer.from([flags]), count, credential ?? Buffer.alloc(0), rest]);
}

/** Fields of the form that a page would send after `navigator.credentials.create`. */
export function register(key: Key, ask: Ask, wrongs: Wrongs = {}): Record<string, string> {
  const id = Buffer.from(key.id, 'base64url');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(id.length);
  const aaguid = Buffer.from((wrongs.aaguid ?? '0'.repeat(32)).replaceAll('-', ''), 'hex');
  const data = authData(ask.rpId, wrongs, 0, Buffer.concat([aaguid, length, id, Buffer.from(key.publicKey)]));
  const clientData = clientDataOf('webauthn.create', ask, wrongs);
  const [fmt, attStmt] = statementOf(key, data, clientData, wrongs.attestation ?? 'none');
  const attestation = isoCBOR.encode(
    new Map<string, string | Map<string, number | Uint8Array> | Uint8Array>([
      ['fmt', fmt],
      ['attStmt', attStmt],
      ['authData', new Uint8Array(data)],
    ]),
  );
  return {
    id: key.id,
    client_data: b64u(clientData),
    attestation: b64u(attestation),
    transports: 'internal,hybrid',
  };
}

function statementOf(
  key: Key,
  data: Buffer,
  clientData: Buffer,
  kind: NonNullable<Wrongs['attestation']>,
): [string, Map<string, number | Uint8Array>] {
  if (kind === 'none') return ['none', new Map()];
  if (kind === 'unknown') return ['homemade', new Map()];
  const signer = kind === 'packed' ? key : makeKey(key.algorithm);
  const sig = signWith(signer, Buffer.concat([data, sha256(clientData)]));
  return [
    'packed',
    new Map<string, number | Uint8Array>([
      ['alg', COSE_ALGORITHM[key.algorithm]],
      ['sig', new Uint8Array(sig)],
    ]),
  ];
}

/** Fields of the form that a page would send after `navigator.credentials.get`. */
export function assert(key: Key, ask: Ask, handle?: string, wrongs: Wrongs = {}): Record<string, string> {
  const data = authData(ask.rpId, wrongs, 0);
  const clientData = clientDataOf('webauthn.get', ask, wrongs);
  const signature = signWith(key, Buffer.concat([data, sha256(clientData)]));
  return {
    id: key.id,
    client_data: b64u(clientData),
    authenticator_data: b64u(data),
    signature: b64u(signature),
    ...(handle === undefined ? {} : { user_handle: handle }),
  };
}
