/**
 * Signatures and contents of the providers' webhooks. What is published is used as published, with its source; where a
 * provider publishes no signed example that is said here and in docs/guide/mail-feedback.md.
 */
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/core/clock.ts';
import { readBrevo } from '../../src/mail/feedback/brevo.ts';
import type { FeedbackEvent, Reading, WebhookRequest } from '../../src/mail/feedback/event.ts';
import { readHook } from '../../src/mail/feedback/hook.ts';
import { readMailgun } from '../../src/mail/feedback/mailgun.ts';
import { readPostmark } from '../../src/mail/feedback/postmark.ts';
import { readResend } from '../../src/mail/feedback/resend.ts';
import { standardWebhook } from '../../src/mail/feedback/secrets.ts';
import { readSendgrid } from '../../src/mail/feedback/sendgrid.ts';
import { sesEvents } from '../../src/mail/feedback/ses.ts';
import { cachedCertificates, readSns, snsHost } from '../../src/mail/feedback/sns.ts';
import { AWS_CERTIFICATE, AWS_MESSAGES, MAILGUN, SENDGRID, STANDARD } from './mail-webhook.fixture.ts';

const request = (
  body: string | object,
  headers: WebhookRequest['headers'] = {},
  now = 0,
): WebhookRequest => ({
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  now,
});

const eventsOf = (reading: Reading): readonly FeedbackEvent[] => {
  if (reading.outcome !== 'events') throw new Error(`${reading.outcome}: ${JSON.stringify(reading)}`);
  return reading.events;
};
const kindsOf = (reading: Reading) => eventsOf(reading).map(({ kind }) => kind);
const whyOf = (reading: { outcome: string }) =>
  `${reading.outcome}${'why' in reading ? `: ${String(reading.why)}` : ''}`;

describe('mail webhooks: SendGrid', () => {
  const { publicKey, signature, timestamp, payload } = SENDGRID;
  const settings = { public_key: publicKey };
  const now = Number(timestamp) * SECOND;
  const signed = (more: Partial<Record<'signature' | 'timestamp' | 'body', string>> = {}, at = now) =>
    request(
      more.body ?? payload,
      {
        'x-twilio-email-event-webhook-signature': more.signature ?? signature,
        'x-twilio-email-event-webhook-timestamp': more.timestamp ?? timestamp,
      },
      at,
    );

  it('takes the published signature, and no other', () => {
    // Signed as published; the example is no array of events, which is found out behind the signature.
    expect(whyOf(readSendgrid(signed(), settings))).equal('malformed: not an array of events');
    expect(whyOf(readSendgrid(signed({ body: `${payload} ` }), settings))).equal('refused: wrong signature');
    const bad = `${signature.slice(0, -8)}AAAAAAA=`;
    expect(whyOf(readSendgrid(signed({ signature: bad }), settings))).equal('refused: wrong signature');
    expect(whyOf(readSendgrid(signed({ signature: 'none' }), settings))).equal('refused: wrong signature');
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    const key = other.export({ format: 'der', type: 'spki' }).toString('base64');
    expect(whyOf(readSendgrid(signed(), { public_key: key }))).equal('refused: wrong signature');
  });

  it('refuses the published one a day later, and one from the future', () => {
    expect(whyOf(readSendgrid(signed({}, now + DAY + 1000), settings))).equal('refused: too old or too new');
    expect(whyOf(readSendgrid(signed({}, now - 6 * MINUTE), settings))).equal('refused: too old or too new');
    expect(whyOf(readSendgrid(signed({ timestamp: 'x' }), settings))).equal('refused: too old or too new');
    expect(whyOf(readSendgrid(request(payload), settings))).equal('refused: not signed');
  });

  it('reads a batch as published', () => {
    const { publicKey: mine, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const own = { public_key: mine.export({ format: 'der', type: 'spki' }).toString('base64') };
    const id = {
      sg_message_id: '14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0',
      email: 'a@example.com',
    };
    const smtpId = { 'smtp-id': '<14c5d75ce93.dfd.64b469@ismtpd-555>' };
    // https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
    const body = JSON.stringify([
      { ...id, ...smtpId, timestamp: 1_513_299_569, event: 'processed' },
      {
        ...id,
        ...smtpId,
        timestamp: 1_513_299_569,
        event: 'deferred',
        response: '400 try again later',
        attempt: '5',
      },
      { ...id, ...smtpId, timestamp: 1_513_299_569, event: 'delivered', response: '250 OK' },
      {
        ...id,
        ...smtpId,
        timestamp: 1_513_299_569,
        event: 'open',
        useragent: 'Mozilla/4.0',
        ip: '255.255.255.255',
      },
      { ...id, ...smtpId, event: 'bounce', type: 'bounce', status: '5.0.0', reason: '500 unknown recipient' },
      {
        ...id,
        ...smtpId,
        event: 'bounce',
        type: 'blocked',
        status: '5.7.1',
        bounce_classification: 'Reputation',
      },
      {
        ...id,
        event: 'bounce',
        type: 'blocked',
        status: '4.2.2',
        bounce_classification: 'Mailbox Unavailable',
      },
      { ...id, ...smtpId, event: 'dropped', reason: 'Bounced Address', status: '5.0.0' },
      { ...id, ...smtpId, event: 'dropped', reason: 'Spam Content' },
      { ...id, ...smtpId, event: 'spamreport' },
      { event: 'account_status_change' },
    ]);
    const stamp = String(Number(timestamp) + 1);
    const made = createSign('sha256')
      .update(stamp + body)
      .sign(privateKey)
      .toString('base64');
    const reading = readSendgrid(signed({ body, timestamp: stamp, signature: made }), own);
    expect(kindsOf(reading)).deep.equal([
      'deferred',
      'delivered',
      'hard_bounce',
      'rejected',
      'soft_bounce',
      'suppressed',
      'rejected',
      'complained',
    ]);
    const [deferred] = eventsOf(reading);
    expect(deferred).deep.include({
      providerIds: ['14c5d75ce93', '14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0'],
      messageId: '<14c5d75ce93.dfd.64b469@ismtpd-555>',
      recipient: 'a@example.com',
      at: 1_513_299_569_000,
      reason: '400',
    });
  });
});

describe('mail webhooks: Mailgun', () => {
  const { key, timestamp, token, signature } = MAILGUN;
  const now = Number(timestamp) * SECOND;
  const data = (more: object = {}) => ({
    event: 'failed',
    severity: 'permanent',
    reason: 'bounce',
    timestamp: Number(timestamp) + 0.25,
    recipient: 'alice@example.com',
    message: { headers: { 'message-id': '20130503192659.13651.20287@mg.example.com' } },
    'delivery-status': { code: 550, 'enhanced-code': '5.1.1', message: 'no such user alice@example.com' },
    ...more,
  });
  const told = (more: object = {}, sign: object = {}, at = now) =>
    request({ signature: { timestamp, token, signature, ...sign }, 'event-data': data(more) }, {}, at);

  it('takes the published signature, and no other', () => {
    const reading = readMailgun(told(), { secret: key });
    expect(eventsOf(reading)).deep.equal([
      {
        kind: 'hard_bounce',
        providerIds: [
          '<20130503192659.13651.20287@mg.example.com>',
          '20130503192659.13651.20287@mg.example.com',
        ],
        messageId: '<20130503192659.13651.20287@mg.example.com>',
        recipient: 'alice@example.com',
        at: Number(timestamp) * 1000 + 250,
        reason: '550 5.1.1 bounce',
      },
    ]);
    expect(whyOf(readMailgun(told(), { secret: `${key}x` }))).equal('refused: wrong signature');
    expect(whyOf(readMailgun(told({}, { token: `${token}x` }), { secret: key }))).equal(
      'refused: wrong signature',
    );
    const shifted = { timestamp: `${timestamp}${token.slice(0, 1)}`, token: token.slice(1) };
    expect(whyOf(readMailgun(told({}, shifted), { secret: key }))).equal('refused: too old or too new');
    expect(whyOf(readMailgun(told({}, {}, now + 10 * HOUR), { secret: key }))).equal(
      'refused: too old or too new',
    );
    expect(whyOf(readMailgun(request('{}'), { secret: key }))).equal('refused: not signed');
  });

  it('tells what failed for good from what may pass', () => {
    const kindOf = (more: object) => kindsOf(readMailgun(told(more), { secret: key }))[0];
    expect(kindOf({ severity: 'temporary' })).equal('deferred');
    expect(kindOf({ reason: 'old', 'delivery-status': { code: 421 } })).equal('soft_bounce');
    expect(kindOf({ reason: 'suppress-bounce' })).equal('suppressed');
    expect(kindOf({ reason: 'espblock' })).equal('rejected');
    expect(kindOf({ 'delivery-status': { code: 550, 'enhanced-code': '5.7.1' } })).equal('rejected');
    expect(kindOf({ 'delivery-status': { code: 552, 'enhanced-code': '5.2.2' } })).equal('soft_bounce');
    expect(kindOf({ event: 'complained' })).equal('complained');
    expect(kindOf({ event: 'delivered' })).equal('delivered');
    expect(kindOf({ event: 'opened' })).equal(undefined);
  });
});

describe('mail webhooks: Standard Webhooks (Resend, hook)', () => {
  const { secret, id, timestamp, body, signature } = STANDARD;
  const now = Number(timestamp) * SECOND;
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };

  it('takes the published signature, by either name of the headers', () => {
    expect(standardWebhook(request(body, headers, now), secret)).include({ id });
    const svix = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.replace('webhook', 'svix'), value]),
    );
    expect(standardWebhook(request(body, svix, now), secret)).include({ id });
    expect(standardWebhook(request(body, headers, now), secret.replace('whsec_', ''))).include({ id });
  });

  it('takes one of several signatures, of version 1 only', () => {
    const mac = signature.slice(3);
    const several = `v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v1a,${mac} ${signature}`;
    expect(standardWebhook(request(body, { ...headers, 'webhook-signature': several }, now), secret)).include(
      { id },
    );
    for (const wrong of [`v2,${mac}`, `v1a,${mac}`, `v1,`, mac, 'v1', '', `v1,${mac.slice(0, 8)}`]) {
      const given = request(body, { ...headers, 'webhook-signature': wrong }, now);
      expect(standardWebhook(given, secret), wrong).include({ outcome: 'refused' });
    }
  });

  it('refuses what is changed, old, of the future or twice there', () => {
    const cases: [string, WebhookRequest][] = [
      ['body', request(`${body} `, headers, now)],
      ['id', request(body, { ...headers, 'webhook-id': `${id}x` }, now)],
      ['old', request(body, headers, now + 5 * MINUTE + 1000)],
      ['future', request(body, headers, now - 5 * MINUTE - 1000)],
      ['doubled header', request(body, { ...headers, 'webhook-id': [id, id] }, now)],
      ['a dot in the id', request(body, { ...headers, 'webhook-id': 'msg.1' }, now)],
    ];
    for (const [name, one] of cases)
      expect(standardWebhook(one, secret), name).include({ outcome: 'refused' });
    const other = `whsec_${Buffer.alloc(24).toString('base64')}`;
    expect(standardWebhook(request(body, headers, now), other)).include({ outcome: 'refused' });
  });

  const signedBy = (told: object) => {
    const text = JSON.stringify(told);
    const mac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(
      `${id}.${timestamp}.${text}`,
    );
    return request(text, { ...headers, 'webhook-signature': `v1,${mac.digest('base64')}` }, now);
  };

  it('reads Resend as published', () => {
    // https://resend.com/docs/webhooks/emails/bounced
    const bounced = (bounce: object) =>
      signedBy({
        type: 'email.bounced',
        created_at: '2024-11-22T23:41:12.126Z',
        data: {
          broadcast_id: '8b146471-e88e-4322-86af-016cd36fd216',
          created_at: '2024-11-22T23:41:11.894719+00:00',
          email_id: '56761188-7520-42d8-8898-ff6fc54ce618',
          from: 'Acme <onboarding@resend.dev>',
          to: ['delivered@resend.dev'],
          subject: 'Sending this example',
          bounce,
        },
      });
    const hard = readResend(bounced({ type: 'Permanent', subType: 'General', message: 'gone' }), { secret });
    expect(eventsOf(hard)).deep.equal([
      {
        kind: 'hard_bounce',
        providerIds: ['56761188-7520-42d8-8898-ff6fc54ce618'],
        recipient: 'delivered@resend.dev',
        at: Date.parse('2024-11-22T23:41:12.126Z'),
        reason: 'Permanent General',
      },
    ]);
    expect(kindsOf(readResend(bounced({ type: 'Permanent', subType: 'Suppressed' }), { secret }))).deep.equal(
      ['suppressed'],
    );
    expect(kindsOf(readResend(bounced({ type: 'Transient' }), { secret }))).deep.equal(['soft_bounce']);
    const of = (type: string) =>
      kindsOf(readResend(signedBy({ type, data: { email_id: 'x', to: ['a@b.example'] } }), { secret }))[0];
    expect(of('email.delivered')).equal('delivered');
    expect(of('email.delivery_delayed')).equal('deferred');
    expect(of('email.complained')).equal('complained');
    expect(of('email.failed')).equal('rejected');
    expect(of('email.opened')).equal(undefined);
    expect(of('domain.created')).equal(undefined);
  });

  it('reads a hook of our own', () => {
    const told = {
      type: 'mail.hard_bounce',
      data: { message_id: 'm@x', recipient: 'a@b.example', reason: '550 5.1.1 <a@b.example> gone' },
    };
    expect(eventsOf(readHook(signedBy(told), { secret }))).deep.equal([
      {
        kind: 'hard_bounce',
        providerIds: [],
        messageId: '<m@x>',
        recipient: 'a@b.example',
        at: undefined,
        reason: '550 5.1.1',
      },
    ]);
    expect(kindsOf(readHook(signedBy({ type: 'mail.exploded', data: {} }), { secret }))).deep.equal([]);
    expect(whyOf(readHook(signedBy({ type: 'mail.delivered' }), { secret }))).equal(
      'malformed: not an event of a mail',
    );
  });
});

describe('mail webhooks: Amazon SNS', () => {
  const arn = (message: { TopicArn: string }) => message.TopicArn;
  const at = (message: { Timestamp: string }) => Date.parse(message.Timestamp) + MINUTE;
  const certificates = async (url: string) => {
    expect(url).match(
      /^https:\/\/sns\.us-east-2\.amazonaws\.com\/SimpleNotificationService-[0-9a-f]{32}\.pem$/,
    );
    return AWS_CERTIFICATE;
  };
  const read = (
    message: Record<string, unknown> & { TopicArn: string; Timestamp: string },
    topic = arn(message),
    now = at(message),
  ) => readSns(request(message, {}, now), topic, certificates);

  for (const message of AWS_MESSAGES) {
    it(`takes a message that AWS signed, version ${message.SignatureVersion}, and none like it`, async () => {
      expect(await read(message)).deep.include({ outcome: 'message', text: 'Hello world' });
      const changed = [
        { ...message, Message: 'Hello world!' },
        { ...message, MessageId: `${message.MessageId}0` },
        { ...message, Subject: 'added' },
        { ...message, Signature: Buffer.alloc(256).toString('base64') },
        { ...message, SignatureVersion: message.SignatureVersion === '1' ? '2' : '1' },
      ];
      for (const one of changed) expect(whyOf(await read(one))).equal('refused: wrong signature');
      expect(whyOf(await read({ ...message, SignatureVersion: '3' }))).equal('refused: not an SNS message');
    });
  }

  const [first = AWS_MESSAGES[0]] = AWS_MESSAGES;

  it('fetches nothing for another topic, a certificate elsewhere or an old message', async () => {
    const never = () => Promise.reject(new Error('fetched'));
    const elsewhere = [
      'https://sns.evil.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem',
      'https://sns.us-east-2.amazonaws.com.evil.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem',
      'https://evil.com/sns.us-east-2.amazonaws.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem',
      'https://sns.us-east-2.amazonaws.com@evil.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem',
      'https://sns.us-east-2.amazonaws.com:8443/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem',
      'http://sns.us-east-2.amazonaws.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem',
      'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem',
      'https://s3.amazonaws.com/attacker/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem',
      'https://sns.us-east-2.amazonaws.com/attacker.pem',
      'https://sns.us-east-2.amazonaws.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem?x',
      'https://sns.us-east-2.amazonaws.com/x/../SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem#',
      'file:///etc/passwd',
    ];
    for (const SigningCertURL of elsewhere) {
      const one = request({ ...first, SigningCertURL }, {}, at(first));
      expect(whyOf(await readSns(one, arn(first), never)), SigningCertURL).equal(
        'refused: certificate elsewhere',
      );
    }
    const other = request(first, {}, at(first));
    const topic = arn(first).replace('295079676684', '111111111111');
    expect(whyOf(await readSns(other, topic, never))).equal('refused: another topic');
    const old = request(first, {}, at(first) + DAY);
    expect(whyOf(await readSns(old, arn(first), never))).equal('refused: too old or too new');
  });

  it('refuses the same message under a certificate that is not, or no longer, that of SNS', async () => {
    const later = { ...first, Timestamp: '2022-09-01T00:00:00.000Z' };
    expect(whyOf(await read(later))).equal('refused: certificate not valid');
    const broken = async () => `<xml>${AWS_CERTIFICATE}</xml>`;
    const fault = await readSns(request(first, {}, at(first)), arn(first), broken).catch(String);
    expect(fault).equal('Error: not a certificate');
  });

  it('names the host of a topic, for every partition', () => {
    expect(snsHost('arn:aws:sns:eu-central-1:123456789012:mail')).equal('sns.eu-central-1.amazonaws.com');
    expect(snsHost('arn:aws-cn:sns:cn-north-1:123456789012:mail')).equal('sns.cn-north-1.amazonaws.com.cn');
    expect(snsHost('arn:aws-us-gov:sns:us-gov-west-1:123456789012:mail')).equal(
      'sns.us-gov-west-1.amazonaws.com',
    );
    expect(snsHost('arn:aws:sns:evil.com/:123456789012:mail')).equal(undefined);
  });

  it('keeps a certificate, and calls AWS six times a minute at most', async () => {
    let now = 0;
    const asked: string[] = [];
    const certificate = cachedCertificates(
      async (url) => {
        asked.push(url);
        return url;
      },
      () => now,
    );
    for (let nth = 0; nth < 10; nth += 1) await certificate('a');
    expect(asked).deep.equal(['a']);
    for (let nth = 0; nth < 10; nth += 1) await certificate(`b${nth}`).catch(() => undefined);
    expect(asked).length(6);
    await certificate('a');
    now += MINUTE;
    await certificate('c');
    expect(asked).length(7);
  });

  it('reads what SES publishes', () => {
    // https://docs.aws.amazon.com/ses/latest/dg/notification-examples.html
    const mail = {
      timestamp: '2016-01-27T14:59:38.237Z',
      source: 'john@example.com',
      messageId: '00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa0680-000000',
      destination: ['jane@example.com'],
      headersTruncated: false,
      headers: [
        { name: 'From', value: '"John Doe" <john@example.com>' },
        { name: 'Message-ID', value: 'custom-message-ID' },
      ],
    };
    const bounce = {
      notificationType: 'Bounce',
      bounce: {
        bounceType: 'Permanent',
        reportingMTA: 'dns; email.example.com',
        bouncedRecipients: [
          {
            emailAddress: 'jane@example.com',
            status: '5.1.1',
            action: 'failed',
            diagnosticCode: 'smtp; 550 5.1.1 <jane@example.com>... User',
          },
        ],
        bounceSubType: 'General',
        timestamp: '2016-01-27T14:59:38.237Z',
        feedbackId: '00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa068a-000000',
        remoteMtaIp: '127.0.2.0',
      },
      mail,
    };
    expect(sesEvents(JSON.stringify(bounce))).deep.equal([
      {
        kind: 'hard_bounce',
        at: Date.parse('2016-01-27T14:59:38.237Z'),
        recipient: 'jane@example.com',
        providerIds: [mail.messageId],
        messageId: '<custom-message-ID>',
        reason: '5.1.1 550 5.1.1 General',
      },
    ]);
    const kindOf = (told: object) => sesEvents(JSON.stringify({ mail, ...told }))?.[0]?.kind;
    const bounced = (more: object) => kindOf({ eventType: 'Bounce', bounce: { ...bounce.bounce, ...more } });
    expect(bounced({ bounceType: 'Transient', bounceSubType: 'MailboxFull' })).equal('soft_bounce');
    expect(bounced({ bounceType: 'Transient', bounceSubType: 'ContentRejected' })).equal('rejected');
    expect(bounced({ bounceSubType: 'OnAccountSuppressionList' })).equal('suppressed');
    expect(bounced({ bounceType: 'Undetermined' })).equal('soft_bounce');
    const complained = (more: object) =>
      kindOf({
        notificationType: 'Complaint',
        complaint: { complainedRecipients: [{ emailAddress: 'jane@example.com' }], ...more },
      });
    expect(complained({ complaintFeedbackType: 'abuse', complaintSubType: null })).equal('complained');
    expect(complained({ complaintFeedbackType: 'not-spam' })).equal(undefined);
    const delivery = { recipients: ['jane@example.com'], timestamp: '2016-01-27T14:59:38.237Z' };
    expect(kindOf({ notificationType: 'Delivery', delivery })).equal('delivered');
    const delayed = { delayType: 'MailboxFull', delayedRecipients: [{ emailAddress: 'jane@example.com' }] };
    expect(kindOf({ eventType: 'DeliveryDelay', deliveryDelay: delayed })).equal('deferred');
    expect(kindOf({ eventType: 'Reject', reject: { reason: 'Bad content' } })).equal('rejected');
    expect(kindOf({ eventType: 'Open', open: {} })).equal(undefined);
    expect(sesEvents('Successfully validated SNS topic for Amazon SES event publishing.')).equal(undefined);
  });
});

describe('mail webhooks: a secret that is sent along (Postmark, Brevo)', () => {
  const secret = 'correct-horse-battery-staple';
  const basic = (password: string, user = 'postern') => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  // https://postmarkapp.com/developer/webhooks/bounce-webhook
  const bounce = {
    RecordType: 'Bounce',
    ID: 42,
    Type: 'HardBounce',
    TypeCode: 1,
    MessageID: '883953f4-6105-42a2-a16a-77a8eac79483',
    Description: 'The server was unable to deliver your message (ex: unknown user, mailbox not found).',
    Details: 'Test bounce details',
    Email: 'john@example.com',
    BouncedAt: '2019-11-05T16:33:54.9070259Z',
  };

  it('is taken as password or token, and refused otherwise', () => {
    for (const headers of [
      basic(secret),
      basic(secret, ''),
      bearer(secret),
      { authorization: `bearer ${secret}` },
    ]) {
      expect(readPostmark(request(bounce, headers), { secret }).outcome).equal('events');
    }
    const wrong = [
      {},
      basic(`${secret}x`),
      basic(secret.slice(0, -1)),
      basic('', secret),
      bearer(''),
      { authorization: secret },
      { authorization: `Digest ${secret}` },
      { authorization: `Basic ${Buffer.from(secret).toString('base64')}` },
      { authorization: [bearer(secret).authorization, bearer(secret).authorization] },
    ];
    for (const headers of wrong) {
      expect(whyOf(readPostmark(request(bounce, headers), { secret })), JSON.stringify(headers)).equal(
        'refused: wrong secret',
      );
      expect(whyOf(readBrevo(request(bounce, headers), { secret })), JSON.stringify(headers)).equal(
        'refused: wrong secret',
      );
    }
  });

  it('reads Postmark as published', () => {
    const of = (told: object) => readPostmark(request(told, basic(secret)), { secret });
    expect(eventsOf(of(bounce))).deep.equal([
      {
        kind: 'hard_bounce',
        providerIds: ['883953f4-6105-42a2-a16a-77a8eac79483'],
        recipient: 'john@example.com',
        at: Date.parse('2019-11-05T16:33:54.907Z'),
        reason: 'HardBounce',
      },
    ]);
    const kindOf = (more: object) => kindsOf(of({ ...bounce, ...more }))[0];
    expect(kindOf({ Type: 'SoftBounce' })).equal('soft_bounce');
    expect(kindOf({ Type: 'Transient' })).equal('deferred');
    expect(kindOf({ Type: 'AutoResponder' })).equal(undefined);
    expect(kindOf({ Type: 'Blocked' })).equal('rejected');
    expect(kindOf({ Type: 'constructor' })).equal(undefined);
    expect(kindOf({ RecordType: 'SpamComplaint', Type: 'SpamComplaint' })).equal('complained');
    expect(kindOf({ RecordType: 'Open' })).equal(undefined);
    // https://postmarkapp.com/developer/webhooks/delivery-webhook
    const delivery = {
      RecordType: 'Delivery',
      MessageID: 'x',
      Recipient: 'john@example.com',
      DeliveredAt: '2019-11-05T16:33:54.9070259Z',
    };
    expect(eventsOf(of(delivery))[0]).include({ kind: 'delivered', recipient: 'john@example.com' });
  });

  it('reads Brevo as published, alone and in batches', () => {
    // https://developers.brevo.com/docs/transactional-webhooks
    const one = {
      event: 'hard_bounce',
      email: 'example@domain.com',
      id: 26_224,
      date: '2020-10-09 00:00:00',
      ts: 1_604_933_619,
      'message-id': '<201798300811.5787683@relay.domain.com>',
      ts_event: 1_604_933_654,
      subject: 'My first Transactional',
      reason: '550 5.1.1 <example@domain.com> unknown user',
    };
    const of = (told: unknown) => readBrevo(request(told as object, bearer(secret)), { secret });
    expect(eventsOf(of(one))[0]).deep.equal({
      kind: 'hard_bounce',
      providerIds: ['<201798300811.5787683@relay.domain.com>', '201798300811.5787683@relay.domain.com'],
      messageId: '<201798300811.5787683@relay.domain.com>',
      recipient: 'example@domain.com',
      at: 1_604_933_654_000,
      reason: '550 5.1.1 hard_bounce',
    });
    const batch = [
      'delivered',
      'soft_bounce',
      'deferred',
      'spam',
      'blocked',
      'invalid_email',
      'error',
      'request',
      'click',
    ];
    expect(kindsOf(of(batch.map((event) => ({ ...one, event }))))).deep.equal([
      'delivered',
      'soft_bounce',
      'deferred',
      'complained',
      'suppressed',
      'hard_bounce',
      'rejected',
    ]);
  });
});
