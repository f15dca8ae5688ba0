/** Turns a page into a response: the one place that renders and sets the headers of HTML. */
import type { IncomingMessage } from 'node:http';
import type { App } from '../apps/apps.ts';
import { pageLanguages } from '../core/catalogue.ts';
import { unreachable } from '../core/errors.ts';
import { wantedLanguages } from '../core/languages.ts';
import type { Page } from '../core/page.ts';
import { render } from './render.ts';
import { infoOf } from './request-info.ts';
import { contentSecurityPolicy } from './security-headers.ts';

/** The part of a Koa context that both Koa apps (ours and the engine's) share. */
export interface PageTarget {
  readonly req: IncomingMessage;
  status: number;
  type: string;
  body: unknown;
  set(field: string, value: string): void;
  get(field: string): string;
  vary(field: string): void;
}

export interface RespondOptions {
  /** `ui_locales` of the authorization request, space separated, best first (OIDC Core §3.1.2.1). */
  readonly uiLocales?: string | undefined;
  readonly pseudoLocales: boolean;
}

export function respond(ctx: PageTarget, page: Page, options: RespondOptions): void {
  const info = infoOf(ctx.req);
  const { html, lang } = render(page, {
    locales: languagesOf(ctx, info.app?.settings.locale, options.uiLocales),
    nonce: info.nonce,
    pseudoLocales: options.pseudoLocales,
    ...(info.app ? { app: brandOf(info.app.settings), languages: pageLanguages(info.app.settings) } : {}),
  });
  ctx.status = page.status;
  ctx.type = 'text/html; charset=utf-8';
  ctx.set('Content-Language', lang);
  ctx.vary('Accept-Language');
  ctx.set('Cache-Control', 'no-store');
  ctx.set('Content-Security-Policy', contentSecurityPolicy(info.nonce, formActionOf(page, info.app)));
  if (page.view === 'check-mail' && page.status === 429) ctx.set('Retry-After', String(page.resendIn));
  if (hasForm(page, info.app)) ctx.set('Referrer-Policy', 'same-origin');
  ctx.body = html;
}

/** Under `no-referrer` a browser sends `Origin: null` with a form and the Origin check could not work (design §2). */
function hasForm(page: Page, app: App | undefined): boolean {
  switch (page.view) {
    case 'sign-in':
    case 'method':
    case 'check-mail':
    case 'link-here':
    case 'link-elsewhere':
    case 'continue-as':
    case 'choose-account':
    case 'switch-user':
    case 'consent':
    case 'logout':
      return true;
    case 'link-gone':
      return page.again !== undefined;
    case 'unavailable':
      return typeof page.retry === 'object' && 'fields' in page.retry;
    case 'refused':
      return page.cancel !== undefined;
    case 'form-post':
      return !isForeign(page.action, app);
    case 'proved':
    case 'go-on':
    case 'logged-out':
    case 'still-signed-in':
    case 'reported':
    case 'finished':
    case 'error':
      return false;
    default:
      return unreachable(page);
  }
}

const isForeign = (action: string, app: App | undefined): boolean =>
  !action.startsWith('/') && URL.parse(action)?.origin !== app?.origin;

function formActionOf(page: Page, app: App | undefined): string {
  if (page.view !== 'form-post' || !isForeign(page.action, app)) return "'self'";
  return URL.parse(page.action)?.origin ?? "'none'";
}

/** Languages the person reads, best first: `ui_locales`, then `Accept-Language`, then the app's own. */
export const languagesOf = (
  ctx: Pick<PageTarget, 'get'>,
  fallback: string | undefined,
  uiLocales?: string,
): string[] => wantedLanguages({ uiLocales, accept: ctx.get('Accept-Language'), fallback });

function brandOf(settings: {
  name: string;
  brand: { accent: string; logo?: string | undefined; support?: string | undefined };
}) {
  const { accent, logo, support } = settings.brand;
  return {
    name: settings.name,
    accent,
    ...(logo === undefined ? {} : { logo }),
    ...(support === undefined ? {} : { support }),
  };
}
