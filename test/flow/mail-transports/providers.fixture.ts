/**
 * What each provider's published description says of a request, an answer and the errors; the link stands beside it. The
 * parts that no description shows are named in docs/guide/mail.md.
 */
import type { Reply } from '../../support/fake-provider.ts';

export interface ProviderFixture {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly description: string;
  readonly path: string;
  /** Headers that the request carries, each whole or as far as it is always the same. */
  readonly headers: Readonly<Record<string, string | RegExp>>;
  readonly accepted: Reply;
  readonly providerId: string;
  /** Errors with the outcome they are read as: outcome, scope, reason. */
  readonly errors: readonly {
    readonly source: string;
    readonly reply: Reply;
    readonly is: string;
    readonly retryAfterMs?: number;
  }[];
}

const POSTMARK = 'https://postmarkapp.com/developer/api/email-api';
const POSTMARK_ERRORS = 'https://postmarkapp.com/developer/api/overview#error-codes';
const SENDGRID = 'https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send';
const SENDGRID_ERRORS =
  'https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/errors';
const SENDGRID_RATES =
  'https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits';
const MAILGUN =
  'https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages/post-v3--domain-name--messages-mime';
const MAILGUN_ERRORS = 'https://documentation.mailgun.com/docs/mailgun/api-reference/api-overview';
const RESEND = 'https://resend.com/docs/api-reference/emails/send-email';
const RESEND_ERRORS = 'https://resend.com/docs/api-reference/errors';
const BREVO = 'https://developers.brevo.com/reference/sendtransacemail';
const SES = 'https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html';
const SES_ERRORS = 'https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html';

const postmarkError = (ErrorCode: number, Message: string): Reply => ({
  status: 422,
  json: { ErrorCode, Message },
});
const sesError = (name: string, status: number, message: string): Reply => ({
  status,
  headers: { 'x-amzn-errortype': `${name}:http://internal.amazon.com/coral/com.amazonaws.sesv2/` },
  json: { message },
});

export const PROVIDERS: Readonly<Record<string, ProviderFixture>> = {
  postmark: {
    settings: { type: 'postmark', server_token: 'server-token' },
    description: POSTMARK,
    path: '/email',
    headers: {
      'x-postmark-server-token': 'server-token',
      accept: 'application/json',
      'content-type': 'application/json',
    },
    accepted: {
      status: 200,
      json: {
        To: 'a@example.org',
        SubmittedAt: '2014-02-17T07:25:01.4178645-05:00',
        MessageID: '0a129aee-e1cd-480d-b08d-4f48548ff48d',
        ErrorCode: 0,
        Message: 'OK',
      },
    },
    providerId: '0a129aee-e1cd-480d-b08d-4f48548ff48d',
    errors: [
      {
        source: POSTMARK_ERRORS,
        reply: postmarkError(406, 'You tried to send to a recipient that has been marked as inactive.'),
        is: 'refused recipient HTTP 422 406',
      },
      {
        source: POSTMARK_ERRORS,
        reply: postmarkError(300, 'Invalid email request'),
        is: 'refused recipient HTTP 422 300',
      },
      {
        source: POSTMARK_ERRORS,
        reply: postmarkError(400, 'Sender Signature not found'),
        is: 'refused transport HTTP 422 400',
      },
      {
        source: POSTMARK_ERRORS,
        reply: postmarkError(413, 'Account May Not Send'),
        is: 'refused transport HTTP 422 413',
      },
      {
        source: POSTMARK_ERRORS,
        reply: { status: 401, json: { ErrorCode: 10, Message: 'Bad or missing API token' } },
        is: 'refused transport HTTP 401 10',
      },
      {
        source: POSTMARK_ERRORS,
        reply: { status: 503, json: { ErrorCode: 100, Message: 'Maintenance' } },
        is: 'deferred transport HTTP 503 100',
      },
    ],
  },
  sendgrid: {
    settings: { type: 'sendgrid', api_key: 'SG.key' },
    description: SENDGRID,
    path: '/v3/mail/send',
    headers: { authorization: 'Bearer SG.key', 'content-type': 'application/json' },
    accepted: { status: 202, headers: { 'X-Message-Id': '14c5d75ce93.dfd.64b469' } },
    providerId: '14c5d75ce93.dfd.64b469',
    errors: [
      {
        source: SENDGRID_ERRORS,
        reply: {
          status: 400,
          json: {
            errors: [
              { field: 'personalizations.0.to.0.email', message: 'Does not contain a valid address.' },
            ],
          },
        },
        is: 'refused recipient HTTP 400 personalizations.0.to.0.email',
      },
      {
        source: SENDGRID_ERRORS,
        reply: {
          status: 400,
          json: { errors: [{ field: 'from.email', message: 'Does not match a verified identity' }] },
        },
        is: 'refused transport HTTP 400 from.email',
      },
      {
        source: SENDGRID_ERRORS,
        reply: { status: 400, json: { errors: [{ field: 'content', message: 'missing' }] } },
        is: 'refused message HTTP 400 content',
      },
      {
        source: SENDGRID_ERRORS,
        reply: { status: 401, json: { errors: [{ field: null, message: 'authorization required' }] } },
        is: 'refused transport HTTP 401',
      },
      {
        source: SENDGRID_RATES,
        // The clock of the tests stands at 2026-11-23T19:04:00Z or thereabouts; the header names a second of it.
        reply: {
          status: 429,
          headers: { 'X-RateLimit-Reset': 'now+30' },
          json: { errors: [{ field: null, message: 'too many requests' }] },
        },
        is: 'deferred transport HTTP 429',
        retryAfterMs: 30_000,
      },
    ],
  },
  mailgun: {
    settings: { type: 'mailgun', domain: 'mg.shop.example', api_key: 'key-1' },
    description: MAILGUN,
    path: '/v3/mg.shop.example/messages.mime',
    headers: {
      authorization: `Basic ${Buffer.from('api:key-1').toString('base64')}`,
      'content-type': /^multipart\/form-data; boundary=/,
    },
    accepted: {
      status: 200,
      json: { id: '<20260101.1.0123456789@mg.shop.example>', message: 'Queued. Thank you.' },
    },
    providerId: '20260101.1.0123456789@mg.shop.example',
    errors: [
      {
        source: MAILGUN_ERRORS,
        reply: {
          status: 400,
          json: { message: "'to' parameter is not a valid address. please check documentation" },
        },
        is: 'refused recipient HTTP 400 to',
      },
      {
        source: MAILGUN_ERRORS,
        reply: { status: 400, json: { message: 'something else' } },
        is: 'refused message HTTP 400',
      },
      { source: MAILGUN_ERRORS, reply: { status: 401, text: 'Forbidden' }, is: 'refused transport HTTP 401' },
      { source: MAILGUN_ERRORS, reply: { status: 500, text: '' }, is: 'deferred transport HTTP 500' },
    ],
  },
  resend: {
    settings: { type: 'resend', api_key: 're_123' },
    description: RESEND,
    path: '/emails',
    headers: { authorization: 'Bearer re_123', 'idempotency-key': 'mail-1', 'user-agent': /./ },
    accepted: { status: 200, json: { id: '49a3999c-0ce1-4ea6-ab68-afcd6dc2e794' } },
    providerId: '49a3999c-0ce1-4ea6-ab68-afcd6dc2e794',
    errors: [
      {
        source: RESEND_ERRORS,
        reply: {
          status: 422,
          json: {
            statusCode: 422,
            name: 'validation_error',
            message: 'Invalid `to` field. The email address needs to follow the format.',
          },
        },
        is: 'refused recipient HTTP 422 validation_error',
      },
      {
        source: RESEND_ERRORS,
        reply: {
          status: 403,
          json: { statusCode: 403, name: 'validation_error', message: 'The domain is not verified.' },
        },
        is: 'refused transport HTTP 403 validation_error',
      },
      {
        source: RESEND_ERRORS,
        reply: {
          status: 403,
          json: { statusCode: 403, name: 'invalid_api_key', message: 'API key is invalid' },
        },
        is: 'refused transport HTTP 403 invalid_api_key',
      },
      {
        source: RESEND_ERRORS,
        reply: {
          status: 429,
          headers: { 'retry-after': '1' },
          json: { statusCode: 429, name: 'rate_limit_exceeded', message: 'Too many requests.' },
        },
        is: 'deferred transport HTTP 429 rate_limit_exceeded',
        retryAfterMs: 1000,
      },
      {
        source: RESEND_ERRORS,
        reply: {
          status: 429,
          json: {
            statusCode: 429,
            name: 'monthly_quota_exceeded',
            message: 'You have reached your monthly email sending quota.',
          },
        },
        is: 'refused transport HTTP 429 monthly_quota_exceeded',
      },
      {
        source: RESEND_ERRORS,
        reply: {
          status: 409,
          json: {
            statusCode: 409,
            name: 'concurrent_idempotent_requests',
            message: 'Same idempotency key used while original request is still in progress',
          },
        },
        is: 'deferred transport HTTP 409 concurrent_idempotent_requests',
      },
    ],
  },
  brevo: {
    settings: { type: 'brevo', api_key: 'xkeysib-1' },
    description: BREVO,
    path: '/v3/smtp/email',
    headers: { 'api-key': 'xkeysib-1', accept: 'application/json' },
    accepted: { status: 201, json: { messageId: '<201798300811.5787683@relay.domain.com>' } },
    providerId: '<201798300811.5787683@relay.domain.com>',
    errors: [
      {
        source: BREVO,
        reply: { status: 400, json: { code: 'invalid_parameter', message: 'email is not valid in to' } },
        is: 'refused recipient HTTP 400 invalid_parameter',
      },
      {
        source: BREVO,
        reply: { status: 400, json: { code: 'invalid_parameter', message: 'valid sender email required' } },
        is: 'refused transport HTTP 400 invalid_parameter',
      },
      {
        source: BREVO,
        reply: { status: 401, json: { code: 'unauthorized', message: 'Key not found' } },
        is: 'refused transport HTTP 401 unauthorized',
      },
      {
        source: BREVO,
        reply: { status: 402, json: { code: 'not_enough_credits', message: 'Not enough credits' } },
        is: 'refused transport HTTP 402 not_enough_credits',
      },
      {
        source: 'https://developers.brevo.com/docs/api-limits',
        reply: {
          status: 429,
          headers: { 'x-sib-ratelimit-reset': '7' },
          json: { code: 'too_many_requests', message: 'x' },
        },
        is: 'deferred transport HTTP 429 too_many_requests',
        retryAfterMs: 7000,
      },
    ],
  },
  ses: {
    settings: {
      type: 'ses',
      region: 'eu-central-1',
      access_key_id: 'AKIDEXAMPLE',
      secret_access_key: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      configuration_set: 'sign-in',
    },
    description: SES,
    path: '/v2/email/outbound-emails',
    headers: {
      authorization: /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/ses\/aws4_request, /,
      'x-amz-date': /^\d{8}T\d{6}Z$/,
      'content-type': 'application/json',
    },
    accepted: { status: 200, json: { MessageId: '010701857f3a0c6e-000000' } },
    providerId: '010701857f3a0c6e-000000',
    errors: [
      {
        source: SES,
        reply: sesError(
          'TooManyRequestsException',
          429,
          'Too many requests have been made to the operation.',
        ),
        is: 'deferred transport HTTP 429 TooManyRequestsException',
      },
      {
        source: SES,
        reply: sesError('SendingPausedException', 400, 'Email sending is currently paused.'),
        is: 'refused transport HTTP 400 SendingPausedException',
      },
      {
        source: SES,
        reply: sesError('AccountSuspendedException', 400, 'permanently restricted'),
        is: 'refused transport HTTP 400 AccountSuspendedException',
      },
      {
        source: SES_ERRORS,
        reply: sesError(
          'MessageRejected',
          400,
          'Email address is not verified. The following identities failed the check',
        ),
        is: 'refused transport HTTP 400 MessageRejected',
      },
      {
        source: SES,
        reply: sesError(
          'MessageRejected',
          400,
          "The message can't be sent because it contains invalid content.",
        ),
        is: 'refused message HTTP 400 MessageRejected',
      },
      {
        source: SES_ERRORS,
        reply: sesError('BadRequestException', 400, 'Domain contains illegal character'),
        is: 'refused recipient HTTP 400 BadRequestException',
      },
      {
        source: SES_ERRORS,
        reply: sesError('SignatureDoesNotMatch', 403, 'The request signature we calculated does not match'),
        is: 'refused transport HTTP 403 SignatureDoesNotMatch',
      },
    ],
  },
};
