/** Brevo: https://developers.brevo.com/reference/sendtransacemail */
import type { SettingsOf } from '../../config/transport-schema.ts';
import { headersForApis, idempotencyKey } from '../headers.ts';
import { headerText } from './addresses.ts';
import { type HttpApi, JSON_HEADERS, textOf, urlUnder } from './http-api.ts';

export const brevoApi = (settings: SettingsOf<'brevo'>): HttpApi => ({
  request: (mail) => ({
    url: urlUnder(settings.base_url, '/v3/smtp/email'),
    headers: { ...JSON_HEADERS, 'api-key': settings.api_key },
    // No field switches tracking off here: it is a setting of the account (docs/guide/mail.md). Standard headers such as
    // Message-ID and Date are Brevo's own.
    body: JSON.stringify({
      sender: { name: headerText(mail.from.name), email: mail.from.address },
      to: [{ email: mail.to }],
      subject: headerText(mail.subject),
      textContent: mail.text,
      htmlContent: mail.html,
      headers: Object.fromEntries([
        ...headersForApis(mail.headers).map(([name, value]) => [name, headerText(value)]),
        // Kept there for 15 minutes, longer than a challenge lives (RL-02).
        ['idempotencyKey', idempotencyKey(mail.messageId)],
      ]),
    }),
  }),
  idOf: ({ json }) => textOf(json, 'messageId'),
  errorOf: ({ status, json }) => {
    const code = textOf(json, 'code');
    const message = textOf(json, 'message') ?? '';
    if (status !== 400) return { code };
    if (/\b(email is not valid in to|to is not valid|valid email address in to)\b/i.test(message)) {
      return { code, scope: 'recipient' };
    }
    return { code, scope: /\bsender\b/i.test(message) ? 'transport' : 'message' };
  },
});
