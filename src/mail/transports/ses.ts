/**
 * Amazon SES, API v2: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html. Signed with `aws4fetch`, which
 * does Signature Version 4 and nothing else: no dependencies, against some ninety packages of the SDK.
 */
import { AwsV4Signer } from 'aws4fetch';
import type { SettingsOf } from '../../config/transport-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { OutgoingMail } from '../transport.ts';
import { type ApiAnswer, type ApiError, type HttpApi, textOf, urlUnder } from './http-api.ts';
import { type DkimKey, mimeOf } from './mime.ts';

/** SES writes both anew: https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-manual.html */
const REPLACED = ['message-id', 'date'];

export const sesApi = (settings: SettingsOf<'ses'>, dkim: DkimKey | undefined, clock: Clock): HttpApi => ({
  request: async (mail) => {
    const raw = await mimeOf(untracked(mail), dkim && { key: dkim, replaced: REPLACED });
    const base = settings.base_url ?? `https://email.${settings.region}.amazonaws.com`;
    const url = urlUnder(base, '/v2/email/outbound-emails');
    const body = JSON.stringify({
      Destination: { ToAddresses: [mail.to] },
      Content: { Raw: { Data: raw.toString('base64') } },
      ...(settings.configuration_set && { ConfigurationSetName: settings.configuration_set }),
    });
    return { url, headers: await signed(settings, { url, body, method: 'POST' }, clock), body };
  },
  idOf: ({ json }) => textOf(json, 'MessageId'),
  errorOf: sesError,
});

/** Of a request to SES; also for the call that only looks whether the key is taken. */
export async function signed(
  settings: SettingsOf<'ses'>,
  { url, body, method }: { readonly url: string; readonly body?: string; readonly method: 'GET' | 'POST' },
  clock: Clock,
): Promise<Record<string, string>> {
  const signer = new AwsV4Signer({
    method,
    url,
    ...(body !== undefined && { body, headers: { 'Content-Type': 'application/json' } }),
    accessKeyId: settings.access_key_id,
    secretAccessKey: settings.secret_access_key,
    service: 'ses',
    region: settings.region,
    datetime: new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
  });
  const { headers } = await signer.sign();
  return Object.fromEntries(headers);
}

/**
 * ML-05: a configuration set that tracks clicks passes over links marked so, and takes the mark away; also for templates
 * that do not have it:
 * https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html
 */
const untracked = (mail: OutgoingMail): OutgoingMail => ({
  ...mail,
  html: mail.html.replace(/<a (?![^>]*\bses:no-track)(?=[^>]*\bhref=)/gi, '<a ses:no-track '),
});

/** The name stands in a header, as `Name:http://…`, or in the body. */
function sesError({ status, headers, json }: ApiAnswer): ApiError {
  const header = headers['x-amzn-errortype'];
  const written = (typeof header === 'string' ? header : undefined) ?? textOf(json, '__type') ?? '';
  const code = written.split(':')[0]?.split('#').at(-1);
  const message = textOf(json, 'message') ?? textOf(json, 'Message') ?? '';
  switch (code) {
    case 'TooManyRequestsException':
    case 'LimitExceededException':
    case 'ThrottlingException':
      return { code, scope: 'transport', mayPass: true };
    case 'AccountSuspendedException':
    case 'SendingPausedException':
    case 'MailFromDomainNotVerifiedException':
    case 'NotFoundException':
      return { code, scope: 'transport' };
    case 'MessageRejected':
      // The same name for content and for an identity that is not verified, which is ours to mend.
      return { code, scope: /not verified/i.test(message) ? 'transport' : 'message' };
    case 'BadRequestException':
      return { code, scope: /address|recipient|domain/i.test(message) ? 'recipient' : 'message' };
    default:
      return { code: code || undefined, ...(status === 400 && { scope: 'transport' }) };
  }
}
