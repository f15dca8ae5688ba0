/**
 * The Handlebars side of the mails: compiled on first use and kept. Strict (a missing field is a fault), no helper but `t`;
 * the HTML part escapes every value, the text part none (ML-73, ML-74).
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type Handlebars from 'handlebars';
import { isolatedTextOf, type TextValues } from '../core/texts.ts';
import type { MailLocale } from './texts.ts';

/** Loaded for the first mail: it is a tenth of the time until we listen. */
const require = createRequire(import.meta.url);

const FOLDER = fileURLToPath(new URL('../../views/mail/', import.meta.url));

export interface MailTemplate {
  text(model: object, locale: MailLocale): string;
  html(model: object, locale: MailLocale): string;
}

const compiled = new Map<string, MailTemplate>();

export function mailTemplate(name: string): MailTemplate {
  const known = compiled.get(name);
  if (known) return known;
  const template = { text: compile(`${name}.text.hbs`, true), html: compile(`${name}.html.hbs`, false) };
  compiled.set(name, template);
  return template;
}

function compile(file: string, isPlain: boolean): (model: object, locale: MailLocale) => string {
  // `require` tells no types; this is that package.
  const engine = (require('handlebars') as typeof Handlebars).create();
  engine.registerHelper('t', (key: unknown, options: Handlebars.HelperOptions) => {
    // `data` and `hash` are untyped in Handlebars: the first is set below alone, the second by our own templates. A key that
    // there is no text for throws.
    return isolatedTextOf(options.data.locale as MailLocale, String(key), options.hash as TextValues);
  });
  const template = engine.compile(readFileSync(`${FOLDER}${file}`, 'utf8'), {
    strict: true,
    noEscape: isPlain,
    knownHelpersOnly: true,
    knownHelpers: { t: true },
  });
  return (model, locale) => template(model, { data: { locale } });
}
