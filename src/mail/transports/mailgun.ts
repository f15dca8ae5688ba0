/** Mailgun, by its interface for whole mails: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages/post-v3--domain-name--messages-mime */
import type { SettingsOf } from '../../config/transport-schema.ts';
import { randomToken } from '../../core/random.ts';
import { type HttpApi, textOf, urlUnder } from './http-api.ts';
import { type DkimKey, mimeOf } from './mime.ts';

/** ML-05: a tracked link loses its fragment, and a third party sees it. Higher than the domain's own setting. */
const UNTRACKED = { 'o:tracking': 'no', 'o:tracking-clicks': 'no', 'o:tracking-opens': 'no' };

export const mailgunApi = (settings: SettingsOf<'mailgun'>, dkim: DkimKey | undefined): HttpApi => ({
  request: async (mail) => {
    const mime = await mimeOf(mail, dkim && { key: dkim });
    const form = formOf({ to: mail.to, ...UNTRACKED }, mime);
    return {
      url: urlUnder(settings.base_url, `/v3/${settings.domain}/messages.mime`),
      headers: {
        Accept: 'application/json',
        Authorization: `Basic ${Buffer.from(`api:${settings.api_key}`).toString('base64')}`,
        'Content-Type': form.type,
      },
      body: form.body,
    };
  },
  // `<…@domain>`, which its webhooks give without the brackets.
  idOf: ({ json }) => textOf(json, 'id')?.replace(/^<(.*)>$/, '$1'),
  errorOf: ({ status, json }) => {
    const message = textOf(json, 'message') ?? '';
    if (status !== 400) return {};
    if (/'to' parameter/i.test(message)) return { code: 'to', scope: 'recipient' };
    // A free account, or a domain that is not verified.
    return /not allowed to send|free accounts|authorized recipients|disabled/i.test(message)
      ? { code: 'account', scope: 'transport' }
      : {};
  },
});

/** RFC 7578. The boundary is random, so nothing in the mail can end a part early. */
function formOf(fields: Readonly<Record<string, string>>, mime: Buffer): { type: string; body: Buffer } {
  const boundary = `postern-${randomToken(24)}`;
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const file = `--${boundary}\r\nContent-Disposition: form-data; name="message"; filename="mail.eml"\r\nContent-Type: message/rfc822\r\n\r\n`;
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([Buffer.from(parts.join('') + file), mime, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}
