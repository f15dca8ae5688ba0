/**
 * How an app's mail leaves the house: an ordered list of transports, and the key that Postern signs with itself (DKIM).
 * Owns the shape; `check-transports.ts` owns what the parts must keep to together.
 */
import { z } from 'zod';
import { domain, FROM_ENVIRONMENT, text, urlOf } from './fields.ts';
import {
  mailgunWebhook,
  sendgridWebhook,
  sesWebhook,
  sharedSecretWebhook,
  standardWebhook,
} from './webhook-schema.ts';

const CREDENTIAL = `${FROM_ENVIRONMENT}, or a \`sealed:…\` value made by \`npm run postern -- secret seal\``;

/** Goes into a header or a signature: one line of visible characters (ML-61). */
const credential = (what: string) =>
  z
    .string()
    .min(1)
    .max(8000)
    .regex(/^[^\p{Cc}]+$/u, 'no control characters')
    .describe(`${what}: ${CREDENTIAL}.`);

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, '1 to 40 of a-z, 0-9, - and _')
  .optional()
  .describe(
    'What logs, the mail log and webhooks call it; needed where two have one type. Default: the type.',
  );

const kind = <T extends string>(type: T) => z.literal(type).describe('Which way out it is.');

const baseUrl = (fallback: string) =>
  urlOf(['https:', 'http:'], 'must be an https:// URL without credentials')
    .default(fallback)
    .describe('Where the interface stands, such as that of another region.');

const host = z
  .string()
  .max(253)
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)$/, 'a host name or an address')
  .describe('Host name or address of the mail server.');

const oauth2 = z
  .strictObject({
    client_id: text(500).describe('Of the client at the authorization server.'),
    client_secret: credential('Of that client').optional(),
    refresh_token: credential('Granted by the mailbox whose `user` sends'),
    token_url: urlOf(['https:', 'http:'], 'must be an https:// URL without credentials').describe(
      'Token endpoint, such as https://oauth2.googleapis.com/token.',
    ),
    scope: text(500).optional().describe('Asked for with each access token, where the server wants it.'),
  })
  .describe('Access tokens instead of a password (XOAUTH2, as Google and Microsoft have it).');

const smtp = z.strictObject({
  type: kind('smtp'),
  name,
  host,
  port: z.int().min(1).max(65_535).optional().describe('Default: 587, or 465 with `tls: implicit`.'),
  tls: z
    .enum(['starttls', 'implicit', 'none'])
    .default('starttls')
    .describe(
      '`starttls`: STARTTLS or no mail at all; `implicit`: TLS from the first byte; `none`: only for this machine.',
    ),
  user: z.string().min(1).max(320).optional().describe('Needs `password` or `oauth2`.'),
  password: credential('Of `user`').optional(),
  oauth2: oauth2.optional(),
  webhook: sharedSecretWebhook,
});

const ses = z.strictObject({
  type: kind('ses'),
  name,
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-central-1')
    .describe('AWS region.'),
  access_key_id: credential('Of a user that may `ses:SendEmail`'),
  secret_access_key: credential('Of that key'),
  configuration_set: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .optional()
    .describe('Publishes bounces and complaints; it must not track opens or clicks.'),
  base_url: urlOf(['https:', 'http:'], 'must be an https:// URL without credentials')
    .optional()
    .describe('Default: `https://email.<region>.amazonaws.com`.'),
  webhook: sesWebhook,
});

const postmark = z.strictObject({
  type: kind('postmark'),
  name,
  server_token: credential('Server API token'),
  message_stream: z
    .string()
    .regex(/^[a-z0-9-]{1,30}$/)
    .default('outbound')
    .describe('A transactional stream.'),
  base_url: baseUrl('https://api.postmarkapp.com'),
  webhook: sharedSecretWebhook,
});

const sendgrid = z.strictObject({
  type: kind('sendgrid'),
  name,
  api_key: credential('API key with Mail Send'),
  base_url: baseUrl('https://api.sendgrid.com'),
  webhook: sendgridWebhook,
});

const mailgun = z.strictObject({
  type: kind('mailgun'),
  name,
  domain: domain.describe('Sending domain at Mailgun.'),
  api_key: credential('Domain sending key, or API key'),
  base_url: baseUrl('https://api.mailgun.net'),
  webhook: mailgunWebhook,
});

const resend = z.strictObject({
  type: kind('resend'),
  name,
  api_key: credential('API key with sending access'),
  base_url: baseUrl('https://api.resend.com'),
  webhook: standardWebhook,
});

const brevo = z.strictObject({
  type: kind('brevo'),
  name,
  api_key: credential('API key'),
  base_url: baseUrl('https://api.brevo.com'),
  webhook: sharedSecretWebhook,
});

const http = z.strictObject({
  type: kind('http'),
  name,
  url: urlOf(['https:', 'http:'], 'must be an https:// URL without credentials').describe(
    'Receives every mail as signed JSON: docs/guide/mail.md.',
  ),
  secret: credential('`whsec_` and 24 to 64 random bytes in base64, as in Standard Webhooks'),
  webhook: standardWebhook,
});

export const TRANSPORT_TYPES = [
  'smtp',
  'ses',
  'postmark',
  'sendgrid',
  'mailgun',
  'resend',
  'brevo',
  'http',
] as const;

export const transport = z
  .discriminatedUnion('type', [smtp, ses, postmark, sendgrid, mailgun, resend, brevo, http], {
    error: (issue) => (issue.code === 'invalid_union' ? `must be ${TRANSPORT_TYPES.join(', ')}` : undefined),
  })
  .describe('One way out; its `type` says which keys it takes.');

export const dkim = z
  .strictObject({
    domain: domain
      .optional()
      .describe('Default: that of the sender. For DMARC it shares its registered domain.'),
    selector: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/, 'a label such as postern1')
      .describe('The public key stands in DNS at `<selector>._domainkey.<domain>`.'),
    private_key: z
      .string()
      .max(8000)
      .optional()
      .describe(`RSA key of at least 1024 bits as PEM: ${CREDENTIAL}.`),
    private_key_file: z.string().min(1).max(4000).optional().describe('Or the file that holds it.'),
  })
  .describe(
    'Signs every mail here, for relays that do not (RFC 6376); smtp, ses and mailgun take signed mail.',
  );

export type TransportSettings = z.output<typeof transport>;
export type DkimSettings = z.output<typeof dkim>;
export type SettingsOf<T extends TransportSettings['type']> = Extract<TransportSettings, { type: T }>;

/** Keys whose value may come from the environment or be sealed; see `config-file.ts`. */
export const CREDENTIAL_KEYS: ReadonlySet<string> = new Set([
  'client_secret',
  'smtp_url',
  'refresh_token',
  'password',
  'access_key_id',
  'secret_access_key',
  'server_token',
  'api_key',
  'secret',
  'private_key',
]);

/** Types that take the mail as it was signed here. */
const TAKES_MIME: ReadonlySet<TransportSettings['type']> = new Set(['smtp', 'ses', 'mailgun']);
export const takesMime = (type: TransportSettings['type']): boolean => TAKES_MIME.has(type);
