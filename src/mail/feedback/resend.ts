/**
 * Webhooks of Resend, signed by Svix: https://resend.com/docs/webhooks/verify-webhooks-requests and
 * https://resend.com/docs/webhooks/event-types.
 */
import { z } from 'zod';
import {
  type FeedbackKind,
  malformed,
  type Reading,
  reasonOf,
  timeOf,
  type WebhookRequest,
  wordOf,
} from './event.ts';
import { readJson } from './json.ts';
import { standardWebhook } from './secrets.ts';

const SHAPE = z.object({
  type: z.string(),
  created_at: z.string().optional(),
  data: z.object({
    email_id: z.string().max(200),
    to: z.union([z.array(z.string()), z.string()]).optional(),
    bounce: z.object({ type: z.string().optional(), subType: z.string().optional() }).optional(),
  }),
});
type Told = z.output<typeof SHAPE>;

export function readResend(request: WebhookRequest, { secret }: { readonly secret: string }): Reading {
  const once = standardWebhook(request, secret);
  if ('outcome' in once) return once;
  const told = readJson(request.body, SHAPE);
  if (!told) return malformed('not a Resend event');
  const kind = kindOf(told);
  const { email_id: id, to, bounce } = told.data;
  const event = kind && {
    kind,
    providerIds: [id],
    recipient: typeof to === 'string' ? to : to?.length === 1 ? to[0] : undefined,
    at: timeOf(told.created_at),
    reason: reasonOf(wordOf(bounce?.type), wordOf(bounce?.subType)),
  };
  return { outcome: 'events', events: event ? [event] : [], once };
}

function kindOf({ type, data: { bounce } }: Told): FeedbackKind | undefined {
  switch (type) {
    case 'email.delivered':
      return 'delivered';
    case 'email.delivery_delayed':
      return 'deferred';
    case 'email.complained':
      return 'complained';
    case 'email.suppressed':
      return 'suppressed';
    case 'email.failed':
      return 'rejected';
    case 'email.bounced':
      if (bounce?.subType === 'Suppressed' || bounce?.subType === 'OnAccountSuppressionList')
        return 'suppressed';
      return bounce?.type === 'Permanent' ? 'hard_bounce' : 'soft_bounce';
    default:
      return undefined;
  }
}
