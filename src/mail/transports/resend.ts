/** Resend: https://resend.com/docs/api-reference/emails/send-email, errors: https://resend.com/docs/api-reference/errors */
import type { SettingsOf } from '../../config/transport-schema.ts';
import { headersForApis, idempotencyKey } from '../headers.ts';
import { headerText, mailbox } from './addresses.ts';
import { type HttpApi, JSON_HEADERS, textOf, urlUnder } from './http-api.ts';

/** Quotas of the account, which come as 429 like the rate; they pass with the day or the month, not with the second. */
const QUOTAS = new Set(['daily_quota_exceeded', 'monthly_quota_exceeded']);

export const resendApi = (settings: SettingsOf<'resend'>): HttpApi => ({
  request: (mail) => ({
    url: urlUnder(settings.base_url, '/emails'),
    headers: {
      ...JSON_HEADERS,
      Authorization: `Bearer ${settings.api_key}`,
      // Kept there for a day: the repeat of a delivery is answered, not sent (RL-02).
      'Idempotency-Key': idempotencyKey(mail.messageId),
      // Refused without one.
      'User-Agent': 'Postern',
    },
    // No field switches tracking off here: it is a setting of the sending domain (docs/guide/mail.md).
    body: JSON.stringify({
      from: mailbox(mail.from),
      to: [mail.to],
      subject: headerText(mail.subject),
      text: mail.text,
      html: mail.html,
      headers: Object.fromEntries([
        ...headersForApis(mail.headers).map(([name, value]) => [name, headerText(value)]),
        ['Message-ID', mail.messageId],
      ]),
    }),
  }),
  idOf: ({ json }) => textOf(json, 'id'),
  errorOf: ({ status, json }) => {
    const code = textOf(json, 'name');
    if (code !== undefined && QUOTAS.has(code)) return { code, scope: 'transport', mayPass: false };
    if (status === 422 && /\bto\b/.test(textOf(json, 'message') ?? '')) return { code, scope: 'recipient' };
    return { code };
  },
});
