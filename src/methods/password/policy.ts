/**
 * Which passwords are taken (NIST SP 800-63B-4 §3.1.1.2): length, and none that is guessed first. No rules of composition,
 * nothing is cut off; Unicode counts by character and is compared in NFC (AC-15).
 */

/** Characters. */
export const MAX_LENGTH = 256;
/** Bytes of the largest that is looked at at all. */
const MAX_BYTES = 1024;
/** What is left of a password without the name of the app or of its owner has to stand alone. */
const MIN_REST = 8;
/** Different characters. */
const MIN_DISTINCT = 5;

export type PasswordFault = 'too_short' | 'too_long' | 'too_common' | 'too_personal';

export interface PasswordContext {
  readonly minLength: number;
  /** Words that an attacker tries first: names of the app, parts of the address. */
  readonly words: readonly string[];
}

/** As it is hashed; undefined for what is no password at all, such as a megabyte. */
export function passwordBytes(typed: string | undefined): Buffer | undefined {
  if (typed === undefined || typed === '' || typed.length > MAX_BYTES) return undefined;
  const bytes = Buffer.from(typed.normalize('NFC'), 'utf8');
  return bytes.length <= MAX_BYTES ? bytes : undefined;
}

export async function faultOf(typed: string, context: PasswordContext): Promise<PasswordFault | undefined> {
  const password = typed.normalize('NFC');
  const length = [...password].length;
  if (length < context.minLength) return 'too_short';
  if (length > MAX_LENGTH || passwordBytes(typed) === undefined) return 'too_long';
  const common = await commonPasswords();
  if (formsOf(password).some((form) => common.has(form)) || new Set(password).size < MIN_DISTINCT)
    return 'too_common';
  return isPersonal(password, context.words) ? 'too_personal' : undefined;
}

/** As written, without what is put behind to please rules, and the piece that is only repeated. */
function formsOf(password: string): readonly string[] {
  const lower = password.toLowerCase();
  const bare = lower.replace(/[\d\p{P}\p{S}]+$/u, '');
  return [lower, bare, pieceOf(lower)].filter((form) => form !== '');
}

/** The shortest beginning of which the whole is made by repeating it. */
function pieceOf(text: string): string {
  for (let length = 1; length <= text.length / 2; length += 1) {
    const piece = text.slice(0, length);
    if (piece.repeat(Math.ceil(text.length / length)).startsWith(text)) return piece;
  }
  return text;
}

function isPersonal(password: string, words: readonly string[]): boolean {
  const lower = password.toLowerCase();
  const rest = words
    .map((word) => word.toLowerCase())
    .filter((word) => word.length >= 4)
    .reduce((left, word) => left.replaceAll(word, ''), lower);
  return rest !== lower && [...rest].length < MIN_REST;
}

let common: Promise<ReadonlySet<string>> | undefined;

/** Some 49,000, most used first; half a megabyte, loaded for the first password that is chosen. */
function commonPasswords(): Promise<ReadonlySet<string>> {
  common ??= import('@zxcvbn-ts/language-common').then(
    ({ dictionary }) => new Set(dictionary['passwords-common']),
  );
  return common;
}
