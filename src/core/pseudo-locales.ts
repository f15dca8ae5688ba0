/**
 * Two languages that nobody speaks, made from English by rule and never stored, so that they cannot fall behind: `qps-ploc` is
 * long, `qps-plocm` runs from right to left. For tests and development.
 */
import { type Locale, PLACEHOLDER } from './texts.ts';

export function pseudoLocalesOf(english: Readonly<Record<string, string>>): readonly Locale[] {
  const changed = (change: (text: string) => string): Record<string, string> =>
    Object.fromEntries(Object.entries(english).map(([key, text]) => [key, change(text)]));
  return [
    { tag: 'qps-ploc', dir: 'ltr', texts: changed(lengthened) },
    { tag: 'qps-plocm', dir: 'rtl', texts: changed(mirrored) },
  ];
}

const PLAIN = 'AaBCcDdEeGgIiJjKkLlNnOoRrSsTtUuWwYyZz';
const ACCENTED = 'ÅåßÇçÐðÉéĜĝÎîĴĵĶķĻļÑñÖöŔŕŠšŢţÛûŴŵÝýŽž';
const accents = new Map([...PLAIN].map((letter, at) => [letter, [...ACCENTED][at] ?? letter]));

const accented = (text: string): string => [...text].map((letter) => accents.get(letter) ?? letter).join('');

/** Translations are up to about 40 % longer than English; the brackets show text that was cut. */
function lengthened(text: string): string {
  const filling = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor ';
  const extra = Math.ceil(text.replace(PLACEHOLDER, '').length * 0.4);
  const padding = filling
    .repeat(Math.ceil(extra / filling.length))
    .slice(0, extra)
    .trim();
  return `[${outsidePlaceholders(text, accented)} ${padding}]`;
}

/** RIGHT-TO-LEFT OVERRIDE around our own words makes English run from the right, as Arabic or Hebrew would. */
const mirrored = (text: string): string =>
  outsidePlaceholders(text, (piece) => (piece.trim() === '' ? piece : `\u202e${piece}\u202c`));

function outsidePlaceholders(text: string, change: (piece: string) => string): string {
  return text
    .split(/(\{[a-z_]+\})/)
    .map((piece, at) => (at % 2 === 1 ? piece : change(piece)))
    .join('');
}
