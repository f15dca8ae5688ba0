/**
 * Link secret and code of a challenge: derived, never stored (design §3). The salt and the key version stand on the row,
 * so a leaked key alone opens nothing and a new master secret spoils no mail in flight.
 */

import { isSameSecret } from '../core/hash.ts';
import type { AppId, ChallengeId } from '../core/ids.ts';
import type { Keyring } from '../core/keyring.ts';
import { CODE_DIGITS } from '../core/mail-code.ts';

export interface SecretSource {
  readonly app: AppId;
  readonly id: ChallengeId;
  readonly purpose: string;
  /** 128 random bits, base64url. */
  readonly salt: string;
  readonly keyVersion: string;
}

/** 256 bits, 43 base64url characters (ML-08). */
export function linkSecret(keyring: Keyring, source: SecretSource): string {
  return derive(keyring, 'challenge-link', source).toString('base64url');
}

/**
 * What a browser that typed the code elsewhere is given: derived from its own random cookie, so that only this browser gets
 * the same one again when an answer was lost.
 */
export function passSecret(keyring: Keyring, source: SecretSource, browserSecret: string): string {
  return derive(keyring, 'challenge-pass', source, browserSecret).toString('base64url');
}

const CODES = 10 ** CODE_DIGITS;

/** Eight decimal digits. 64 bits are reduced to fewer than 27: the bias is below 2^-37. */
export function code(keyring: Keyring, source: SecretSource): string {
  const bits = derive(keyring, 'challenge-code', source).readBigUInt64BE();
  return String(bits % BigInt(CODES)).padStart(CODE_DIGITS, '0');
}

export const isLinkSecret = (keyring: Keyring, source: SecretSource, presented: string): boolean =>
  isSameSecret(linkSecret(keyring, source), presented);

export const isCode = (keyring: Keyring, source: SecretSource, presented: string): boolean =>
  isSameSecret(code(keyring, source), presented);

function derive(
  keyring: Keyring,
  label: 'challenge-link' | 'challenge-code' | 'challenge-pass',
  source: SecretSource,
  ...more: readonly string[]
): Buffer {
  return keyring.mac(source.app, label, [source.purpose, source.id, source.salt, ...more], source.keyVersion);
}
