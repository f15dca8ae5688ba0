/**
 * Which CSS a template may hold: nothing that loads, runs, or covers. Refused by word instead of parsed: escapes and
 * comments, by which words are hidden, are refused as well, so that a word is what it looks like to every mail program.
 */
const REFUSED: readonly (readonly [RegExp, reason: string, mend: string])[] = [
  [/\\/, 'a backslash in CSS, which can hide a word', 'write the character itself'],
  [/\/\*|\*\//, 'a comment in CSS, which can hide a word', 'write it as {{! … }}'],
  [/</, 'a < in CSS', 'take it out'],
  [
    /url\s*\(|image(-set)?\s*\(|src\s*:/i,
    'CSS that loads something',
    'take out url(…): nothing is loaded by a mail',
  ],
  [/@import|@font-face|@charset|@namespace/i, 'CSS that loads something', 'use the fonts that everybody has'],
  [
    /expression\s*\(|(?<![-\w])behaviou?r\s*:|-moz-binding|javascript:|vbscript:/i,
    'CSS that runs something',
    'take it out',
  ],
  [
    /position\s*:\s*(fixed|absolute|sticky)/i,
    'CSS that puts something over the rest',
    'use a table for the layout',
  ],
  [/(?<![-\w])content\s*:/i, 'CSS that writes text', 'write the text into the template'],
];

export interface StyleFault {
  /** From the beginning of the CSS. */
  readonly offset: number;
  readonly reason: string;
  readonly mend: string;
}

export function styleFaults(css: string): StyleFault[] {
  return REFUSED.flatMap(([pattern, reason, mend]) => {
    const offset = css.search(pattern);
    return offset < 0 ? [] : [{ offset, reason, mend }];
  });
}

/** Whether an element with this style is there for nobody. */
export const isHidden = (style: string): boolean =>
  /display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?![.\d]*[1-9])|max-(height|width)\s*:\s*0/i.test(
    style,
  );
