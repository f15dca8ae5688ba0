/**
 * The texts of one kind (pages, mails) in all languages. English is the source and stands in for what another language
 * lacks; an app may offer fewer languages and say some things in its own words.
 */
import { bestLanguage, directionOf } from './languages.ts';
import { pseudoLocalesOf } from './pseudo-locales.ts';
import type { Locale } from './texts.ts';

type Texts = Readonly<Record<string, string>>;

/** Texts of an app in its own words, by language and key. Kept by identity: one object per app and configuration. */
export type OwnTexts = Readonly<Record<string, Texts>>;

/** What the configuration says of an app's languages. */
export interface LanguageSettings {
  readonly locales: readonly string[];
  readonly texts: OwnTexts;
}

const MAIL_PREFIX = 'mail.';
const ofPages = new WeakMap<OwnTexts, OwnTexts>();
const ofMails = new WeakMap<OwnTexts, OwnTexts>();

export const pageLanguages = ({ locales, texts }: LanguageSettings): AppLanguages => ({
  offered: locales,
  texts: split(texts, ofPages, (key) => (key.startsWith(MAIL_PREFIX) ? undefined : key)),
});

/** Mails have files of their own, whose keys stand behind `mail.` in the configuration. */
export const mailLanguages = ({ locales, texts }: LanguageSettings): AppLanguages => ({
  offered: locales,
  texts: split(texts, ofMails, (key) =>
    key.startsWith(MAIL_PREFIX) ? key.slice(MAIL_PREFIX.length) : undefined,
  ),
});

/** The same object for the same settings: by it the languages made of them are found again. */
function split(
  texts: OwnTexts,
  made: WeakMap<OwnTexts, OwnTexts>,
  rename: (key: string) => string | undefined,
): OwnTexts {
  const known = made.get(texts);
  if (known) return known;
  const fresh: Record<string, Texts> = {};
  for (const [tag, own] of Object.entries(texts)) {
    const chosen = Object.entries(own).flatMap(([key, text]) => {
      const name = rename(key);
      return name === undefined ? [] : [[name, text] as const];
    });
    if (chosen.length > 0) fresh[tag] = Object.fromEntries(chosen);
  }
  made.set(texts, fresh);
  return fresh;
}

/** What an app has settled about its languages. */
export interface AppLanguages {
  /** Tags of the languages it speaks, the first for those who read none of them; undefined for all. */
  readonly offered?: readonly string[] | undefined;
  readonly texts?: OwnTexts | undefined;
}

export interface Choice extends AppLanguages {
  /** Also offer the generated languages: tests and development only. */
  readonly pseudo?: boolean;
}

export const SOURCE_LANGUAGE = 'en';

export class Catalogue {
  readonly #english: Texts;
  readonly #read: () => ReadonlyMap<string, Texts>;
  readonly #ownLocales = new WeakMap<OwnTexts, Map<string, Locale>>();
  readonly #limited = new WeakMap<readonly string[], ReadonlyMap<string, Locale>>();
  #stored: ReadonlyMap<string, Locale> | undefined;
  #pseudo: ReadonlyMap<string, Locale> | undefined;

  /** @param read texts by tag; called on first use */
  constructor(english: Texts, read: () => ReadonlyMap<string, Texts>) {
    this.#english = english;
    this.#read = read;
  }

  /** Languages that there are texts for, by lower-case tag. */
  get stored(): ReadonlyMap<string, Locale> {
    this.#stored ??= byTag([
      { tag: SOURCE_LANGUAGE, dir: 'ltr', texts: this.#english },
      ...[...this.#read()]
        .filter(([tag]) => tag !== SOURCE_LANGUAGE)
        .map(([tag, texts]) => ({ tag, dir: directionOf(tag), texts: { ...this.#english, ...texts } })),
    ]);
    return this.#stored;
  }

  /** Languages that are generated. */
  get pseudo(): ReadonlyMap<string, Locale> {
    this.#pseudo ??= byTag(pseudoLocalesOf(this.#english));
    return this.#pseudo;
  }

  /** The first wanted language that this app offers; the first of its languages, else English, when none fits. */
  negotiate(wanted: readonly string[], { offered, texts, pseudo = false }: Choice = {}): Locale {
    const available = this.#offered(offered, pseudo);
    const found = bestLanguage(wanted, available) ?? this.#fallback(available);
    return this.#inOwnWords(found, texts);
  }

  #offered(offered: readonly string[] | undefined, pseudo: boolean): ReadonlyMap<string, Locale> {
    const limited = offered && offered.length > 0 ? this.#only(offered) : this.stored;
    return pseudo ? new Map([...limited, ...this.pseudo]) : limited;
  }

  #only(offered: readonly string[]): ReadonlyMap<string, Locale> {
    const known = this.#limited.get(offered);
    if (known) return known;
    const found = offered
      .map((tag) => this.stored.get(tag.toLowerCase()))
      .filter((locale) => locale !== undefined);
    const limited = found.length === 0 ? this.stored : byTag(found);
    this.#limited.set(offered, limited);
    return limited;
  }

  #fallback(available: ReadonlyMap<string, Locale>): Locale {
    const [first] = available.values();
    const found = available.get(SOURCE_LANGUAGE) ?? first;
    if (!found) throw new Error('no texts');
    return found;
  }

  #inOwnWords(locale: Locale, texts: OwnTexts | undefined): Locale {
    const own = texts?.[locale.tag];
    if (!texts || !own) return locale;
    const made = this.#ownLocales.get(texts) ?? new Map<string, Locale>();
    this.#ownLocales.set(texts, made);
    const known = made.get(locale.tag);
    if (known) return known;
    const fresh = { ...locale, texts: { ...locale.texts, ...own } };
    made.set(locale.tag, fresh);
    return fresh;
  }
}

const byTag = (locales: readonly Locale[]): ReadonlyMap<string, Locale> =>
  new Map(locales.map((locale) => [locale.tag.toLowerCase(), locale]));
