/**
 * The Event Webhook of SendGrid, signed by ECDSA:
 * https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event and
 * …/getting-started-event-webhook-security-features. Events come in batches of several mails.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';
import { DAY, SECOND } from '../../core/clock.ts';
import { hashOf } from '../../core/hash.ts';
import {
  bracketed,
  codesIn,
  type FeedbackEvent,
  type FeedbackKind,
  headerOf,
  malformed,
  type Reading,
  reasonOf,
  refused,
  type WebhookRequest,
  wordOf,
} from './event.ts';
import { readJson } from './json.ts';
import { CLOCK_SKEW, secondsOf } from './secrets.ts';

/** What is not taken is sent again for a day: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event */
const MAX_AGE = DAY;

const SHAPE = z.array(
  z.object({
    event: z.string(),
    email: z.string().optional(),
    timestamp: z.number().optional(),
    'smtp-id': z.string().optional(),
    sg_message_id: z.string().max(500).optional(),
    type: z.string().optional(),
    status: z.string().optional(),
    reason: z.string().optional(),
    response: z.string().optional(),
    bounce_classification: z.string().optional(),
  }),
);
type Told = z.output<typeof SHAPE>[number];

export function readSendgrid(request: WebhookRequest, settings: { readonly public_key: string }): Reading {
  const signature = headerOf(request, 'x-twilio-email-event-webhook-signature');
  const stamp = headerOf(request, 'x-twilio-email-event-webhook-timestamp');
  if (signature === undefined || stamp === undefined) return refused('not signed');
  const at = secondsOf(stamp);
  if (at === undefined || at < request.now - MAX_AGE || at > request.now + CLOCK_SKEW)
    return refused('too old or too new');
  const signed = Buffer.concat([Buffer.from(stamp), request.body]);
  if (!verify('sha256', signed, keyOf(settings.public_key), Buffer.from(signature, 'base64')))
    return refused('wrong signature');
  const told = readJson(request.body, SHAPE);
  if (!told) return malformed('not an array of events');
  // An ECDSA signature can be written in two ways: what it signs names the message.
  const once = { id: hashOf(stamp, request.body.toString('latin1')), until: at + MAX_AGE + CLOCK_SKEW };
  return { outcome: 'events', events: told.flatMap(eventOf), once };
}

/** Throws for what is no P-256 key: the configuration is checked for it. */
export function keyOf(publicKey: string): KeyObject {
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ec') throw new TypeError('not an elliptic-curve key');
  return key;
}

function eventOf(told: Told): readonly FeedbackEvent[] {
  const kind = kindOf(told);
  if (!kind) return [];
  const { sg_message_id: id, timestamp, email } = told;
  return [
    {
      kind,
      // What the API answers is the part before the first dot: https://github.com/sendgrid/sendgrid-csharp/issues/1117
      providerIds: id === undefined ? [] : [...new Set([id.split('.', 1)[0] ?? id, id])],
      messageId: bracketed(told['smtp-id']),
      recipient: email,
      at: timestamp === undefined ? undefined : timestamp * SECOND,
      reason: reasonOf(codesIn(told.status), codesIn(told.response ?? told.reason), wordOf(told.type)),
    },
  ];
}

function kindOf({
  event,
  type,
  status = '',
  reason = '',
  bounce_classification: classed,
}: Told): FeedbackKind | undefined {
  switch (event) {
    case 'delivered':
      return 'delivered';
    case 'deferred':
      return 'deferred';
    case 'spamreport':
      return 'complained';
    case 'dropped':
      return /bounced address|spam reporting|unsubscribed/i.test(reason) ? 'suppressed' : 'rejected';
    case 'bounce':
      if (classed === 'Content' || classed === 'Reputation') return 'rejected';
      if (status.startsWith('4') || classed === 'Mailbox Unavailable') return 'soft_bounce';
      // "Blocked" is about us and not about the mailbox: SendGrid itself goes on sending to it.
      return type === 'blocked' ? 'rejected' : 'hard_bounce';
    default:
      return undefined;
  }
}
