/**
 * Webhooks of Brevo: https://developers.brevo.com/docs/transactional-webhooks. They are not signed; Brevo sends a user and
 * password or a Bearer token of ours: https://developers.brevo.com/docs/secured-webhooks. Singly or in batches.
 */
import { z } from 'zod';
import { SECOND } from '../../core/clock.ts';
import {
  bracketed,
  codesIn,
  type FeedbackEvent,
  type FeedbackKind,
  malformed,
  type Reading,
  reasonOf,
  refused,
  type WebhookRequest,
  wordOf,
} from './event.ts';
import { readJson } from './json.ts';
import { carriesSecret } from './secrets.ts';

const ONE = z.object({
  event: z.string(),
  email: z.string().optional(),
  'message-id': z.string().max(300).optional(),
  ts_event: z.number().optional(),
  reason: z.string().optional(),
});
const SHAPE = z.union([z.array(ONE), ONE]);
type Told = z.output<typeof ONE>;

const KINDS: Readonly<Record<string, FeedbackKind>> = {
  delivered: 'delivered',
  deferred: 'deferred',
  soft_bounce: 'soft_bounce',
  hard_bounce: 'hard_bounce',
  invalid_email: 'hard_bounce',
  spam: 'complained',
  complaint: 'complained',
  blocked: 'suppressed',
  error: 'rejected',
};

export function readBrevo(request: WebhookRequest, { secret }: { readonly secret: string }): Reading {
  if (!carriesSecret(request, secret)) return refused('wrong secret');
  const told = readJson(request.body, SHAPE);
  if (!told) return malformed('not a Brevo event');
  return { outcome: 'events', events: (Array.isArray(told) ? told : [told]).flatMap(eventOf) };
}

function eventOf(told: Told): readonly FeedbackEvent[] {
  const kind = Object.hasOwn(KINDS, told.event) ? KINDS[told.event] : undefined;
  const id = bracketed(told['message-id']);
  if (!kind || id === undefined) return [];
  return [
    {
      kind,
      providerIds: [id, id.slice(1, -1)],
      messageId: id,
      recipient: told.email,
      at: told.ts_event === undefined ? undefined : told.ts_event * SECOND,
      reason: reasonOf(codesIn(told.reason), wordOf(told.event)),
    },
  ];
}
