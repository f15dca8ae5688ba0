/**
 * Webhooks of Mailgun, signed by HMAC over a timestamp and a token but not over the events:
 * https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks and …/webhook-payloads. Whoever
 * has seen one request could put other events beside its signature: hence the token is taken once (as Mailgun advises).
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { HOUR, SECOND } from '../../core/clock.ts';
import {
  bracketed,
  codesIn,
  type FeedbackKind,
  malformed,
  type Reading,
  reasonOf,
  refused,
  type WebhookRequest,
  wordOf,
} from './event.ts';
import { readJson } from './json.ts';
import { CLOCK_SKEW, isSameMac, secondsOf } from './secrets.ts';
import { kindOfFailure } from './status-code.ts';

/** Tried again for eight hours: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhooks */
const MAX_AGE = 9 * HOUR;

const SHAPE = z.object({
  signature: z.object({
    timestamp: z.union([z.string(), z.number()]),
    token: z.string().min(20).max(200),
    signature: z.string().regex(/^[0-9a-f]{64}$/i),
  }),
  'event-data': z.object({
    event: z.string(),
    timestamp: z.number().optional(),
    recipient: z.string().optional(),
    severity: z.string().optional(),
    reason: z.string().optional(),
    message: z.object({ headers: z.object({ 'message-id': z.string().optional() }).optional() }).optional(),
    'delivery-status': z
      .object({
        code: z.union([z.number(), z.string()]).optional(),
        'enhanced-code': z.string().optional(),
      })
      .optional(),
  }),
});
type Told = z.output<typeof SHAPE>['event-data'];

export function readMailgun(request: WebhookRequest, { secret }: { readonly secret: string }): Reading {
  const read = readJson(request.body, SHAPE);
  if (!read) return refused('not signed');
  const { token, signature } = read.signature;
  const stamp = String(read.signature.timestamp);
  const at = secondsOf(stamp);
  if (at === undefined || at < request.now - MAX_AGE || at > request.now + CLOCK_SKEW)
    return refused('too old or too new');
  const expected = createHmac('sha256', secret)
    .update(stamp + token)
    .digest();
  if (!isSameMac(expected, Buffer.from(signature, 'hex'))) return refused('wrong signature');
  const told = read['event-data'];
  const once = { id: token, until: at + MAX_AGE + CLOCK_SKEW };
  const kind = kindOf(told);
  if (!kind) return { outcome: 'events', events: [], once };
  const id = bracketed(told.message?.headers?.['message-id']);
  if (id === undefined) return malformed('no message-id');
  const status = told['delivery-status'];
  const event = {
    kind,
    providerIds: [id, id.slice(1, -1)],
    messageId: id,
    recipient: told.recipient,
    at: told.timestamp === undefined ? undefined : Math.floor(told.timestamp * SECOND),
    reason: reasonOf(codesIn(status?.code), codesIn(status?.['enhanced-code']), wordOf(told.reason)),
  };
  return { outcome: 'events', events: [event], once };
}

function kindOf({ event, severity, reason = '', 'delivery-status': status }: Told): FeedbackKind | undefined {
  if (event === 'delivered') return 'delivered';
  if (event === 'complained') return 'complained';
  if (event === 'rejected') return 'rejected';
  if (event !== 'failed') return undefined;
  if (severity === 'temporary') return 'deferred';
  if (reason.startsWith('suppress-')) return 'suppressed';
  if (reason === 'espblock') return 'rejected';
  const enhanced = codesIn(status?.['enhanced-code']);
  if (enhanced !== undefined) return kindOfFailure(enhanced, '');
  // "old": tried for too long; its last answer was one that may pass.
  const isFinal = /^5\d\d$/.test(String(status?.code ?? ''));
  return isFinal && reason !== 'old' ? 'hard_bounce' : 'soft_bounce';
}
