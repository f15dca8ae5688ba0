/** SendGrid: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send */
import type { SettingsOf } from '../../config/transport-schema.ts';
import { headersForApis } from '../headers.ts';
import { headerText } from './addresses.ts';
import { type HttpApi, JSON_HEADERS, textOf, urlUnder } from './http-api.ts';

const OFF = { enable: false } as const;

export const sendgridApi = (settings: SettingsOf<'sendgrid'>): HttpApi => ({
  request: (mail) => ({
    url: urlUnder(settings.base_url, '/v3/mail/send'),
    headers: { ...JSON_HEADERS, Authorization: `Bearer ${settings.api_key}` },
    body: JSON.stringify({
      personalizations: [{ to: [{ email: mail.to }] }],
      from: { email: mail.from.address, name: headerText(mail.from.name) },
      subject: headerText(mail.subject),
      // The plain part first, as the interface demands.
      content: [
        { type: 'text/plain', value: mail.text },
        { type: 'text/html', value: mail.html },
      ],
      headers: Object.fromEntries([
        ...headersForApis(mail.headers).map(([name, value]) => [name, headerText(value)]),
        ['Message-ID', mail.messageId],
      ]),
      // ML-05: a tracked link loses its fragment, and a third party sees it.
      tracking_settings: {
        click_tracking: { enable: false, enable_text: false },
        open_tracking: OFF,
        subscription_tracking: OFF,
        ganalytics: OFF,
      },
    }),
  }),
  // 202 without a body; the id stands in a header.
  idOf: ({ status, headers }) => {
    const id = headers['x-message-id'];
    return status === 202 && typeof id === 'string' ? id : undefined;
  },
  errorOf: ({ status, json }) => {
    const field = textOf(json, 'errors', 0, 'field');
    if (status !== 400 || field === undefined) return { code: field };
    if (/^personalizations\.\d+\.to\b/.test(field)) return { code: field, scope: 'recipient' };
    return { code: field, scope: /^from\b/.test(field) ? 'transport' : 'message' };
  },
});
