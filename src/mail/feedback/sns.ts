/**
 * Messages of Amazon SNS over HTTPS: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.
 *
 * Anybody with an account at AWS has a topic whose messages are signed as well as ours: the topic must be the one of the
 * configuration, and nothing is fetched for a message of another. The certificate is taken from the SNS host of that
 * topic's region alone, by a name of the known form, over TLS.
 */
import { verify, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { DAY, MINUTE } from '../../core/clock.ts';
import { malformed, type Reading, type Refused, refused, timeOf, type WebhookRequest } from './event.ts';
import { readJson } from './json.ts';
import { CLOCK_SKEW } from './secrets.ts';

/** Gives the certificate behind a URL that was checked, in PEM; throws when it cannot be had now. */
export type Certificates = (url: string) => Promise<string>;

/** Tried again for an hour by default, longer by a policy of the operator's own. */
const MAX_AGE = DAY;

const SHAPE = z.object({
  Type: z.enum(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']),
  MessageId: z.string().min(1).max(200),
  TopicArn: z.string(),
  Subject: z.string().nullish(),
  Message: z.string(),
  Timestamp: z.string(),
  Token: z.string().optional(),
  SubscribeURL: z.string().optional(),
  SignatureVersion: z.enum(['1', '2']),
  Signature: z.string().max(1000),
  SigningCertURL: z.string().max(300),
});
type SnsMessage = z.output<typeof SHAPE>;

export type SnsReading =
  | Reading
  | {
      readonly outcome: 'message';
      readonly text: string;
      readonly once: { readonly id: string; readonly until: number };
    };

export async function readSns(
  request: WebhookRequest,
  topicArn: string,
  certificates: Certificates,
): Promise<SnsReading> {
  const message = readJson(request.body, SHAPE);
  if (!message) return refused('not an SNS message');
  if (message.TopicArn !== topicArn) return refused('another topic');
  const host = snsHost(topicArn);
  if (host === undefined || !isCertificateUrl(message.SigningCertURL, host))
    return refused('certificate elsewhere');
  const at = timeOf(message.Timestamp);
  if (at === undefined || at < request.now - MAX_AGE || at > request.now + CLOCK_SKEW)
    return refused('too old or too new');
  const fault = await signatureFault(message, certificates, request.now);
  if (fault) return fault;
  if (message.Type === 'Notification') {
    const once = { id: message.MessageId, until: at + MAX_AGE + CLOCK_SKEW };
    return { outcome: 'message', text: message.Message, once };
  }
  // Not by a request of ours: nothing to be done but to tell the operator, whose topic no longer comes here.
  if (message.Type === 'UnsubscribeConfirmation') return { outcome: 'events', events: [] };
  const url = message.SubscribeURL ?? '';
  return isConfirmation(url, host) ? { outcome: 'confirm', url } : malformed('confirmation elsewhere');
}

async function signatureFault(
  message: SnsMessage,
  certificates: Certificates,
  now: number,
): Promise<Refused | undefined> {
  const certificate = new X509Certificate(pemOf(await certificates(message.SigningCertURL)));
  const { publicKey } = certificate;
  // The name that AWS signs for, in its public regions and in China.
  const isSns =
    certificate.checkHost('sns.amazonaws.com') !== undefined ||
    /\.amazonaws\.com\.cn$/.test(certificate.subject);
  if (
    !isSns ||
    certificate.validToDate.getTime() < now ||
    certificate.validFromDate.getTime() > now + CLOCK_SKEW
  )
    return refused('certificate not valid');
  // The version names the hash and nothing else: the key is RSA whatever the message says.
  if (publicKey.asymmetricKeyType !== 'rsa') return refused('certificate not RSA');
  const hash = message.SignatureVersion === '2' ? 'sha256' : 'sha1';
  const signature = Buffer.from(message.Signature, 'base64');
  const isSigned = verify(hash, Buffer.from(signedText(message), 'utf8'), publicKey, signature);
  return isSigned ? undefined : refused('wrong signature');
}

/** In this order, each name and value on a line of its own; a subject only where there is one. */
function signedText(message: SnsMessage): string {
  const names =
    message.Type === 'Notification'
      ? (['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] as const)
      : (['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'] as const);
  return names
    .flatMap((name) => {
      const value = message[name];
      return value === undefined || value === null ? [] : [`${name}\n${value}\n`];
    })
    .join('');
}

/** `arn:aws:sns:eu-west-1:123456789012:topic` → `sns.eu-west-1.amazonaws.com`. */
export function snsHost(topicArn: string): string | undefined {
  const [, partition, region] =
    /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-\d{1,2}):\d{12}:[\w-]{1,256}$/.exec(topicArn) ??
    [];
  if (partition === undefined || region === undefined) return undefined;
  return `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
}

function isCertificateUrl(written: string, host: string): boolean {
  const url = urlAt(written, host);
  return (
    url !== undefined &&
    url.search === '' &&
    /^\/SimpleNotificationService-[0-9a-f]{32}\.pem$/.test(url.pathname)
  );
}

function isConfirmation(written: string, host: string): boolean {
  const url = urlAt(written, host);
  return url?.pathname === '/' && url.searchParams.get('Action') === 'ConfirmSubscription';
}

function urlAt(written: string, host: string): URL | undefined {
  const url = URL.parse(written);
  const isPlain = url?.protocol === 'https:' && url.username === '' && url.password === '' && url.hash === '';
  // `host` holds the port too, where it is not the usual one.
  // Written as it is read, so that nothing here sees another address than what fetches it.
  return url && isPlain && url.host === host && url.href === written ? url : undefined;
}

/** Exactly one certificate and nothing around it. */
function pemOf(text: string): string {
  const pem = text.trim();
  if (!/^-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----$/.test(pem))
    throw new Error('not a certificate');
  return pem;
}

const KEPT = 16;
const KEPT_FOR = DAY;
/** A stranger who knows the topic must not make us call AWS at will. */
const MAX_FETCHES_A_MINUTE = 6;

/** Certificates are kept for a day, so that a notification costs no call; each process has its own. */
export function cachedCertificates(
  fetchText: (url: string) => Promise<string>,
  now: () => number,
): Certificates {
  const kept = new Map<string, { readonly pem: string; readonly until: number }>();
  let fetches: number[] = [];
  return async (url) => {
    const known = kept.get(url);
    if (known && known.until > now()) return known.pem;
    fetches = fetches.filter((at) => at > now() - MINUTE);
    if (fetches.length >= MAX_FETCHES_A_MINUTE) throw new Error('too many certificates asked for');
    fetches.push(now());
    const pem = await fetchText(url);
    kept.delete(url);
    kept.set(url, { pem, until: now() + KEPT_FOR });
    const [oldest] = kept.keys();
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    return pem;
  };
}
