/** The mail as its bytes, for interfaces that take it so; the same library builds it as for SMTP. */
import type Mail from 'nodemailer/lib/mailer/index.js';
import type { OutgoingMail } from '../transport.ts';
import { headerText } from './addresses.ts';

export interface DkimKey {
  readonly domain: string;
  readonly selector: string;
  /** RSA, PEM. */
  readonly privateKey: string;
}

/** @param replaced headers that the relay writes anew, which a signature over them would not outlive */
export const dkimOptions = (key: DkimKey, replaced: readonly string[] = []) => ({
  domainName: key.domain,
  keySelector: key.selector,
  privateKey: key.privateKey,
  skipFields: replaced.join(':'),
});

/** Named fields only; never `raw`, `path`, `href`, `list`, `attachments` or anything an app could choose (ML-61). */
export function messageOf(mail: OutgoingMail): Mail.Options {
  return {
    envelope: { from: mail.returnPath ?? mail.from.address, to: mail.to },
    from: { name: headerText(mail.from.name), address: mail.from.address },
    to: { name: '', address: mail.to },
    messageId: mail.messageId,
    subject: headerText(mail.subject),
    // Never base64 as for foreign scripts: filters distrust it, and people read the source when a link fails.
    textEncoding: 'quoted-printable',
    text: mail.text,
    html: mail.html,
    date: mail.date,
    headers: Object.fromEntries(
      Object.entries(mail.headers).map(([name, value]) => [name, headerText(value)]),
    ),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Signed when there is a key. */
export async function mimeOf(
  mail: OutgoingMail,
  dkim?: { readonly key: DkimKey; readonly replaced?: readonly string[] },
): Promise<Buffer> {
  const { createTransport } = await import('nodemailer');
  const composer = createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'windows',
    ...(dkim && { dkim: dkimOptions(dkim.key, dkim.replaced) }),
  });
  const { message } = await composer.sendMail(messageOf(mail));
  if (!Buffer.isBuffer(message)) throw new Error('the composed mail is no buffer');
  return message;
}
