/** The mail of a challenge, from what the challenge says and how the app writes. */
import type { App } from '../apps/apps.ts';
import type { MailContents } from '../challenges/challenges.ts';
import { mailLanguages } from '../core/catalogue.ts';
import { MINUTE } from '../core/clock.ts';
import type { Keyring } from '../core/keyring.ts';
import type { MailApp } from './compose.ts';
import type { ComposeMail } from './composer.ts';
import { SIGN_IN } from './kinds/sign-in.ts';
import { messageIdFor } from './message-id.ts';
import type { LoadedMail, MailIntent } from './outbox.ts';

export async function composeChallengeMail(
  app: App,
  intent: MailIntent,
  contents: MailContents,
  keyring: Keyring,
  composeMail: ComposeMail,
): Promise<LoadedMail> {
  const writer = mailAppOf(app);
  const { to, locales, keyVersion, askedAt, sentAt, endsAt, link, code, device } = contents;
  const mail = await composeMail(SIGN_IN, {
    app: writer,
    to,
    locales,
    messageId: messageIdFor(keyring, { ...intent, from: writer.from.address, keyVersion }),
    date: new Date(sentAt),
    values: {
      link,
      code,
      device,
      asked_at: askedAt,
      valid_until: endsAt,
      minutes: Math.max(1, Math.floor((endsAt - askedAt) / MINUTE)),
    },
  });
  return { mail, expiresAt: endsAt, keyVersion };
}

export function mailAppOf(app: App): MailApp {
  const { name, brand } = app.settings;
  const languages = mailLanguages(app.settings);
  return { id: app.id, name, accent: brand.accent, from: senderOf(app), languages };
}

/** `mail.from` as configured, else the app's name at the host of its issuer. */
export function senderOf(app: App): { name: string; address: string } {
  const [, name, address] = /^\s*(.*?)\s*<([^<>]+)>\s*$/.exec(app.settings.mail.from ?? '') ?? [];
  if (address !== undefined) return { name: name || app.settings.name, address };
  const bare = app.settings.mail.from?.trim() || `no-reply@${new URL(app.issuer).hostname}`;
  return { name: app.settings.name, address: bare };
}
