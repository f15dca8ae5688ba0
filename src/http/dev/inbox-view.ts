/**
 * The pages of the development inbox: Handlebars views in `views/dev`, compiled on first use. In English only: its
 * readers are developers, and production has no such pages.
 */
import { readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import type { CapturedMail } from '../../mail/transports/capture.ts';

const FOLDER = new URL('../../../views/dev/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');

export interface InboxPlace {
  /** Path of the inbox, such as `/dev/inbox`. */
  readonly prefix: string;
  readonly nonce: string;
}

const engine = Handlebars.create();
engine.registerHelper('or', (one: unknown, other: unknown) => Boolean(one) || Boolean(other));
const views = new Map<string, HandlebarsTemplateDelegate>();

export function drawn(view: string, model: object): string {
  const known = views.get(view);
  if (known) return known(model);
  const compiled = engine.compile(read(`${view}.hbs`), { strict: true });
  views.set(view, compiled);
  return compiled(model);
}

export const page = (title: string, body: string, place: InboxPlace): string =>
  drawn('layout', { title, body, ...place });

export function inboxPage(mails: readonly CapturedMail[], place: InboxPlace): string {
  // The script compares this with what the API says, and draws anew only when it differs.
  const state = `${mails.length} ${mails[0]?.id ?? ''}`;
  return page('Inbox', drawn('inbox', { ...place, state, mails: mails.map(modelOf) }), place);
}

export function messagePage(caught: CapturedMail, place: InboxPlace): string {
  const headers = Object.entries(caught.mail.headers).map(([name, value]) => ({ name, value }));
  return page(caught.mail.subject, drawn('message', { ...place, headers, mail: modelOf(caught) }), place);
}

export function missingPage(place: InboxPlace): string {
  return page('Mail not found', drawn('missing', place), place);
}

/** The HTML part as it is, but its links open outside of the frame that shows it. */
export const htmlPart = ({ mail }: CapturedMail): string =>
  mail.html.replace(/<head>/i, '<head><base target="_blank">');

export const inboxAsset = (name: 'style.css' | 'inbox.js'): string => read(name);

function modelOf({ id, capturedAt, mail }: CapturedMail) {
  const iso = new Date(capturedAt).toISOString();
  const spaced = /^\d{4} \d{4}$/m.exec(mail.text)?.[0] ?? '';
  return {
    id,
    iso,
    clock: `${iso.slice(11, 19)} UTC`,
    to: mail.to,
    from: `${mail.from.name} <${mail.from.address}>`,
    subject: mail.subject,
    messageId: mail.messageId,
    text: mail.text,
    link: /^https?:\/\/\S+$/m.exec(mail.text)?.[0] ?? '',
    spaced,
    code: spaced.replace(' ', ''),
  };
}
