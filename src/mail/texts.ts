/**
 * The texts of the mails by key and language. `views/mail/locales/en.json` is the source: its keys are the type
 * `MailTextKey`. Other languages are files beside it; what they lack is English.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import en from '../../views/mail/locales/en.json' with { type: 'json' };

export type MailTextKey = keyof typeof en;

export interface MailLocale {
  readonly tag: string;
  readonly dir: 'ltr' | 'rtl';
  readonly texts: Readonly<Record<MailTextKey, string>>;
}

const FOLDER = fileURLToPath(new URL('../../views/mail/locales/', import.meta.url));
const RTL = new Set(['ar', 'dv', 'fa', 'he', 'ps', 'sd', 'ug', 'ur', 'yi']);
const ENGLISH: MailLocale = { tag: 'en', dir: 'ltr', texts: en };
let locales: ReadonlyMap<string, MailLocale> | undefined;

/** The first wanted language that there is, by the lookup of RFC 4647 §3.4; English when none fits. */
export function mailLocale(wanted: readonly string[]): MailLocale {
  locales ??= readLocales();
  for (const range of wanted) {
    for (let tag = range.toLowerCase(); tag !== ''; tag = tag.slice(0, Math.max(0, tag.lastIndexOf('-')))) {
      const found = locales.get(tag);
      if (found) return found;
    }
  }
  return ENGLISH;
}

/** Plain text; throws when a value is missing, which is a fault of ours. */
export function mailText(
  locale: MailLocale,
  key: MailTextKey,
  values: Readonly<Record<string, string | number>> = {},
): string {
  return locale.texts[key].replace(/\{([a-z_]+)\}/g, (placeholder, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`mail text ${key} needs a value for ${placeholder}`);
    return typeof value === 'number' ? numberFormatOf(locale).format(value) : value;
  });
}

/** By language tag: making one costs more than the text. */
const numberFormats = new Map<string, Intl.NumberFormat>();

function numberFormatOf({ tag }: MailLocale): Intl.NumberFormat {
  const known = numberFormats.get(tag);
  if (known) return known;
  const made = new Intl.NumberFormat(tag);
  numberFormats.set(tag, made);
  return made;
}

function readLocales(): ReadonlyMap<string, MailLocale> {
  const found = new Map<string, MailLocale>([['en', ENGLISH]]);
  for (const file of readdirSync(FOLDER)) {
    const tag = file.replace(/\.json$/, '');
    if (tag === file || tag === 'en') continue;
    const stored: Partial<typeof en> = JSON.parse(readFileSync(`${FOLDER}${file}`, 'utf8'));
    const dir = RTL.has(tag.split('-')[0] ?? '') ? 'rtl' : 'ltr';
    found.set(tag.toLowerCase(), { tag, dir, texts: { ...en, ...stored } });
  }
  return found;
}
