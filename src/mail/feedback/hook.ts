/**
 * What a hook of the operator's own tells of the mails that the `http` transport handed to it: a Standard Webhooks message,
 * described in docs/guide/mail-feedback.md.
 */
import { z } from 'zod';
import {
  bracketed,
  codesIn,
  malformed,
  type Reading,
  reasonOf,
  timeOf,
  type WebhookRequest,
  wordOf,
} from './event.ts';
import { readJson } from './json.ts';
import { standardWebhook } from './secrets.ts';

const KINDS = [
  'delivered',
  'deferred',
  'soft_bounce',
  'hard_bounce',
  'complained',
  'suppressed',
  'rejected',
] as const;

const SHAPE = z.object({
  type: z.string(),
  timestamp: z.string().optional(),
  data: z.object({
    id: z.string().max(200).optional(),
    message_id: z.string().max(300).optional(),
    recipient: z.string().optional(),
    reason: z.string().optional(),
  }),
});

export function readHook(request: WebhookRequest, { secret }: { readonly secret: string }): Reading {
  const once = standardWebhook(request, secret);
  if ('outcome' in once) return once;
  const told = readJson(request.body, SHAPE);
  if (!told) return malformed('not an event of a mail');
  const kind = KINDS.find((one) => told.type === `mail.${one}`);
  if (!kind) return { outcome: 'events', events: [], once };
  const { id, message_id: messageId, recipient, reason } = told.data;
  const event = {
    kind,
    providerIds: id === undefined ? [] : [id],
    messageId: bracketed(messageId),
    recipient,
    at: timeOf(told.timestamp),
    reason: reasonOf(codesIn(reason) ?? wordOf(reason)),
  };
  return { outcome: 'events', events: [event], once };
}
