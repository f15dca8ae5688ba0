/** Tells typed and copied secrets from random ones, so that no server starts with one from a manual (RL-20). */

/** In 32 random bytes fewer than 18 different values do not occur (below 1 in 10^8), nor text alone (1 in 10^13). */
export function isGuessableKey(key: Buffer): boolean {
  const isText = key.every((byte) => byte >= 0x20 && byte <= 0x7e);
  const step = (key[1] ?? 0) - (key[0] ?? 0);
  const isRamp = key.every((byte, index) => index === 0 || byte === (((key[index - 1] ?? 0) + step) & 0xff));
  return isText || isRamp || new Set(key).size < 18;
}

const PLACEHOLDER =
  /example|change[-_ ]?me|placeholder|replace|your[-_ ]|secret|password|0123456789|abcdefgh/i;

/** 32 random characters of hex hold at least 8 different ones with all but certainty. */
export function isGuessableText(secret: string): boolean {
  return PLACEHOLDER.test(secret) || new Set(secret).size < 8;
}
