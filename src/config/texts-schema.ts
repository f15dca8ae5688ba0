/** Languages and own words of an app: `locale`, `locales` and `texts` of its part of the file. */
import { z } from 'zod';
import pageEnglish from '../../views/locales/en.json' with { type: 'json' };
import mailEnglish from '../../views/mail/locales/en.json' with { type: 'json' };
import { baseOf, placeholderFaults } from '../core/text-check.ts';
import { namesIn } from '../lib/json-folder.ts';
import { closestTo } from './fault.ts';

/** A language is a file of page texts: nothing else lists them. */
export const LANGUAGES: readonly string[] = namesIn(new URL('../../views/locales/', import.meta.url));

/** Keys as the file names them: those of mails stand behind `mail.`. */
const TEXTS: Readonly<Record<string, string>> = {
  ...pageEnglish,
  ...Object.fromEntries(Object.entries(mailEnglish).map(([key, text]) => [`mail.${key}`, text])),
};
const MAX_TEXT = 600;

const language = z.enum(LANGUAGES);

export const locales = z
  .array(language)
  .min(1)
  .refine((tags) => new Set(tags).size === tags.length, { message: 'names a language twice' })
  .default([...LANGUAGES])
  .describe('Languages of the pages and mails; leave it out for all that there are.');

const line = z
  .string()
  .min(1)
  .max(MAX_TEXT)
  .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'must be one line')
  .describe('Plain text in one line; what it holds is escaped. Placeholders as in English.');

export const texts = z
  .record(
    z.string(),
    z.record(z.string(), line).describe('By key, such as `sign_in.heading` or `mail.sign_in.subject`.'),
  )
  .superRefine((byLanguage, context) => {
    for (const [tag, own] of Object.entries(byLanguage)) {
      if (!LANGUAGES.includes(tag)) {
        const message = `is no language that there is: ${LANGUAGES.join(', ')}`;
        context.addIssue({ code: 'custom', path: [tag], message });
        continue;
      }
      for (const [key, text] of Object.entries(own)) {
        const message = textFault(tag, key, text);
        if (message !== undefined) context.addIssue({ code: 'custom', path: [tag, key], message });
      }
    }
  })
  .default({})
  .describe(
    'Texts in your own words, by language and key: `texts: { de: { sign_in.heading: Willkommen } }`. Keys are those of `views/locales/en.json`, and behind `mail.` those of `views/mail/locales/en.json`.',
  );

function textFault(tag: string, key: string, text: string): string | undefined {
  if (!isKey(tag, key)) {
    const near = closestTo(key, Object.keys(TEXTS));
    return `there is no such text${near === undefined ? '' : `; did you mean ${near}?`}`;
  }
  const [fault] = placeholderFaults(key, text, TEXTS);
  if (fault !== undefined) return fault.slice(key.length + 2);
  return /[{}]/.test(text.replace(/\{[a-z_]+\}/g, ''))
    ? 'has a brace that belongs to no placeholder'
    : undefined;
}

/** A text that counts has a key for each plural form of its language, which may be other ones than in English. */
function isKey(tag: string, key: string): boolean {
  const base = baseOf(key);
  if (!Object.hasOwn(TEXTS, `${base}.other`)) return Object.hasOwn(TEXTS, key);
  const forms: readonly string[] = new Intl.PluralRules(tag).resolvedOptions().pluralCategories;
  return base !== key && forms.includes(key.slice(base.length + 1));
}
