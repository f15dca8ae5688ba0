/**
 * `POST {issuer}/mail/webhooks/{transport}`: what mail providers tell of our mails, and behind it `/dsn` for the bounces
 * that come back to an SMTP sender. Server to server: no cookie is read or set, each request acts by its own signature or
 * secret, and whoever has none learns nothing but that.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../apps/apps.ts';
import { PosternError, unreachable } from '../core/errors.ts';
import type { Feedback, Receipt } from '../mail/feedback/feedback.ts';
import { readRaw } from './raw-body.ts';
import { infoOf } from './request-info.ts';

/** SendGrid's batches are the largest: 768 KB, and what escaping adds. */
const MAX_BYTES = 1024 * 1024;
const PATH = /^\/mail\/webhooks\/([a-z0-9][a-z0-9_-]{0,39})(\/dsn)?$/;

export const isMailWebhook = (rest: string): boolean => rest.startsWith('/mail/webhooks/');

export type MailWebhooks = Pick<Feedback, 'receive'>;

export async function mailWebhookPost(
  app: App,
  req: IncomingMessage,
  res: ServerResponse,
  rest: string,
  { webhooks, now }: { readonly webhooks: MailWebhooks; readonly now: number },
): Promise<void> {
  const info = infoOf(req);
  info.isApi = true;
  const [, transport, dsn] = PATH.exec(rest) ?? [];
  if (transport === undefined) throw new PosternError('not_found');
  info.route = `/mail/webhooks/:transport${dsn ?? ''}`;
  if (req.method !== 'POST') {
    res.setHeader('Allow', 'POST');
    throw new PosternError('method_not_allowed');
  }
  const body = await readRaw(req, MAX_BYTES);
  const form = dsn === undefined ? 'webhook' : 'dsn';
  const receipt = await webhooks.receive(app, transport, form, { headers: req.headers, body, now });
  if (receipt === undefined) throw new PosternError('not_found');
  const status = statusOf(receipt);
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  res.end(status === 200 ? 'ok\n' : 'not taken\n');
}

/** Providers send again what gets no 2xx: only what may be taken later is worth that. */
function statusOf(receipt: Receipt): 200 | 400 | 401 | 503 {
  switch (receipt) {
    case 'taken':
      return 200;
    case 'refused':
      return 401;
    case 'malformed':
      return 400;
    case 'later':
      return 503;
    default:
      return unreachable(receipt);
  }
}
