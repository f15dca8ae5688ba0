/**
 * Makes a mail of any kind from the built-in views. Pure: the same input gives the same bytes, so that a repeat after a
 * crash is the same mail (RL-02).
 */
import type { AppLanguages } from '../core/catalogue.ts';
import type { AppId } from '../core/ids.ts';
import { oneLine } from '../lib/hostile-text.ts';
import { automaticMailHeaders } from './headers.ts';
import type { MailKind, MailValues } from './kinds.ts';
import { mailModel } from './model.ts';
import { mailTemplate } from './templates.ts';
import { mailLocale, mailText } from './texts.ts';
import type { OutgoingMail } from './transport.ts';

/** The one image of a mail, loaded by mail programs; its URL is the same in every mail of the app (ML-05, ADR 0040). */
export interface MailLogo {
  readonly url: string;
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  readonly alt: string;
}

/** What of an app stands in its mails. */
export interface MailApp {
  readonly id: AppId;
  readonly name: string;
  /** `#rrggbb` */
  readonly accent: string;
  readonly from: { readonly name: string; readonly address: string };
  /** Undefined: mails load nothing. */
  readonly logo?: MailLogo | undefined;
  /** What the app has settled about languages and its own words; undefined for all that there are. */
  readonly languages?: AppLanguages;
}

export interface MailDraft<Kind extends MailKind = MailKind> {
  readonly app: MailApp;
  /** `EmailAddress.address` as stored. */
  readonly to: string;
  /** Languages the person reads, best first. */
  readonly locales: readonly string[];
  /** With angle brackets. */
  readonly messageId: string;
  /** When this send was asked for. */
  readonly date: Date;
  readonly values: MailValues<Kind>;
}

/** Throws a RangeError for a link or code that must not be mailed: a fault of ours or of the configuration. */
export function composeMail<Kind extends MailKind>(kind: Kind, draft: MailDraft<Kind>): OutgoingMail {
  const locale = mailLocale(draft.locales, draft.app.languages);
  const model = mailModel(kind.fields, draft.values, draft.app, locale);
  const template = mailTemplate(kind.name);
  return {
    ...envelopeOf(draft),
    subject: cut(mailText(locale, kind.subject, { ...model, app: oneLine(draft.app.name) })),
    text: template.text(model, locale),
    html: template.html(model, locale),
  };
}

/** Every value is one line by now, and the marks around it are ours: `oneLine` would take them off. */
function cut(subject: string): string {
  const characters = [...subject];
  return characters.length <= MAX_SUBJECT ? subject : `${characters.slice(0, MAX_SUBJECT - 1).join('')}…`;
}

const MAX_SUBJECT = 150;

/** Everything of a mail that no template writes (ML-77). */
export function envelopeOf({
  app,
  to,
  messageId,
  date,
}: Omit<MailDraft, 'values'>): Omit<OutgoingMail, 'subject' | 'text' | 'html'> {
  return {
    app: app.id,
    from: { name: oneLine(app.from.name), address: app.from.address },
    to,
    messageId,
    headers: automaticMailHeaders(messageId),
    date,
  };
}
