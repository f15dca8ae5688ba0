/** Values that somebody else wrote, on their way into a mail or a header (ML-61, ML-73). */

const BREAKS = /[\p{Cc}\u2028\u2029]+/gu;
/** Rearrange or hide text: direction marks and overrides, zero-width blanks, byte order mark. Joiners of emoji stay. */
const INVISIBLE =
  /[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;
/** What mail programs make links of: dots (their Unicode relatives too), at-signs and the colon behind a scheme. */
const LINK_JOINTS = /([.\u3002\uff0e\uff61@:])(?=[^\s])/gu;
const ZERO_WIDTH_SPACE = '\u200b';

/** One line without control or direction characters, at most `max` characters. */
export function oneLine(text: string, max = 100): string {
  const line = text.normalize('NFC').replace(BREAKS, ' ').replace(INVISIBLE, '').replace(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length <= max ? line : `${characters.slice(0, max - 1).join('')}…`;
}

/** Reads the same, but no mail program makes a link, an address or a telephone scheme of it. */
export const unlinked = (line: string): string => line.replace(LINK_JOINTS, `$1${ZERO_WIDTH_SPACE}`);
