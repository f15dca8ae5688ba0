/**
 * The engine's pages in our own views: errors, sign-out, form_post. Its HTML and its redirects after a form POST are
 * replaced behind it, because CSP `form-action 'self'` stops a redirect chain that leaves our origin (design §2).
 */

import type { Accounts } from '../accounts/accounts.ts';
import { type App, clientHome, clientName } from '../apps/apps.ts';
import type { Page, WayOn } from '../core/page.ts';
import { faultOf, type Log } from '../lib/log.ts';
import { restartUrl } from '../oidc/engine.ts';
import type { EngineContext, EnginePages } from '../oidc/pages.ts';
import { StoreUnavailable } from '../store/port.ts';
import { infoOf } from './request-info.ts';
import { type PageTarget, respond } from './respond.ts';

export interface EnginePageServices {
  readonly accounts: Accounts;
  readonly log: Log;
  readonly pseudoLocales: boolean;
  /** Whether this interaction was finished before, so that a second resume is told so instead of an error. */
  isFinished(app: App, uid: string): Promise<boolean>;
  /** Gives the browser that has just finished a sign-in a fresh asking cookie (ML-43). */
  renewAsking(ctx: EngineContext, app: App): Promise<void>;
}

export function enginePages(services: EnginePageServices): EnginePages {
  const show = (ctx: EngineContext, page: Page) =>
    respond(ctx as unknown as PageTarget, page, {
      // Both are Koa contexts; the engine's declarations only name other generics.
      pseudoLocales: services.pseudoLocales,
      uiLocales: textOf(ctx.oidc.params?.ui_locales),
    });

  return {
    async error(ctx, app, out, cause) {
      const info = infoOf(ctx.req);
      const wayOn = wayOnOf(ctx, app);
      if (ctx.oidc.route === 'resume' && out.error === 'invalid_request') {
        const uid = ctx.path.split('/').at(-1) ?? '';
        if (await services.isFinished(app, uid))
          return show(ctx, { view: 'finished', status: 409, ...wayOn });
        // Another session than when the request came to wait: it begins anew, for whoever is signed in now (design §2).
        const { Interaction: waiting } = ctx.oidc.entities;
        if (waiting) {
          const url = restartUrl(app, waiting.params);
          return show(ctx, { view: 'go-on', status: 200, url, clientName: clientNameOf(ctx, app) });
        }
      }
      const isAway = cause instanceof StoreUnavailable;
      if (isAway) ctx.set('Retry-After', '2');
      const code = isAway ? 'unavailable' : out.error;
      show(ctx, {
        view: 'error',
        status: isAway ? 503 : ctx.status,
        code,
        reference: info.reference,
        ...wayOn,
      });
    },

    async logout(ctx, app) {
      const { action, xsrf } = logoutForm(ctx);
      const userId = ctx.oidc.session?.accountId;
      const user = userId === undefined ? undefined : await services.accounts.findById(app.id, userId);
      if (isOwnHint(ctx)) {
        const fields = [
          { name: 'xsrf', value: xsrf },
          { name: 'logout', value: 'yes' },
        ];
        return show(ctx, { view: 'form-post', status: 200, action, fields, clientName: app.settings.name });
      }
      const client = ctx.oidc.client && { clientName: clientName(app, ctx.oidc.client.clientId) };
      show(ctx, { view: 'logout', status: 200, action, xsrf, email: user?.address ?? '', ...client });
    },

    async loggedOut(ctx, app) {
      show(ctx, { view: 'logged-out', status: 200, ...wayOnOf(ctx, app) });
    },

    fault(ctx, fault) {
      const info = infoOf(ctx.req);
      info.fault = fault;
      // The log gets the place, the page the same reference, nobody the message (WB-09).
      services.log.error(
        { reference: info.reference, fault: faultOf(fault) },
        'fault behind an engine answer',
      );
    },

    async finish(ctx, app) {
      const info = infoOf(ctx.req);
      info.route = ctx.oidc?.route ? `/${ctx.oidc.route}` : info.route;
      if (ctx.status === 404 && !ctx.body) return notFound(ctx, services);
      if (ctx.status === 500 && info.fault instanceof StoreUnavailable) return unavailable(ctx);
      if (isFinishedSignIn(ctx)) await services.renewAsking(ctx, app);
      const isPosted = ctx.method === 'POST' && ctx.status === 303;
      if (isPosted) {
        const url = ctx.response.get('Location');
        ctx.remove('Location');
        return show(ctx, { view: 'go-on', status: 200, url, clientName: clientNameOf(ctx, app) });
      }
      if (isFormPost(ctx.body)) {
        const status = ctx.status === 400 || ctx.status === 500 ? ctx.status : 200;
        show(ctx, {
          view: 'form-post',
          status,
          ...readFormPost(ctx.body),
          clientName: clientNameOf(ctx, app),
        });
      }
    },
  };
}

/** Set by the engine's resume, not declared. A refusal or another question for the person has no code yet. */
function isFinishedSignIn(ctx: EngineContext): boolean {
  const { result } = ctx.oidc as { result?: { browser?: unknown } };
  return (
    ctx.oidc.route === 'resume' &&
    result?.browser !== undefined &&
    ctx.oidc.entities.AuthorizationCode !== undefined
  );
}

function unavailable(ctx: EngineContext): void {
  ctx.status = 503;
  ctx.set('Retry-After', '2');
  ctx.body = { error: 'temporarily_unavailable', error_description: 'the service is busy, try again' };
}

function notFound(ctx: EngineContext, services: EnginePageServices): void {
  const { reference } = infoOf(ctx.req);
  const page = { view: 'error', status: 404, code: 'not_found', reference } as const;
  respond(ctx as unknown as PageTarget, page, { pseudoLocales: services.pseudoLocales });
}

function clientNameOf(ctx: EngineContext, app: App): string {
  const { client } = ctx.oidc;
  return client ? clientName(app, client.clientId) : app.settings.name;
}

function wayOnOf(ctx: EngineContext, app: App): { wayOn?: WayOn } {
  const { client } = ctx.oidc;
  const url = client && clientHome(app, client.clientId);
  return client && url !== undefined ? { wayOn: { url, clientName: clientName(app, client.clientId) } } : {};
}

/** An ID token of this very sign-in is consent enough (OA-36): nobody else can have it. */
function isOwnHint(ctx: EngineContext): boolean {
  const { IdTokenHint: hint } = ctx.oidc.entities as {
    IdTokenHint?: { payload: { sub?: unknown; auth_time?: unknown } };
  }; // not declared
  const { session } = ctx.oidc;
  return (
    hint !== undefined &&
    hint.payload.sub === session?.accountId &&
    hint.payload.auth_time === session?.authTime()
  );
}

/** The engine passes the logout form as text; both of its values are known by name too. */
function logoutForm(ctx: EngineContext): { action: string; xsrf: string } {
  const { state } = ctx.oidc.session ?? {};
  return { action: ctx.oidc.urlFor('end_session_confirm'), xsrf: String(state?.secret ?? '') };
}

const isFormPost = (body: unknown): body is string =>
  typeof body === 'string' && body.includes('<title>Submitting Callback</title>');

/** Values as the engine wrote them, its five HTML escapes undone. */
export function readFormPost(html: string): { action: string; fields: { name: string; value: string }[] } {
  const action = /<form method="post" action="([^"]*)">/.exec(html)?.[1] ?? '';
  const fields = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"\/>/g)].map(
    ([, name, value]) => ({
      name: unescapeHtml(name ?? ''),
      value: unescapeHtml(value ?? ''),
    }),
  );
  return { action: unescapeHtml(action), fields };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};
const unescapeHtml = (text: string): string =>
  text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ESCAPES[entity] ?? entity);

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
