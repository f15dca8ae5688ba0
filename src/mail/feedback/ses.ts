/**
 * Feedback of Amazon SES, by an SNS topic: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html and
 * …/event-publishing-retrieving-sns-contents.html (the same by another name of the type).
 */
import { z } from 'zod';
import {
  bracketed,
  codesIn,
  type FeedbackEvent,
  type FeedbackKind,
  malformed,
  type Reading,
  reasonOf,
  timeOf,
  type WebhookRequest,
  wordOf,
} from './event.ts';
import { readJson } from './json.ts';
import { type Certificates, readSns } from './sns.ts';

const recipients = z.array(
  z.object({
    emailAddress: z.string(),
    status: z.string().optional(),
    diagnosticCode: z.string().optional(),
  }),
);

const SHAPE = z.object({
  notificationType: z.string().optional(),
  eventType: z.string().optional(),
  mail: z.object({
    messageId: z.string().max(200),
    destination: z.array(z.string()).optional(),
    headers: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
  }),
  bounce: z
    .object({
      bounceType: z.string(),
      bounceSubType: z.string().optional(),
      bouncedRecipients: recipients,
      timestamp: z.string().optional(),
    })
    .optional(),
  complaint: z
    .object({
      complainedRecipients: recipients,
      complaintSubType: z.string().nullish(),
      complaintFeedbackType: z.string().optional(),
      timestamp: z.string().optional(),
    })
    .optional(),
  delivery: z
    .object({ recipients: z.array(z.string()).optional(), timestamp: z.string().optional() })
    .optional(),
  deliveryDelay: z
    .object({
      delayType: z.string().optional(),
      delayedRecipients: recipients,
      timestamp: z.string().optional(),
    })
    .optional(),
});
type Told = z.output<typeof SHAPE>;
type Part = Pick<FeedbackEvent, 'kind' | 'at'> & {
  readonly to: readonly string[];
  readonly words: readonly (string | undefined)[];
};

export async function readSes(
  request: WebhookRequest,
  settings: { readonly topic_arn: string },
  certificates: Certificates,
): Promise<Reading> {
  const message = await readSns(request, settings.topic_arn, certificates);
  if (message.outcome !== 'message') return message;
  const { once, text } = message;
  const events = sesEvents(text);
  if (events) return { outcome: 'events', events, once };
  // SES greets a topic that it has just been given with a sentence.
  return text.startsWith('{') ? malformed('not an SES event') : { outcome: 'events', events: [], once };
}

/** Undefined for what is no event of SES; some have none for us. */
export function sesEvents(text: string): readonly FeedbackEvent[] | undefined {
  const told = readJson(text, SHAPE);
  return told && eventsOf(told);
}

function eventsOf(told: Told): readonly FeedbackEvent[] {
  const part = partOf(told);
  if (!part) return [];
  const own = told.mail.headers?.find(({ name }) => name.toLowerCase() === 'message-id')?.value;
  const { kind, at, to, words } = part;
  return to.map((recipient) => ({
    kind,
    at,
    recipient,
    providerIds: [told.mail.messageId],
    messageId: bracketed(own),
    reason: reasonOf(...words),
  }));
}

function partOf(told: Told): Part | undefined {
  const type = told.eventType ?? told.notificationType;
  const { bounce, complaint, delivery, deliveryDelay } = told;
  if (type === 'Bounce' && bounce) {
    const { bounceType, bounceSubType, bouncedRecipients: to } = bounce;
    const words = [codesIn(to[0]?.status), codesIn(to[0]?.diagnosticCode), wordOf(bounceSubType)];
    const kind = bounceKind(bounceType, bounceSubType ?? '');
    return { kind, at: timeOf(bounce.timestamp), to: addressesOf(to), words };
  }
  if (type === 'Complaint' && complaint) {
    // RFC 5965 §7.3: "not-spam" is a person who took the mail out of the spam folder.
    if (complaint.complaintFeedbackType === 'not-spam') return undefined;
    const isListed = complaint.complaintSubType === 'OnAccountSuppressionList';
    const words = [wordOf(complaint.complaintFeedbackType)];
    const to = addressesOf(complaint.complainedRecipients);
    return { kind: isListed ? 'suppressed' : 'complained', at: timeOf(complaint.timestamp), to, words };
  }
  if (type === 'Delivery' && delivery) {
    const to = delivery.recipients ?? told.mail.destination ?? [];
    return { kind: 'delivered', at: timeOf(delivery.timestamp), to, words: [] };
  }
  if (type === 'DeliveryDelay' && deliveryDelay) {
    const { delayType, delayedRecipients, timestamp } = deliveryDelay;
    return {
      kind: 'deferred',
      at: timeOf(timestamp),
      to: addressesOf(delayedRecipients),
      words: [wordOf(delayType)],
    };
  }
  if (type === 'Reject' || type === 'Rendering Failure')
    return { kind: 'rejected', at: undefined, to: told.mail.destination ?? [], words: [wordOf(type)] };
  return undefined;
}

/** https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types */
function bounceKind(type: string, subType: string): FeedbackKind {
  if (/suppress/i.test(subType)) return 'suppressed';
  if (/^(?:ContentRejected|AttachmentRejected|MessageTooLarge)$/.test(subType)) return 'rejected';
  return type === 'Permanent' ? 'hard_bounce' : 'soft_bounce';
}

const addressesOf = (to: z.output<typeof recipients>): readonly string[] =>
  to.map(({ emailAddress }) => emailAddress);
