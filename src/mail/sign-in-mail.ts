/**
 * The sign-in mail: link, code, who asked and how long it lasts. Pure: the same input gives the same bytes, so that a
 * repeat after a crash is the same mail (RL-02).
 */
import { MINUTE } from '../core/clock.ts';
import type { AppId } from '../core/ids.ts';
import { textOn } from '../lib/contrast.ts';
import { oneLine, unlinked } from '../lib/hostile-text.ts';
import { automaticMailHeaders } from './headers.ts';
import { mailTemplate } from './templates.ts';
import { type MailLocale, mailLocale, mailText } from './texts.ts';
import type { OutgoingMail } from './transport.ts';

export interface SignInMailInput {
  readonly app: {
    readonly id: AppId;
    readonly name: string;
    /** `#rrggbb` */
    readonly accent: string;
    readonly from: { readonly name: string; readonly address: string };
  };
  /** `EmailAddress.address` as stored. */
  readonly to: string;
  /** Languages the person reads, best first. */
  readonly locales: readonly string[];
  /** URL of the landing page with its secret; at most 200 characters, all unreserved (ML-07). */
  readonly link: string;
  /** 8 digits; undefined where the app has code entry off (ML-41). */
  readonly code: string | undefined;
  readonly messageId: string;
  /** In words ("Firefox on Linux"), made from a User-Agent: hostile. */
  readonly device: string;
  /** ms */
  readonly askedAt: number;
  /** ms */
  readonly expiresAt: number;
  /** When this send was asked for. */
  readonly date: Date;
}

const LINK = /^https?:\/\/[A-Za-z0-9\-._~:/?=&#[\]]+$/;
const MAX_LINK = 200;
const CODE = /^(\d{4})(\d{4})$/;
const COLOUR = /^#[0-9a-fA-F]{6}$/;
const DEFAULT_ACCENT = '#4f46e5';
/** Throws a RangeError for a link or code that must not be mailed: a fault of ours or of the configuration. */
export function composeSignInMail(input: SignInMailInput): OutgoingMail {
  const { app, link } = input;
  if (link.length > MAX_LINK || !LINK.test(link)) throw new RangeError('the link cannot be mailed');
  const locale = mailLocale(input.locales);
  const template = mailTemplate('sign-in');
  const model = modelOf(input, locale);
  return {
    app: app.id,
    from: { name: oneLine(app.from.name), address: app.from.address },
    to: input.to,
    messageId: input.messageId,
    subject: oneLine(mailText(locale, 'sign_in.subject', { app: oneLine(app.name) }), 150),
    text: template.text(model, locale),
    html: template.html(model, locale),
    headers: automaticMailHeaders(input.messageId),
    date: input.date,
  };
}

function modelOf({ app, link, code, device, askedAt, expiresAt }: SignInMailInput, locale: MailLocale) {
  const accent = COLOUR.test(app.accent) ? app.accent : DEFAULT_ACCENT;
  return {
    lang: locale.tag,
    dir: locale.dir,
    start: locale.dir === 'ltr' ? 'left' : 'right',
    accent,
    onAccent: textOn(accent),
    app: unlinked(oneLine(app.name)),
    device: unlinked(oneLine(device)),
    link,
    code: code === undefined ? '' : spaced(code),
    askedAt: formatsOf(locale).moment.format(askedAt),
    validUntil: formatsOf(locale).time.format(expiresAt),
    minutes: Math.max(1, Math.floor((expiresAt - askedAt) / MINUTE)),
  };
}

interface Formats {
  readonly moment: Intl.DateTimeFormat;
  readonly time: Intl.DateTimeFormat;
}

/** Kept per language: making them costs more than all the rest of a mail. */
const formats = new Map<string, Formats>();

function formatsOf({ tag }: MailLocale): Formats {
  const known = formats.get(tag);
  if (known) return known;
  const made = {
    moment: new Intl.DateTimeFormat(tag, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' }),
    time: new Intl.DateTimeFormat(tag, { timeStyle: 'short', timeZone: 'UTC' }),
  };
  formats.set(tag, made);
  return made;
}

function spaced(code: string): string {
  const match = CODE.exec(code);
  if (!match) throw new RangeError('a code has 8 digits');
  return `${match[1]} ${match[2]}`;
}
