/**
 * The texts of the pages. `views/locales/en.json` is the source: its keys are the type `TextKey`, so that a text that is not
 * there does not compile. Other languages are files beside it.
 */
import en from '../../views/locales/en.json' with { type: 'json' };
import { Catalogue } from '../core/catalogue.ts';
import { type KeyOf, type Locale, partsOf, type TextPart, type TextValues, textOf } from '../core/texts.ts';
import { readFolder } from '../lib/json-folder.ts';

/** A key with plural forms is named without its form: `check_mail.tries_left`. */
export type TextKey = KeyOf<typeof en>;

export const pageTexts = new Catalogue(en, () =>
  readFolder(new URL('../../views/locales/', import.meta.url)),
);

export const translate = (locale: Locale, key: TextKey, values?: TextValues): string =>
  textOf(locale, key, values);

export const translateParts = (locale: Locale, key: TextKey, values?: TextValues): readonly TextPart[] =>
  partsOf(locale, key, values);
