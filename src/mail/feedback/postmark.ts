/**
 * Webhooks of Postmark: https://postmarkapp.com/developer/webhooks/bounce-webhook, …/delivery-webhook,
 * …/spam-complaint-webhook. They are not signed; Postmark sends the user and password of the URL that it was given.
 */
import { z } from 'zod';
import {
  type FeedbackKind,
  malformed,
  type Reading,
  reasonOf,
  refused,
  timeOf,
  type WebhookRequest,
  wordOf,
} from './event.ts';
import { readJson } from './json.ts';
import { carriesSecret } from './secrets.ts';

const SHAPE = z.object({
  RecordType: z.string(),
  MessageID: z.string().max(200),
  Type: z.string().optional(),
  /** Of a bounce. */
  Email: z.string().optional(),
  /** Of a delivery. */
  Recipient: z.string().optional(),
  BouncedAt: z.string().optional(),
  DeliveredAt: z.string().optional(),
});

/** https://postmarkapp.com/developer/api/bounce-api#bounce-types; what is missing here says nothing of the mail. */
const BOUNCES: Readonly<Record<string, FeedbackKind>> = {
  HardBounce: 'hard_bounce',
  BadEmailAddress: 'hard_bounce',
  Transient: 'deferred',
  DnsError: 'soft_bounce',
  SoftBounce: 'soft_bounce',
  Unknown: 'soft_bounce',
  SpamComplaint: 'complained',
  ManuallyDeactivated: 'suppressed',
  SpamNotification: 'rejected',
  VirusNotification: 'rejected',
  Blocked: 'rejected',
  SMTPApiError: 'rejected',
  DMARCPolicy: 'rejected',
  TemplateRenderingFailed: 'rejected',
};

export function readPostmark(request: WebhookRequest, { secret }: { readonly secret: string }): Reading {
  if (!carriesSecret(request, secret)) return refused('wrong secret');
  const told = readJson(request.body, SHAPE);
  if (!told) return malformed('not a Postmark record');
  const kind = kindOf(told.RecordType, told.Type ?? '');
  if (!kind) return { outcome: 'events', events: [] };
  const event = {
    kind,
    providerIds: [told.MessageID],
    recipient: told.Email ?? told.Recipient,
    at: timeOf(told.BouncedAt ?? told.DeliveredAt),
    reason: reasonOf(wordOf(told.Type)),
  };
  return { outcome: 'events', events: [event] };
}

function kindOf(record: string, type: string): FeedbackKind | undefined {
  if (record === 'Delivery') return 'delivered';
  if (record === 'SpamComplaint') return 'complained';
  return record === 'Bounce' && Object.hasOwn(BOUNCES, type) ? BOUNCES[type] : undefined;
}
