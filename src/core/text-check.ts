/**
 * What a language may not get wrong, whatever it says: keys, plural forms, placeholders, quotes, blanks. Used by `npm run
 * check` and by the tests, so that a new language needs no test of its own.
 */
import { PLACEHOLDER, PLURAL_FORMS } from './texts.ts';

type Texts = Readonly<Record<string, string>>;

const FORM = new RegExp(`\\.(${PLURAL_FORMS.join('|')})$`);
/** Forms for one exact number may say it in words: "one try left". */
const EXACT_FORMS = new Set(['zero', 'one', 'two']);
const MARKUP = /[<>]|&#?\w+;/;
/** As many of the texts may read as in English: names and words that two languages share. */
const MAX_EQUAL_SHARE = 0.03;

const QUOTES: readonly (readonly [string, string])[] = [
  ['«', '»'],
  ['„', '“”'],
  ['「', '」'],
  ['『', '』'],
];
/** Before these French sets a blank that does not break, behind `«` too. */
const FRENCH_MARKS = /(?<![\u00a0\u202f])[:;?!»]|«(?![\u00a0\u202f])/;

export const baseOf = (key: string): string => key.replace(FORM, '');
const formOf = (key: string): string | undefined => FORM.exec(key)?.[1];
const placeholdersOf = (text: string): string[] => [...new Set(text.match(PLACEHOLDER) ?? [])].sort();

/** Every fault of one language, each with its key. An empty list is a good language. */
export function textFaults(tag: string, texts: Texts, english: Texts): string[] {
  return [
    ...missingFaults(tag, texts, english),
    ...orderFaults(texts, english),
    ...Object.entries(texts).flatMap(([key, text]) => [
      ...placeholderFaults(key, text, english),
      ...writingFaults(tag, text).map((fault) => `${key}: ${fault}`),
    ]),
  ];
}

/** Undefined while few enough texts equal the English; else the keys that do. */
export function equalShareFault(tag: string, texts: Texts, english: Texts): string | undefined {
  const equal = Object.keys(texts).filter((key) => tag !== 'en' && texts[key] === english[key]);
  const share = equal.length / Math.max(1, Object.keys(texts).length);
  if (share < MAX_EQUAL_SHARE) return undefined;
  return `${(share * 100).toFixed(1)} % of the texts equal the English: ${equal.slice(0, 10).join(', ')}`;
}

function missingFaults(tag: string, texts: Texts, english: Texts): string[] {
  const forms = pluralFormsOf(tag);
  const wanted = [...new Set(Object.keys(english).map(baseOf))].flatMap((base) =>
    `${base}.other` in english ? forms.map((form) => `${base}.${form}`) : [base],
  );
  const known = new Set(wanted);
  return [
    ...wanted.filter((key) => !Object.hasOwn(texts, key)).map((key) => `${key}: is missing`),
    ...Object.keys(texts)
      .filter((key) => !known.has(key))
      .map((key) => `${key}: is not used in this language`),
  ];
}

/** In the order of our own list, so that files can be compared. */
function pluralFormsOf(tag: string): string[] {
  const needed = new Set<string>(new Intl.PluralRules(tag).resolvedOptions().pluralCategories);
  return PLURAL_FORMS.filter((form) => needed.has(form));
}

function orderFaults(texts: Texts, english: Texts): string[] {
  const bases = (of: Texts): string[] => [...new Set(Object.keys(of).map(baseOf))];
  const own = new Set(bases(texts));
  const wanted = bases(english).filter((base) => own.has(base));
  const there = bases(texts).filter((base) => wanted.includes(base));
  const at = wanted.findIndex((base, index) => base !== there[index]);
  return at < 0 ? [] : [`${there[at]}: stands elsewhere in English, where ${wanted[at]} comes here`];
}

/** Wrong placeholders of one text; none for a key that English lacks. */
export function placeholderFaults(key: string, text: string, english: Texts): string[] {
  const source = english[key] ?? english[`${baseOf(key)}.other`];
  if (source === undefined) return [];
  const wanted = placeholdersOf(source);
  const there = placeholdersOf(text);
  const mayLack = EXACT_FORMS.has(formOf(key) ?? '') ? '{count}' : '';
  return [
    ...wanted
      .filter((name) => !there.includes(name) && name !== mayLack)
      .map((name) => `${key}: lacks ${name}`),
    ...there
      .filter((name) => !wanted.includes(name))
      .map((name) => `${key}: has ${name}, which is never filled in`),
  ];
}

function writingFaults(tag: string, text: string): string[] {
  return [
    text === '' && 'is empty',
    MARKUP.test(text) && 'holds markup',
    (text !== text.trim() || / {2}|\s\n|\n/.test(text)) && 'has blanks at its ends, doubled, or a line break',
    /["'`]/.test(text) && 'has straight quotes',
    text !== text.normalize('NFC') && 'is not in normal form NFC',
    QUOTES.some(([open, close]) => count(text, open) !== count(text, close, open)) &&
      'has quotes that do not match',
    tag === 'fr' && FRENCH_MARKS.test(text) && 'lacks a non-breaking blank before : ; ? ! » or behind «',
    unpaired(text) && 'has a brace without its other half',
  ].filter((fault) => fault !== false);
}

const count = (text: string, marks: string, unless = ''): number =>
  // English and Turkish open with what German closes with: only texts that open with ours are counted.
  unless !== '' && !text.includes(unless) && marks.length > 1
    ? 0
    : [...text].filter((character) => marks.includes(character)).length;

const unpaired = (text: string): boolean => /[{}]/.test(text.replace(PLACEHOLDER, ''));
