/** The mail of a challenge, from what the challenge says and how the app writes. */
import type { App } from '../apps/apps.ts';
import type { MailContents } from '../challenges/challenges.ts';
import type { Keyring } from '../core/keyring.ts';
import { messageIdFor } from './message-id.ts';
import type { LoadedMail, MailIntent } from './outbox.ts';
import { composeSignInMail } from './sign-in-mail.ts';

export function composeChallengeMail(
  app: App,
  intent: MailIntent,
  contents: MailContents,
  keyring: Keyring,
): LoadedMail {
  const from = senderOf(app);
  const { keyVersion, endsAt, sentAt, ...rest } = contents;
  const mail = composeSignInMail({
    ...rest,
    app: { id: app.id, name: app.settings.name, accent: app.settings.brand.accent, from },
    messageId: messageIdFor(keyring, { ...intent, from: from.address, keyVersion }),
    expiresAt: endsAt,
    date: new Date(sentAt),
  });
  return { mail, expiresAt: endsAt };
}

/** `mail.from` as configured, else the app's name at the host of its issuer. */
function senderOf(app: App): { name: string; address: string } {
  const [, name, address] = /^\s*(.*?)\s*<([^<>]+)>\s*$/.exec(app.settings.mail.from ?? '') ?? [];
  if (address !== undefined) return { name: name || app.settings.name, address };
  const bare = app.settings.mail.from?.trim() || `no-reply@${new URL(app.issuer).hostname}`;
  return { name: app.settings.name, address: bare };
}
