/**
 * The engine's pages in our own views: errors, sign-out, form_post. Its HTML and its redirects after a form POST are
 * replaced behind it, because CSP `form-action 'self'` stops a redirect chain that leaves our origin (design §2).
 */

import type { Accounts } from '../accounts/accounts.ts';
import { type App, clientHome, clientName } from '../apps/apps.ts';
import type { Page, WayOn } from '../core/page.ts';
import { faultOf, type Log } from '../lib/log.ts';
import { type Restartable, requestUrl } from '../oidc/engine.ts';
import type { EngineContext, EnginePages } from '../oidc/pages.ts';
import { StoreUnavailable } from '../store/port.ts';
import { infoOf } from './request-info.ts';
import { type PageTarget, respond } from './respond.ts';
import { answerUnavailable } from './unavailable.ts';

export interface EnginePageServices {
  readonly accounts: Accounts;
  readonly log: Log;
  readonly pseudoLocales: boolean;
  /** Whether this interaction was finished before, so that a second resume is told so instead of an error. */
  isFinished(app: App, uid: string): Promise<boolean>;
  /** Where that request begins anew; undefined when it gave a code already. */
  restartUrl(app: App, interaction: Restartable): Promise<string | undefined>;
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

  /** The sign-in stands by now: a store that goes away here must not cost the person the code. */
  const renew = async (ctx: EngineContext, app: App): Promise<void> => {
    try {
      await services.renewAsking(ctx, app);
    } catch (fault) {
      if (!(fault instanceof StoreUnavailable)) throw fault;
      services.log.warn({ reference: infoOf(ctx.req).reference }, 'asking cookie not renewed');
    }
  };

  return {
    async error(ctx, app, out) {
      const info = infoOf(ctx.req);
      // `finish` has an answer for whatever the store failed.
      if (info.patience.fault !== undefined) return;
      const wayOn = wayOnOf(ctx, app);
      if (ctx.oidc.route === 'resume' && out.error === 'invalid_request') {
        const uid = ctx.path.split('/').at(-1) ?? '';
        if (await services.isFinished(app, uid))
          return show(ctx, { view: 'finished', status: 409, ...wayOn });
        // Another session than when the request came to wait: it begins anew, for whoever is signed in now (design §2).
        const { Interaction: waiting } = ctx.oidc.entities;
        const url = waiting && (await services.restartUrl(app, waiting));
        if (url !== undefined) {
          return show(ctx, { view: 'go-on', status: 200, url, clientName: clientNameOf(ctx, app) });
        }
      }
      show(ctx, { view: 'error', status: ctx.status, code: out.error, reference: info.reference, ...wayOn });
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
      const id = ctx.oidc.client?.clientId;
      const client = id === undefined ? {} : { clientName: clientName(app, id) };
      const stay = `${app.path}/session/stay?${new URLSearchParams(id === undefined ? {} : { client_id: id })}`;
      show(ctx, { view: 'logout', status: 200, action, xsrf, stay, email: user?.address ?? '', ...client });
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
      keepFinishedSignIn(ctx);
      if (isFailedByStore(ctx)) return answerWithoutStore(ctx, app, services);
      if (ctx.status === 404 && !ctx.body) return notFound(ctx, services);
      if (isFinishedSignIn(ctx)) await renew(ctx, app);
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

/**
 * Whether the store failed this request, whatever the engine made of it: it answers some faults by itself (introspection
 * would say `active: false`, revocation 200). A page or redirect of a finished act stays, it holds what cannot be had twice.
 */
function isFailedByStore(ctx: EngineContext): boolean {
  const info = infoOf(ctx.req);
  if (info.patience.fault === undefined) return false;
  return info.isApi || ctx.status >= 400 || isErrorRedirect(ctx.response.get('Location'));
}

/** The code is stored and on its way when the engine saves the session at last: without it there is no silent sign-in. */
function keepFinishedSignIn(ctx: EngineContext): void {
  const location = ctx.response.get('Location');
  const isFinished = URL.parse(location)?.searchParams.has('code') ?? false;
  if (infoOf(ctx.req).patience.fault === undefined || !isFinished || ctx.status < 500) return;
  ctx.status = 303;
  ctx.body = '';
}

const isErrorRedirect = (location: string): boolean =>
  URL.parse(location)?.searchParams.has('error') ?? false;

function answerWithoutStore(ctx: EngineContext, app: App, services: EnginePageServices): void {
  ctx.remove('Location');
  const silent = silentAnswer(ctx, app);
  if (silent !== undefined) {
    ctx.status = 303;
    ctx.set('Location', silent);
    ctx.body = '';
    return;
  }
  const { isApi, form } = infoOf(ctx.req);
  const retry = form ?? restartOf(ctx, app) ?? (ctx.method === 'POST' ? 'back' : 'reload');
  answerUnavailable(
    ctx as unknown as PageTarget, // a Koa context; only the generics differ
    { retry, isJson: isApi, ...(ctx.oidc === undefined ? {} : wayOnOf(ctx, app)) },
    { pseudoLocales: services.pseudoLocales, uiLocales: textOf(ctx.oidc?.params?.ui_locales) },
  );
}

/**
 * An interaction serves once: what failed behind its end begins anew, for whoever is signed in by then. The engine sets
 * `params` in a resume as soon as the interaction has ended.
 */
function restartOf(ctx: EngineContext, app: App): { url: string } | undefined {
  const { Interaction: ended } = ctx.oidc?.entities ?? {};
  const hasEnded = ctx.oidc?.route === 'resume' && ctx.oidc.params !== undefined;
  // Nothing can be written while the store is away: a pushed request begins anew within its own 60 seconds only.
  return hasEnded && ended ? { url: requestUrl(app, ended) } : undefined;
}

/**
 * `prompt=none` comes from a script in a frame: no person would see our page, so the client is told by the code that
 * RFC 6749 §4.1.2.1 has for it. Everybody else waits at Postern, where the page asks again by itself.
 */
function silentAnswer(ctx: EngineContext, app: App): string | undefined {
  const { client } = ctx.oidc ?? {};
  // The session is read before the parameters are.
  const params: Readonly<Record<string, unknown>> = ctx.oidc?.params ?? ctx.query;
  const redirectUri = textOf(params.redirect_uri);
  if (ctx.oidc?.route !== 'authorization' || params.prompt !== 'none' || redirectUri === undefined)
    return undefined;
  if (!client?.redirectUriAllowed(redirectUri) || (params.response_mode ?? 'query') !== 'query')
    return undefined;
  const url = new URL(redirectUri);
  url.searchParams.set('error', 'temporarily_unavailable');
  if (textOf(params.state) !== undefined) url.searchParams.set('state', String(params.state));
  url.searchParams.set('iss', app.issuer); // RFC 9207 §2
  return url.href;
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

/** An ID token of this very session is consent enough (OA-36): it names the session, and nobody else can have it. */
function isOwnHint(ctx: EngineContext): boolean {
  const { IdTokenHint: hint } = ctx.oidc.entities as {
    IdTokenHint?: { payload: { sub?: unknown; sid?: unknown } };
  }; // not declared
  const { session, client } = ctx.oidc;
  const sid = client && session?.sidFor(client.clientId);
  return (
    hint !== undefined &&
    sid !== undefined &&
    hint.payload.sid === sid &&
    hint.payload.sub === session?.accountId
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
