/**
 * The texts of the pages by key and language. `views/locales/en.json` is the source: its keys are the type `TextKey`, so
 * that a text that is not there does not compile. Other languages are files beside it; what they lack is English.
 * Two pseudo-locales are generated for tests and development: `qps-ploc` (long) and `qps-plocm` (right to left).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import en from '../../views/locales/en.json' with { type: 'json' };

/** A key with plural forms is named without its form: `check_mail.tries_left`. */
export type TextKey = keyof typeof en extends infer Key
  ? Key extends `${infer Base}.one` | `${infer Base}.other`
    ? Base
    : Key
  : never;

export type TextValues = Readonly<Record<string, string | number>>;

export interface Locale {
  /** As in the name of its file. */
  readonly tag: string;
  readonly dir: 'ltr' | 'rtl';
  readonly texts: Readonly<Record<string, string>>;
}

/** A piece of a text: either ours, or a value that was filled in and must be treated as hostile (ML-73). */
export interface TextPart {
  readonly text: string;
  readonly isValue: boolean;
}

const FOLDER = fileURLToPath(new URL('../../views/locales/', import.meta.url));
const PLACEHOLDER = /\{([a-z_]+)\}/g;
const RTL_SCRIPTS = new Set(['Arab', 'Hebr', 'Syrc', 'Thaa', 'Nkoo', 'Adlm', 'Rohg', 'Mand', 'Samr']);
const DEFAULT_TAG = 'en';

let stored: ReadonlyMap<string, Locale> | undefined;
let pseudo: ReadonlyMap<string, Locale> | undefined;

/** Languages that there are texts for, by lower-case tag. */
export function storedLocales(): ReadonlyMap<string, Locale> {
  stored ??= new Map(
    readdirSync(FOLDER)
      .filter((file) => file.endsWith('.json'))
      .map((file) => {
        const tag = file.slice(0, -'.json'.length);
        return [tag.toLowerCase(), { tag, dir: directionOf(tag), texts: { ...en, ...readTexts(file) } }];
      }),
  );
  return stored;
}

/**
 * The first wanted language that there is, by the lookup of RFC 4647 §3.4: each range is shortened from its end before
 * the next one is tried. English when none fits.
 */
export function negotiate(wanted: readonly string[], options: { pseudo?: boolean } = {}): Locale {
  const available = options.pseudo ? new Map([...storedLocales(), ...pseudoLocales()]) : storedLocales();
  for (const range of wanted) {
    for (let tag = range.toLowerCase(); tag !== ''; tag = shortened(tag)) {
      const found = available.get(tag);
      if (found) return found;
    }
  }
  const fallback = available.get(DEFAULT_TAG);
  if (!fallback) throw new Error(`no texts for ${DEFAULT_TAG}`);
  return fallback;
}

/** The text with its values, as plain text: the caller escapes it. Throws when a value is missing: that is our fault. */
export function translate(locale: Locale, key: TextKey, values: TextValues = {}): string {
  return translateParts(locale, key, values)
    .map((part) => part.text)
    .join('');
}

/** Like `translate`, but values stay apart from our own words, so that a page can isolate them. */
export function translateParts(locale: Locale, key: TextKey, values: TextValues = {}): readonly TextPart[] {
  const parts = piecesOf(templateFor(locale, key, values.count)).map((piece) => {
    if (typeof piece === 'string') return { text: piece, isValue: false };
    const value = values[piece.name];
    if (value === undefined) throw new Error(`text ${key} needs a value for {${piece.name}}`);
    return { text: shown(locale, value), isValue: true };
  });
  return parts.filter((part) => part.text !== '');
}

/** Our own words, or the name of a value between them. */
type Piece = string | { readonly name: string };

/** Every text is taken apart once; there are only as many as the files hold. */
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

function templateFor(locale: Locale, key: TextKey, count: string | number | undefined): string {
  const plural =
    typeof count === 'number' ? new Intl.PluralRules(languageTag(locale)).select(count) : undefined;
  const template =
    (plural && (locale.texts[`${key}.${plural}`] ?? locale.texts[`${key}.other`])) ?? locale.texts[key];
  if (template === undefined) throw new Error(`no text for ${key}`);
  return template;
}

function shown(locale: Locale, value: string | number): string {
  return typeof value === 'number' ? new Intl.NumberFormat(languageTag(locale)).format(value) : value;
}

/** For Intl and `<html lang>`, to which `qps` means nothing: the pseudo-locales are English underneath. */
export const languageTag = (locale: Locale): string =>
  locale.tag.startsWith('qps-') ? DEFAULT_TAG : locale.tag;

/** RFC 4647 §3.4: a single letter or digit left at the end goes together with what followed it. */
const shortened = (tag: string): string => tag.replace(/(?:-[a-z0-9])?-[^-]*$|^[^-]*$/, '');

function readTexts(file: string): Record<string, string> {
  const texts: unknown = JSON.parse(readFileSync(`${FOLDER}${file}`, 'utf8'));
  if (typeof texts !== 'object' || texts === null) throw new Error(`${file} holds no texts`);
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, String(text)]));
}

function directionOf(tag: string): 'ltr' | 'rtl' {
  return RTL_SCRIPTS.has(new Intl.Locale(tag).maximize().script ?? '') ? 'rtl' : 'ltr';
}

/** Made from English by rule, never stored: they cannot fall behind. */
export function pseudoLocales(): ReadonlyMap<string, Locale> {
  pseudo ??= new Map<string, Locale>([
    ['qps-ploc', { tag: 'qps-ploc', dir: 'ltr', texts: mapTexts(lengthened) }],
    ['qps-plocm', { tag: 'qps-plocm', dir: 'rtl', texts: mapTexts(mirrored) }],
  ]);
  return pseudo;
}

const mapTexts = (change: (text: string) => string): Record<string, string> =>
  Object.fromEntries(Object.entries(en).map(([key, text]) => [key, change(text)]));

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
