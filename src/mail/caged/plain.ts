/** The rules of the parts without markup: the subject is one line without secrets, the link in the text stands alone. */
import type { MailFields } from '../kinds.ts';
import type { Complain } from './finding.ts';
import { indexOfMarker, MARKER, type Skeleton } from './skeleton.ts';

const SECRETS: ReadonlySet<string> = new Set(['link', 'code']);
/** Of the text part, which mail programs show in a list and on a locked screen. */
const PREVIEW = 100;

/** Gives the fields that a reader sees. */
export function checkPlain(
  { text, placeOf }: Skeleton,
  fields: MailFields,
  part: 'subject' | 'text',
  complain: Complain,
): ReadonlySet<string> {
  const names = Object.keys(fields);
  const found = new Set<string>();
  for (const match of text.matchAll(MARKER)) {
    const name = names[indexOfMarker(match[1] ?? '')] ?? '';
    const type = fields[name]?.type ?? 'text';
    found.add(name);
    if (type === 'image') {
      complain(placeOf(match.index), `{{${name}}} in the ${part}`, 'take it out: an image stands in HTML');
    }
    if (part === 'subject' && SECRETS.has(type)) {
      complain(
        placeOf(match.index),
        `{{${name}}} in the subject`,
        'a locked screen shows it: put it into the mail',
      );
    }
    if (part === 'text' && SECRETS.has(type) && visible(text.slice(0, match.index)) < PREVIEW) {
      const mend = `let at least ${PREVIEW} characters stand before it: a locked screen shows them`;
      complain(placeOf(match.index), `{{${name}}} at the beginning`, mend);
    }
    if (part === 'text' && type === 'link' && !isAlone(text, match.index, match[0].length)) {
      complain(
        placeOf(match.index),
        `{{${name}}} beside other words`,
        'put it on a line of its own: else it is cut off',
      );
    }
  }
  if (part === 'subject' && text.trim() === '') complain(placeOf(0), 'an empty subject', 'write one');
  return found;
}

/** A value counts as one character: it may be that short. */
const visible = (text: string): number => text.replace(MARKER, 'x').replace(/\s+/g, ' ').trim().length;

const isAlone = (text: string, start: number, length: number): boolean =>
  /(^|\n)[ \t]*$/.test(text.slice(0, start)) && /^[ \t]*(\r?\n|$)/.test(text.slice(start + length));
