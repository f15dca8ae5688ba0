/** One stored hash, read: what it takes to compare a password with it. */
export interface Verifier {
  /** For the log of upgrades: `bcrypt`, `scrypt`. */
  readonly kind: string;
  readonly expected: Buffer;
  derive(password: Buffer): Promise<Buffer>;
}
