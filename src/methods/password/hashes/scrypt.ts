/**
 * scrypt as others store it: PHC `$scrypt$ln=…,r=…,p=…$salt$hash` (passlib), and Firebase's own: an AES key is derived by
 * scrypt and encrypts the project's signer key; written here as
 * `firebase-scrypt$<rounds>$<memory cost>$<salt>$<salt separator>$<signer key>$<hash>`.
 */
import { createCipheriv, type ScryptOptions, scrypt } from 'node:crypto';
import { fromBase64, parsePhc } from './phc.ts';
import type { Verifier } from './verifier.ts';

const MAX_MEMORY = 512 * 1024 * 1024;

export function readScrypt(text: string): Verifier | undefined {
  return text.startsWith('$scrypt$') ? readPhc(text) : readFirebase(text);
}

function readPhc(text: string): Verifier | undefined {
  const phc = parsePhc(text);
  if (!phc) return undefined;
  const { ln = 0, r = 0, p = 0 } = phc.parameters;
  const cost = costOf(ln, r, p);
  const { salt, hash } = phc;
  if (!cost || hash.length < 16 || hash.length > 128) return undefined;
  return { kind: 'scrypt', expected: hash, derive: (password) => derive(password, salt, hash.length, cost) };
}

const FIREBASE =
  /^firebase-scrypt\$(\d{1,2})\$(\d{1,2})\$([^$]{1,128})\$([^$]{0,64})\$([^$]{20,256})\$([^$]{20,256})$/;

function readFirebase(text: string): Verifier | undefined {
  const [, rounds, memory, salt, separator = '', signer, hash] = FIREBASE.exec(text) ?? [];
  if (!rounds || !memory || !salt || !signer || !hash) return undefined;
  const cost = costOf(Number(memory), Number(rounds), 1);
  if (!cost) return undefined;
  const salted = Buffer.concat([urlSafe(salt), urlSafe(separator)]);
  const key = urlSafe(signer);
  return {
    kind: 'firebase-scrypt',
    expected: urlSafe(hash),
    derive: async (password) => {
      const derived = await derive(password, salted, 32, cost);
      const cipher = createCipheriv('aes-256-ctr', derived, Buffer.alloc(16));
      return Buffer.concat([cipher.update(key), cipher.final()]);
    },
  };
}

const urlSafe = (text: string): Buffer => fromBase64(text.replaceAll('-', '+').replaceAll('_', '/'));

function costOf(ln: number, r: number, p: number): ScryptOptions | undefined {
  const isFormed = ln >= 1 && ln <= 22 && r >= 1 && r <= 64 && p >= 1 && p <= 16;
  const memory = 128 * 2 ** ln * r * p;
  return isFormed && memory <= MAX_MEMORY
    ? { N: 2 ** ln, r, p, maxmem: 2 * memory + 1024 * 1024 }
    : undefined;
}

function derive(password: Buffer, salt: Buffer, bytes: number, cost: ScryptOptions): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(password, salt, bytes, cost, (fault, key) => (fault ? reject(fault) : resolve(key)));
  return promise;
}
