/** Argon2 (RFC 9106) by node:crypto: what Postern hashes with, and what it verifies from elsewhere. */
import { argon2 } from 'node:crypto';
import { randomBuffer } from '../../../core/random.ts';
import { formatPhc, parsePhc } from './phc.ts';
import type { Verifier } from './verifier.ts';

export interface Cost {
  /** KiB */
  readonly memory: number;
  readonly passes: number;
}

const VERSION = 19;
const TAG_BYTES = 32;
const SALT_BYTES = 16;
/** A stored hash decides how much work it is: more than these would let an import stop the house (AC-16). */
const MAX = { memory: 1024 * 1024, passes: 20, lanes: 16 } as const;

export async function hashArgon2id(password: Buffer, { memory, passes }: Cost): Promise<string> {
  const salt = randomBuffer(SALT_BYTES);
  const parameters = { m: memory, t: passes, p: 1 };
  const hash = await derive('argon2id', password, { salt, parameters, bytes: TAG_BYTES });
  return formatPhc({ id: 'argon2id', version: VERSION, parameters, salt, hash });
}

/** Whether a hash of ours was made with at least this cost. */
export function isAsStrong(text: string, { memory, passes }: Cost): boolean {
  const phc = parsePhc(text);
  if (phc?.id !== 'argon2id') return false;
  const { m = 0, t = 0 } = phc.parameters;
  return m >= memory && t >= passes;
}

export function readArgon2(text: string): Verifier | undefined {
  const phc = parsePhc(text);
  if (!phc || !isAlgorithm(phc.id) || (phc.version ?? VERSION) !== VERSION) return undefined;
  const { id, salt, hash, parameters } = phc;
  const { m = 0, t = 0, p = 0 } = parameters;
  const isBounded = m >= 8 * p && m <= MAX.memory && t >= 1 && t <= MAX.passes && p >= 1 && p <= MAX.lanes;
  if (!isBounded || salt.length < 8 || hash.length < 16 || hash.length > 64) return undefined;
  return {
    kind: id,
    expected: hash,
    derive: (password) => derive(id, password, { salt, parameters, bytes: hash.length }),
  };
}

type Algorithm = 'argon2d' | 'argon2i' | 'argon2id';

const isAlgorithm = (id: string): id is Algorithm => /^argon2(?:d|i|id)$/.test(id);

interface Input {
  readonly salt: Buffer;
  readonly parameters: Readonly<Record<string, number>>;
  readonly bytes: number;
}

function derive(algorithm: Algorithm, message: Buffer, { salt, parameters, bytes }: Input): Promise<Buffer> {
  const { m: memory = 0, t: passes = 0, p: parallelism = 1 } = parameters;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options = { message, nonce: salt, parallelism, tagLength: bytes, memory, passes };
  argon2(algorithm, options, (fault, tag) => (fault ? reject(fault) : resolve(tag)));
  return promise;
}
