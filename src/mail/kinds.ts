/**
 * What a kind of mail is, and the only list of them. A kind belongs to the feature that sends it: it names its fields, and
 * has built-in views `views/mail/<name>.{html,text}.hbs`. Everything else is the same for all: composing, operators'
 * templates, preview, lint, the reference page.
 *
 * A new kind is a file in `kinds/`, two views, a subject among the texts, and one line below.
 */
import { RESET_PASSWORD } from './kinds/reset-password.ts';
import { SIGN_IN } from './kinds/sign-in.ts';
import { VERIFY_EMAIL } from './kinds/verify-email.ts';
import type { MailTextKey } from './texts.ts';

/**
 * `text`: anything, hostile included; becomes one line of at most 100 characters of which no mail program makes a link
 * (ML-73). `link`: a URL of ours (ML-07). `code`: 8 digits. `moment` and `time`: ms, written in the language of the mail, in
 * UTC. `count`: a number. `word` and `colour` are ours alone: one of a few fixed words, and `#rrggbb`.
 * `image`: the URL of an image, from the configuration alone (ML-05).
 */
export type FieldType = 'text' | 'link' | 'code' | 'moment' | 'time' | 'count' | 'word' | 'colour' | 'image';

export interface MailField {
  readonly type: FieldType;
  readonly description: string;
  /** For previews, and for the check of an operator's template. */
  readonly sample: string | number;
  /** There are mails of this kind without it. */
  readonly isOptional?: true;
  /** Tells the person who asked for this mail, and when: a template that leaves it out is warned about. */
  readonly isFact?: true;
}

export type MailFields = Readonly<Record<string, MailField>>;

export interface MailKind<Fields extends MailFields = MailFields> {
  /** As in the names of its views and of operators' templates: `sign-in`. */
  readonly name: string;
  /** When it is sent: for the reference page. */
  readonly summary: string;
  readonly subject: MailTextKey;
  /** By name in snake case, as operators write them. */
  readonly fields: Fields;
}

type ValueOf<Field extends MailField> =
  | (Field['type'] extends 'moment' | 'time' | 'count' ? number : string)
  | (Field extends { readonly isOptional: true } ? undefined : never);

/** What whoever sends a mail of this kind has to give. */
export type MailValues<Kind extends MailKind> = {
  readonly [Name in keyof Kind['fields']]: ValueOf<Kind['fields'][Name]>;
};

/** Fields that every kind has. */
export const COMMON_FIELDS = {
  app: { type: 'text', description: 'Name of the app.', sample: 'Shop' },
  lang: { type: 'word', description: 'Language of the mail, for `<html lang>`.', sample: 'en' },
  dir: { type: 'word', description: '`ltr` or `rtl`, for `<html dir>`.', sample: 'ltr' },
  start: {
    type: 'word',
    description: '`left`, or `right` where one reads from there, for `align`.',
    sample: 'left',
  },
  accent: { type: 'colour', description: 'Colour of the brand, `#rrggbb`.', sample: '#4f46e5' },
  on_accent: {
    type: 'colour',
    description: 'Black or white, whichever can be read on `accent`.',
    sample: '#ffffff',
  },
  logo: {
    type: 'image',
    description: 'URL of `brand.mail_logo`, of which you write `width` and `height` yourself.',
    sample: 'https://www.shop.example/mail-logo.png',
    isOptional: true,
  },
} as const satisfies MailFields;

export const MAIL_KINDS: readonly MailKind[] = [SIGN_IN, RESET_PASSWORD, VERIFY_EMAIL];

export const mailKind = (name: string): MailKind | undefined => MAIL_KINDS.find((kind) => kind.name === name);
