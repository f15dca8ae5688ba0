/**
 * The development inbox: every mail that would have been sent, with a JSON API that follows Mailpit's.
 *
 * Development only: whoever sees it can sign in as anybody. Owns no mail: `mail/transports/capture.ts` does.
 *
 *   GET    {prefix}                     the list           GET    {prefix}/api/v1/messages        ?start= &limit=
 *   GET    {prefix}/message/{id}        one mail           GET    {prefix}/api/v1/message/{id}    or `latest`
 *   GET    {prefix}/message/{id}/html   its HTML part      GET    {prefix}/api/v1/search          ?query=
 *                                                          DELETE {prefix}/api/v1/messages        {"IDs": […]}, or all
 */
import type { IncomingMessage } from 'node:http';
import Router, { type RouterContext } from '@koa/router';
import type { Next } from 'koa';
import { z } from 'zod';
import { randomToken } from '../../core/random.ts';
import type { CapturedMail, CaptureTransport } from '../../mail/transports/capture.ts';
import { messageDetail, messageList, searchMails } from './inbox-api.ts';
import { htmlPart, type InboxPlace, inboxAsset, inboxPage, messagePage, missingPage } from './inbox-view.ts';

export interface InboxOptions {
  /** Path of the inbox; `/dev/inbox` unless given. */
  readonly prefix?: string;
}

const MAX_BODY = 64 * 1024;
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1000;
const deletion = z.object({ IDs: z.array(z.string().max(100)).max(1000).optional() });

export function createInboxRouter(
  capture: CaptureTransport,
  { prefix = '/dev/inbox' }: InboxOptions = {},
): Router {
  const router = new Router({ prefix });
  const placeOf = (ctx: RouterContext): InboxPlace => ({ prefix, nonce: nonceOf(ctx) });

  router.use(noStore);
  router.use(async (_ctx, next) => {
    await capture.refresh();
    await next();
  });
  router.get('/style.css', (ctx) => {
    ctx.type = 'text/css';
    ctx.body = inboxAsset('style.css');
  });
  router.get('/inbox.js', (ctx) => {
    ctx.type = 'text/javascript';
    ctx.body = inboxAsset('inbox.js');
  });
  router.get('/', (ctx) => showPage(ctx, inboxPage(capture.list(), placeOf(ctx))));
  router.get('/message/:id', (ctx) => {
    const caught = named(capture, ctx.params.id);
    if (!caught) ctx.status = 404;
    showPage(ctx, caught ? messagePage(caught, placeOf(ctx)) : missingPage(placeOf(ctx)));
  });
  router.get('/message/:id/html', (ctx) => {
    const caught = named(capture, ctx.params.id);
    if (caught) showHtmlPart(ctx, htmlPart(caught));
  });
  router.get('/api/v1/messages', (ctx) => {
    ctx.body = messageList(capture.list(), capture.list().length, rangeOf(ctx));
  });
  router.get('/api/v1/search', (ctx) => {
    const found = searchMails(capture.list(), first(ctx.query.query) ?? '');
    ctx.body = messageList(found, capture.list().length, rangeOf(ctx));
  });
  router.get('/api/v1/message/:id', (ctx) => {
    const caught = named(capture, ctx.params.id);
    if (!caught) ctx.status = 404;
    ctx.body = caught ? messageDetail(caught) : { Error: 'Message not found' };
  });
  // No token needed: a page of another origin cannot send DELETE without a preflight, which nobody answers here.
  router.delete('/api/v1/messages', async (ctx) => {
    const wanted = deletion.safeParse(await readJson(ctx.req));
    if (!wanted.success) {
      ctx.status = 400;
      ctx.body = { Error: 'Expected {"IDs": ["…"]} or no body' };
      return;
    }
    const { IDs } = wanted.data;
    // As in Mailpit, an empty list means all.
    await capture.clear(IDs?.length ? IDs : undefined);
    ctx.type = 'text/plain';
    ctx.body = 'ok';
  });
  return router;
}

const named = (capture: CaptureTransport, id: string | undefined): CapturedMail | undefined =>
  id === 'latest' ? capture.list()[0] : capture.find(id ?? '');

export async function noStore(ctx: RouterContext, next: Next): Promise<void> {
  ctx.set('Cache-Control', 'no-store');
  await next();
}

/** The nonce that the outer layers put into the state; one of our own where none did. */
export function nonceOf(ctx: RouterContext): string {
  const given: unknown = ctx.state.nonce;
  if (typeof given === 'string') return given;
  const nonce = randomToken();
  ctx.state.nonce = nonce;
  return nonce;
}

export function showPage(ctx: RouterContext, html: string): void {
  const nonce = nonceOf(ctx);
  ctx.set(
    'Content-Security-Policy',
    [
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      `style-src 'nonce-${nonce}'`,
      "img-src 'self' data:",
      "connect-src 'self'",
      "frame-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
  );
  ctx.type = 'html';
  ctx.body = html;
}

/** A mail is hostile even here: no script, nothing loaded, no origin of ours, shown in our own frame only (ML-73). @param image URL of the one that may be */
export function showHtmlPart(ctx: RouterContext, html: string, image?: string): void {
  ctx.set(
    'Content-Security-Policy',
    [
      "default-src 'none'",
      "style-src 'unsafe-inline'",
      ...(image === undefined ? [] : [`img-src ${image}`]),
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'self'",
      'sandbox allow-popups allow-popups-to-escape-sandbox',
    ].join('; '),
  );
  ctx.set('X-Frame-Options', 'SAMEORIGIN');
  ctx.type = 'html';
  ctx.body = html;
}

const first = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

function rangeOf(ctx: RouterContext): { start: number; limit: number } {
  const whole = (text: string | undefined, fallback: number) =>
    text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : fallback;
  return {
    start: whole(first(ctx.query.start), 0),
    limit: Math.min(MAX_LIMIT, whole(first(ctx.query.limit), DEFAULT_LIMIT)),
  };
}

/** An empty object for no body, undefined for anything that is not small JSON. */
async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BODY) return undefined;
    chunks.push(bytes);
  }
  const text = Buffer.concat(chunks).toString('utf8').trim();
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
