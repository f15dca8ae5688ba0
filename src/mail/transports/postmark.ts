/** Postmark: https://postmarkapp.com/developer/api/email-api, errors: https://postmarkapp.com/developer/api/overview#error-codes */
import type { SettingsOf } from '../../config/transport-schema.ts';
import { headersForApis } from '../headers.ts';
import type { Scope } from '../transport.ts';
import { headerText, mailbox } from './addresses.ts';
import { fieldOf, type HttpApi, JSON_HEADERS, textOf, urlUnder } from './http-api.ts';

/** 300 an address or field that does not fit, 406 a mailbox that bounced or complained and that Postmark keeps. */
const SCOPES: Readonly<Record<string, Scope>> = { '300': 'recipient', '406': 'recipient' };

export const postmarkApi = (settings: SettingsOf<'postmark'>): HttpApi => ({
  request: (mail) => ({
    url: urlUnder(settings.base_url, '/email'),
    headers: { ...JSON_HEADERS, 'X-Postmark-Server-Token': settings.server_token },
    body: JSON.stringify({
      From: mailbox(mail.from),
      To: mail.to,
      Subject: headerText(mail.subject),
      TextBody: mail.text,
      HtmlBody: mail.html,
      MessageStream: settings.message_stream,
      // ML-05: a tracked link loses its fragment, and a third party sees it.
      TrackLinks: 'None',
      TrackOpens: false,
      Headers: [
        ...headersForApis(mail.headers).map(([name, value]) => ({ Name: name, Value: headerText(value) })),
        // Without the second, Postmark puts its own in the place of the first (RL-02).
        { Name: 'Message-ID', Value: mail.messageId },
        { Name: 'X-PM-KeepID', Value: 'true' },
      ],
    }),
  }),
  idOf: ({ json }) => (fieldOf(json, 'ErrorCode') === 0 ? textOf(json, 'MessageID') : undefined),
  errorOf: ({ status, json }) => {
    const code = fieldOf(json, 'ErrorCode');
    if (typeof code !== 'number' || status !== 422) return { code: codeText(code) };
    // All others of 422 are about the sender, the stream or the account.
    return {
      code: codeText(code),
      scope: SCOPES[String(code)] ?? 'transport',
      mayPass: code === 100 || code === 429,
    };
  },
});

const codeText = (code: unknown): string | undefined => (typeof code === 'number' ? String(code) : undefined);
