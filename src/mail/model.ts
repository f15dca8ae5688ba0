/**
 * What the views of a mail see: the values of its kind, made harmless and written in the language of the mail, and what
 * every mail has. Nothing else is within reach of a template, least of all settings or secrets (ML-75).
 */
import { momentFormatOf, timeFormatOf } from '../core/texts.ts';
import { textOn } from '../lib/contrast.ts';
import { oneLine, unlinked } from '../lib/hostile-text.ts';
import type { MailApp } from './compose.ts';
import type { MailField, MailFields } from './kinds.ts';
import type { MailLocale } from './texts.ts';

/** Frozen and without a prototype. Numbers are for the plural rules of our own texts. */
export type MailModel = Readonly<Record<string, string | number>>;

const LINK = /^https?:\/\/[A-Za-z0-9\-._~:/?=&#[\]]+$/;
const MAX_LINK = 200;
const CODE = /^(\d{4})(\d{4})$/;
const COLOUR = /^#[0-9a-fA-F]{6}$/;
const DEFAULT_ACCENT = '#4f46e5';

/** Throws a RangeError for a link or code that must not be mailed: a fault of ours or of the configuration. */
export function mailModel(
  fields: MailFields,
  values: Readonly<Record<string, string | number | undefined>>,
  app: MailApp,
  locale: MailLocale,
): MailModel {
  const accent = COLOUR.test(app.accent) ? app.accent : DEFAULT_ACCENT;
  const own = Object.entries(fields).map(([name, field]) => [name, written(field, values[name], locale)]);
  return Object.freeze(
    Object.assign(Object.create(null), {
      ...Object.fromEntries(own),
      app: unlinked(oneLine(app.name)),
      lang: locale.tag,
      dir: locale.dir,
      start: locale.dir === 'ltr' ? 'left' : 'right',
      accent,
      on_accent: textOn(accent),
      ...logoOf(app),
    }),
  );
}

/** Empty where there is none: the views ask for it. The URL is checked when the configuration is read. */
function logoOf({ logo }: MailApp) {
  return {
    logo: logo?.url ?? '',
    logo_width: logo?.width ?? 0,
    logo_height: logo?.height ?? 0,
    logo_alt: unlinked(oneLine(logo?.alt ?? '')),
  };
}

function written(
  { type, isOptional }: MailField,
  value: string | number | undefined,
  locale: MailLocale,
): string | number {
  if (value === undefined || value === '') {
    if (!isOptional && type !== 'text') throw new RangeError(`a ${type} of the mail is missing`);
    return '';
  }
  if (type === 'moment') return momentFormatOf(locale).format(Number(value));
  if (type === 'time') return timeFormatOf(locale).format(Number(value));
  if (type === 'count') return Number(value);
  if (type === 'code') return spaced(String(value));
  return type === 'link' ? mailable(String(value)) : unlinked(oneLine(String(value)));
}

function mailable(link: string): string {
  if (link.length > MAX_LINK || !LINK.test(link)) throw new RangeError('the link cannot be mailed');
  return link;
}

function spaced(code: string): string {
  const match = CODE.exec(code);
  if (!match) throw new RangeError('a code has 8 digits');
  return `${match[1]} ${match[2]}`;
}
