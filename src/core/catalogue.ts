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
  #withPseudo: ReadonlyMap<string, Locale> | undefined;

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

  get pseudo(): ReadonlyMap<string, Locale> {
    return byTag(pseudoLocalesOf(this.#english));
  }

  /** The first wanted language that this app offers; the first of its languages, else English, when none fits. */
  negotiate(wanted: readonly string[], { offered, texts, pseudo = false }: Choice = {}): Locale {
    const available = pseudo ? this.#all() : this.#offered(offered);
    const found = bestLanguage(wanted, available) ?? this.#fallback(available);
    return this.#inOwnWords(found, texts);
  }

  #all(): ReadonlyMap<string, Locale> {
    this.#withPseudo ??= new Map([...this.stored, ...this.pseudo]);
    return this.#withPseudo;
  }

  #offered(offered: readonly string[] | undefined): ReadonlyMap<string, Locale> {
    if (!offered || offered.length === 0) return this.stored;
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
