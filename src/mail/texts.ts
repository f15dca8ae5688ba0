/**
 * The texts of the mails. `views/mail/locales/en.json` is the source: its keys are the type `MailTextKey`. Other languages
 * are files beside it.
 */
import en from '../../views/mail/locales/en.json' with { type: 'json' };
import { type AppLanguages, Catalogue } from '../core/catalogue.ts';
import { isolatedTextOf, type KeyOf, type Locale, type TextValues } from '../core/texts.ts';
import { readFolder } from '../lib/json-folder.ts';

export type MailTextKey = KeyOf<typeof en>;
export type MailLocale = Locale;

export const mailTexts = new Catalogue(en, () =>
  readFolder(new URL('../../views/mail/locales/', import.meta.url)),
);

/** The first wanted language that there is and the app offers. */
export const mailLocale = (wanted: readonly string[], languages?: AppLanguages): MailLocale =>
  mailTexts.negotiate(wanted, languages);

/** Plain text, values isolated where they may run the other way; throws when one is missing, which is a fault of ours. */
export const mailText = (locale: MailLocale, key: MailTextKey, values?: TextValues): string =>
  isolatedTextOf(locale, key, values);
