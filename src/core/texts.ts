/**
 * The one machinery of texts for people, pages and mails alike: fills in values, picks the plural form, writes numbers.
 * Reads no files: a catalogue (`catalogue.ts`) is given its texts.
 */

export type TextValues = Readonly<Record<string, string | number>>;

export interface Locale {
  /** As in the name of its file. */
  readonly tag: string;
  readonly dir: 'ltr' | 'rtl';
  readonly texts: Readonly<Record<string, string>>;
}

/** The keys of a file of texts; one with plural forms is named without its form: `check_mail.tries_left`. */
export type KeyOf<Texts> = keyof Texts extends infer Key
  ? Key extends `${infer Base}.one` | `${infer Base}.other`
    ? Base
    : Key
  : never;

/** A piece of a text: either ours, or a value that was filled in and must be treated as hostile (ML-73). */
export interface TextPart {
  readonly text: string;
  readonly isValue: boolean;
}

export const PLACEHOLDER = /\{([a-z_]+)\}/g;
export const PLURAL_FORMS = ['zero', 'one', 'two', 'few', 'many', 'other'] as const;

/** What Intl is told where a language is only generated: English underneath. */
const PSEUDO = /^qps-/;
const UNDERNEATH = 'en';

/** FIRST STRONG ISOLATE, POP DIRECTIONAL ISOLATE: what `<bdi>` is to HTML, for plain text (UAX #9). */
const FSI = '\u2068';
const PDI = '\u2069';
const RTL_LETTER = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** The text with its values, as plain text: the caller escapes it. Throws when a value is missing: that is our fault. */
export function textOf(locale: Locale, key: string, values: TextValues = {}): string {
  return partsOf(locale, key, values)
    .map((part) => part.text)
    .join('');
}

/**
 * Like `textOf`, each value isolated where it may run the other way than the words around it: for plain text, subjects and
 * attributes, which have no `<bdi>`.
 */
export function isolatedTextOf(locale: Locale, key: string, values: TextValues = {}): string {
  return partsOf(locale, key, values)
    .map(({ text, isValue }) => (isValue ? isolated(locale, text) : text))
    .join('');
}

const isolated = (locale: Locale, value: string): string =>
  locale.dir === 'rtl' || RTL_LETTER.test(value) ? `${FSI}${value}${PDI}` : value;

/** Like `textOf`, but values stay apart from our own words, so that a page can isolate them. */
export function partsOf(locale: Locale, key: string, values: TextValues = {}): readonly TextPart[] {
  const parts = piecesOf(templateFor(locale, key, values.count)).map((piece) => {
    if (typeof piece === 'string') return { text: piece, isValue: false };
    const value = values[piece.name];
    if (value === undefined) throw new Error(`text ${key} needs a value for {${piece.name}}`);
    return { text: typeof value === 'number' ? numberFormatOf(locale).format(value) : value, isValue: true };
  });
  return parts.filter((part) => part.text !== '');
}

/** Our own words, or the name of a value between them. */
type Piece = string | { readonly name: string };

/** Every text is taken apart once; there are only as many as the files and the configuration hold. */
const piecesByTemplate = new Map<string, readonly Piece[]>();

function piecesOf(template: string): readonly Piece[] {
  const known = piecesByTemplate.get(template);
  if (known) return known;
  // Every second part is what the group of the pattern caught.
  const pieces = template
    .split(PLACEHOLDER)
    .map((part, at): Piece => (at % 2 === 1 ? { name: part } : part))
    .filter((piece) => piece !== '');
  piecesByTemplate.set(template, pieces);
  return pieces;
}

function templateFor(locale: Locale, key: string, count: string | number | undefined): string {
  const plural = typeof count === 'number' ? pluralRulesOf(locale).select(count) : undefined;
  const template =
    (plural && (textAt(locale, `${key}.${plural}`) ?? textAt(locale, `${key}.other`))) ?? textAt(locale, key);
  if (template === undefined) throw new Error(`no text for ${key}`);
  return template;
}

const textAt = ({ texts }: Locale, key: string): string | undefined =>
  Object.hasOwn(texts, key) ? texts[key] : undefined;

/** For `<html lang>` and `Content-Language`, to which `qps` means nothing. */
export const languageTag = (locale: Locale): string => (PSEUDO.test(locale.tag) ? UNDERNEATH : locale.tag);

/**
 * For Intl: the digits of the code, of addresses and of times are the same on every page, so all others are too. Arabic
 * would otherwise mix two sets of digits in one sentence.
 */
export const intlTag = (locale: Locale): string => `${languageTag(locale)}-u-nu-latn`;

/** Made once for each language: making one costs more than a text. */
function keptByTag<Made>(make: (tag: string) => Made): (locale: Locale) => Made {
  const made = new Map<string, Made>();
  return (locale) => {
    const known = made.get(locale.tag);
    if (known !== undefined) return known;
    const fresh = make(intlTag(locale));
    made.set(locale.tag, fresh);
    return fresh;
  };
}

const pluralRulesOf = keptByTag((tag) => new Intl.PluralRules(tag));
const numberFormatOf = keptByTag((tag) => new Intl.NumberFormat(tag));

/** Where the person is nobody told us: times are written in UTC, and the text around them says so. */
export const momentFormatOf = keptByTag(
  (tag) => new Intl.DateTimeFormat(tag, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' }),
);
export const timeFormatOf = keptByTag(
  (tag) => new Intl.DateTimeFormat(tag, { timeStyle: 'short', timeZone: 'UTC' }),
);
