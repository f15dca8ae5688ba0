/** The mail of a challenge, from what the challenge says and how the app writes. */
import type { App } from '../apps/apps.ts';
import type { MailContents } from '../challenges/challenges.ts';
import { mailLanguages } from '../core/catalogue.ts';
import { MINUTE } from '../core/clock.ts';
import { unreachable } from '../core/errors.ts';
import type { Keyring } from '../core/keyring.ts';
import type { MailApp, MailDraft } from './compose.ts';
import type { ComposeMail } from './composer.ts';
import { RESET_PASSWORD } from './kinds/reset-password.ts';
import { SIGN_IN } from './kinds/sign-in.ts';
import { VERIFY_EMAIL } from './kinds/verify-email.ts';
import { messageIdFor } from './message-id.ts';
import type { LoadedMail, MailIntent } from './outbox.ts';
import type { OutgoingMail } from './transport.ts';

export async function composeChallengeMail(
  app: App,
  intent: MailIntent,
  contents: MailContents,
  keyring: Keyring,
  composeMail: ComposeMail,
): Promise<LoadedMail> {
  const writer = mailAppOf(app);
  const { to, locales, keyVersion, askedAt, sentAt, endsAt, link, code, device } = contents;
  const values = {
    link,
    code,
    device,
    asked_at: askedAt,
    valid_until: endsAt,
    minutes: Math.max(1, Math.floor((endsAt - askedAt) / MINUTE)),
  };
  const draft = {
    app: writer,
    to,
    locales,
    messageId: messageIdFor(keyring, { ...intent, from: writer.from.address, keyVersion }),
    date: new Date(sentAt),
  };
  const mail = await composeFor(contents, { ...draft, values }, composeMail);
  return { mail, expiresAt: endsAt, keyVersion };
}

/** One kind of mail for each purpose, so that nobody confirms one thing believing it to be another. */
function composeFor(
  { purpose, account }: MailContents,
  draft: MailDraft<typeof SIGN_IN>,
  composeMail: ComposeMail,
): Promise<OutgoingMail> {
  switch (purpose) {
    case 'sign_in':
      return composeMail(SIGN_IN, draft);
    case 'reset_password':
      return composeMail<typeof RESET_PASSWORD>(RESET_PASSWORD, draft);
    case 'verify_email':
      return composeMail(VERIFY_EMAIL, { ...draft, values: { ...draft.values, account } });
    default:
      return unreachable(purpose);
  }
}

export function mailAppOf(app: App): MailApp {
  const { name, brand } = app.settings;
  const languages = mailLanguages(app.settings);
  const { accent, mail_logo: logo } = brand;
  return {
    id: app.id,
    name,
    accent,
    from: senderOf(app),
    languages,
    logo: logo && { ...logo, alt: logo.alt ?? name },
  };
}

/** `mail.from` as configured, else the app's name at the host of its issuer. */
export function senderOf(app: App): { name: string; address: string } {
  const [, name, address] = /^\s*(.*?)\s*<([^<>]+)>\s*$/.exec(app.settings.mail.from ?? '') ?? [];
  if (address !== undefined) return { name: name || app.settings.name, address };
  const bare = app.settings.mail.from?.trim() || `no-reply@${new URL(app.issuer).hostname}`;
  return { name: app.settings.name, address: bare };
}
