/**
 * Mail to a receiver of the operator's own, for providers that Postern does not know: one signed JSON request per mail,
 * in the form of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 * How a receiver checks it stands in docs/guide/mail.md.
 */
import { createHmac } from 'node:crypto';
import type { SettingsOf } from '../../config/transport-schema.ts';
import { type Clock, SECOND } from '../../core/clock.ts';
import { headersForApis, idempotencyKey } from '../headers.ts';
import { headerText } from './addresses.ts';
import { fieldOf, type HttpApi, JSON_HEADERS, textOf } from './http-api.ts';

export const hookApi = (settings: SettingsOf<'http'>, clock: Clock): HttpApi => ({
  request: (mail) => {
    const id = idempotencyKey(mail.messageId);
    const seconds = String(Math.floor(clock.now() / SECOND));
    const body = JSON.stringify({
      type: 'mail.send',
      timestamp: new Date(clock.now()).toISOString(),
      data: {
        id,
        message_id: mail.messageId,
        date: mail.date.toISOString(),
        from: { name: headerText(mail.from.name), address: mail.from.address },
        to: mail.to,
        subject: headerText(mail.subject),
        text: mail.text,
        html: mail.html,
        headers: Object.fromEntries(
          headersForApis(mail.headers).map(([name, value]) => [name, headerText(value)]),
        ),
      },
    });
    return {
      url: settings.url,
      headers: {
        ...JSON_HEADERS,
        'Webhook-Id': id,
        'Webhook-Timestamp': seconds,
        'Webhook-Signature': signatureOf(settings.secret, `${id}.${seconds}.${body}`),
      },
      body,
    };
  },
  // Any 2xx is a yes; what it calls the mail, if anything, stands in `id`.
  idOf: ({ json }) => textOf(json, 'id') ?? '',
  errorOf: ({ json }) => {
    const scope = fieldOf(json, 'scope');
    return {
      code: textOf(json, 'code'),
      ...((scope === 'recipient' || scope === 'message' || scope === 'transport') && { scope }),
    };
  },
});

export function signatureOf(secret: string, signed: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}
