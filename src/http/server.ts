/**
 * The front door: every request comes in here, is matched against the configured origins and apps, and goes to the engine,
 * to the pages of the house or to the development helpers.
 *
 * Below an app: `/interaction/…`, `/link/…` and `/callback/…` are ours, all else is the engine's. Beside the apps: `/public`, `/health`,
 * `/dev`, `/demo`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type Router from '@koa/router';
import Koa from 'koa';
import type { Apps } from '../apps/apps.ts';
import { type Clock, monotonic } from '../core/clock.ts';
import { PosternError } from '../core/errors.ts';
import { withPatience } from '../core/patience.ts';
import { faultOf, type Log } from '../lib/log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { StoreUnavailable } from '../store/port.ts';
import { Admission } from './admission.ts';
import { findAsset } from './assets.ts';
import { isOwnOrigin } from './csrf.ts';
import type { Health } from './health.ts';
import { isMailWebhook, type MailWebhooks, mailWebhookPost } from './mail-webhook.ts';
import { isMetadata, Metadata, withWellKnownBehind } from './metadata.ts';
import type { Origins, Peers } from './origins.ts';
import { RELATED_ORIGINS, relatedOrigins } from './related-origins.ts';
import { infoOf, openRequest } from './request-info.ts';
import { respond } from './respond.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { callback } from './sign-in/callback.ts';
import type { SignInServices } from './sign-in/context.ts';
import { interactionGet, interactionPost } from './sign-in/interaction.ts';
import { linkGet, linkPost, linkSecretGet } from './sign-in/link.ts';
import { signOutPost, stayGet } from './sign-out.ts';
import { answerUnavailable, isPagePath, RETRY_AFTER_S } from './unavailable.ts';

export interface ServerDeps {
  readonly apps: Apps;
  readonly origins: Origins;
  readonly peers: Peers;
  readonly services: SignInServices;
  readonly health: Health;
  readonly webhooks: MailWebhooks;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics | undefined;
  /** How long one request may wait for the store, ms. */
  readonly patienceMs: number;
  readonly production: boolean;
  readonly baseUrl: string;
  /** Development helpers; empty in production. */
  readonly devRouters: readonly Router[];
}

export type Callback = (req: IncomingMessage, res: ServerResponse) => void;

export function createServer(deps: ServerDeps): Callback {
  const house = createHouse(deps);
  const admission = new Admission();
  const refuse = (res: ServerResponse): void => {
    deps.metrics?.requestRefused();
    res.setHeader('Retry-After', String(RETRY_AFTER_S));
    plain(res, 503, 'too much at once, try again');
  };
  const metadata = new Metadata(deps.services.engines);

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const origin = deps.origins.of(req);
    setSecurityHeaders(res, origin?.startsWith('https:') ?? false);
    // Probes come by address, and tell nothing of any app; for all else the Host is pinned (ML-70).
    if (isProbe(req)) return house(req, res);
    if (origin === undefined) return misdirected(req, res, deps);
    const [pathname, query] = splitTarget(req.url ?? '');
    if (pathname === undefined) return plain(res, 400, 'bad request');
    // No slug has these names; beside an issuer that is a bare origin they would otherwise be its own.
    const isShared = /^\/(?:public|health|dev|demo)(?:\/|$)/.test(pathname) || pathname === RELATED_ORIGINS;
    const found = isShared ? undefined : deps.apps.resolve(origin, withWellKnownBehind(pathname));
    if (!found || found.rest === '' || !isCleanPath(pathname)) return house(req, res);
    const { app, rest } = found;
    const info = infoOf(req);
    info.app = app;
    if (isMetadata(req, rest)) {
      info.route = rest;
      info.isApi = true;
      return metadata.answer(app, req, res, rest);
    }
    if (isMailWebhook(rest)) {
      return mailWebhookPost(app, req, res, rest, { webhooks: deps.webhooks, now: deps.clock.now() });
    }
    if (/^\/(?:interaction|link|callback)(?:\/|$)/.test(rest)) {
      req.url = rest + query;
      return house(req, res);
    }
    if (!isSpelledAsRoute(rest)) throw new PosternError('not_found');
    // A HEAD to a GET that changes state would change it unseen (ML-10).
    if (req.method === 'HEAD' && /^\/(?:auth|session)(?:\/|$)/.test(rest)) {
      res.setHeader('Allow', 'GET');
      return plain(res, 405, 'method not allowed');
    }
    if (
      (req.method === 'POST' && rest === '/session/end') ||
      (req.method === 'GET' && rest === '/session/stay')
    ) {
      req.url = rest + query;
      return house(req, res);
    }
    // The engine checks the token of its sign-out form, but not where it comes from (WB-02).
    if (req.method === 'POST' && rest.startsWith('/session/') && !isOwnOrigin(req, app)) {
      return plain(res, 403, 'this form did not come from here');
    }
    info.isApi = !isPagePath(rest);
    const engine = await deps.services.engines.get(app);
    await engine.handle(req, res, rest + query);
  };

  return (req, res) => {
    const info = openRequest(req, deps.clock.now(), deps.peers.addressOf(req), deps.patienceMs);
    // For programs, which see no error page: the log line of this request carries the same.
    res.setHeader('Postern-Reference', info.reference);
    const startedAt = monotonic();
    res.on('finish', () => logRequest(req, res, monotonic() - startedAt, deps));
    if (!admission.enters(req, res) && !isProbe(req)) return refuse(res);
    withPatience(info.patience, () => answer(req, res)).catch((fault: unknown) => {
      if (res.headersSent) {
        deps.log.error({ reference: info.reference, fault: faultOf(fault) }, 'request failed');
        return res.destroy();
      }
      // The house has the words for it.
      info.fault = fault;
      house(req, res).catch(() => res.destroy());
    });
  };
}

const PROBES: readonly string[] = ['/health/live', '/health/ready'];

/** Whoever watches over us has to be answered most of all when we are full. Nothing but these exact questions counts. */
const isProbe = ({ method, url = '' }: IncomingMessage): boolean =>
  (method === 'GET' || method === 'HEAD') && PROBES.includes(url);

/** Path and query of an origin-form target (RFC 9112 §3.2.1); other forms are for proxies, which we are not (ML-70). */
function splitTarget(target: string): [pathname: string | undefined, query: string] {
  if (!target.startsWith('/')) return [undefined, ''];
  const at = target.indexOf('?');
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at)];
}

/** Dot segments, doubled or encoded separators never reach an app (MT-02). */
const isCleanPath = (path: string): boolean => !/\/\/|\\|;|\/\.{1,2}(?:\/|$)|%(?:2e|2f|5c|25|00)/i.test(path);

/**
 * The engine takes its routes in any case and with a slash behind; what is checked here, before it sees them, has one
 * spelling of each (WB-02, ML-10). Ids of interactions stand behind `/auth/` only.
 */
function isSpelledAsRoute(rest: string): boolean {
  const name = rest.startsWith('/auth/') ? '/auth' : rest;
  return name === name.toLowerCase() && !rest.endsWith('/');
}

function createHouse(deps: ServerDeps): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const koa = new Koa();
  koa.silent = true; // faults are told by `showFault`, without their messages
  koa.use(async (ctx, next) => {
    const info = infoOf(ctx.req);
    ctx.state.nonce = info.nonce;
    try {
      if (info.fault !== undefined) throw info.fault;
      await next();
      if (ctx.status === 404 && !ctx.body) throw new PosternError('not_found');
    } catch (fault) {
      showFault(ctx, fault, deps);
    }
  });
  koa.use(async (ctx, next) => {
    const { app } = infoOf(ctx.req);
    // TLS may end in front of us; the library would refuse to send a Secure cookie over this hop.
    if (app) ctx.cookies.secure = app.secure;
    if (app) await appRoutes(ctx, deps.services);
    else if (!(await commonRoutes(ctx, deps))) await next();
  });
  for (const router of deps.devRouters) koa.use(router.routes());
  // Koa types this as void; it is the promise of the whole answer.
  return koa.callback() as (req: IncomingMessage, res: ServerResponse) => Promise<void>;
}

async function appRoutes(ctx: Koa.Context, services: SignInServices): Promise<void> {
  const [, room = '', id = '', step, target, ...rest] = ctx.path.split('/').map(decoded);
  if (id === '' || rest.length > 0) throw new PosternError('not_found');
  const info = infoOf(ctx.req);
  const isRead = ctx.method === 'GET' || ctx.method === 'HEAD';
  if (!isRead && ctx.method !== 'POST') throw new PosternError('method_not_allowed');
  if (room === 'session') return isRead ? stayGet(ctx, services) : signOutPost(ctx, services);
  if (room === 'interaction') {
    info.route = '/interaction/:uid/:step';
    const path = { uid: id, step, target };
    return isRead ? interactionGet(ctx, path, services) : interactionPost(ctx, path, services);
  }
  if (target !== undefined) throw new PosternError('not_found');
  if (room === 'callback') {
    if (step !== undefined) throw new PosternError('not_found');
    info.route = '/callback/:target';
    return callback(ctx, id, services);
  }
  info.route = isRead && step !== undefined ? '/link/:id/:secret' : '/link/:id/:step';
  if (!isRead) return linkPost(ctx, id, step ?? '', services);
  return step === undefined ? linkGet(ctx, id, services) : linkSecretGet(ctx, id, step);
}

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new PosternError('not_found');
  }
};

/** True when the answer was given. */
async function commonRoutes(
  ctx: Koa.Context,
  { health, production, apps, origins }: ServerDeps,
): Promise<boolean> {
  const info = infoOf(ctx.req);
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return false;
  const asset = findAsset(ctx.path);
  if (asset) {
    info.route = '/public/:hash/:name';
    ctx.type = asset.contentType;
    ctx.set('ETag', asset.etag);
    ctx.set('Cache-Control', asset.isCurrent ? 'public, max-age=31536000, immutable' : 'no-cache');
    if (ctx.get('If-None-Match') === asset.etag) ctx.status = 304;
    else ctx.body = asset.body;
    return true;
  }
  if (ctx.path === RELATED_ORIGINS) {
    info.route = RELATED_ORIGINS;
    const origin = origins.of(ctx.req);
    const told = origin && relatedOrigins(apps.all, origin);
    if (!told) return false;
    ctx.set('Cache-Control', 'public, max-age=3600');
    ctx.body = told;
    return true;
  }
  if (PROBES.includes(ctx.path)) {
    info.route = ctx.path;
    const status = ctx.path === '/health/live' ? 'ok' : await health.readiness();
    ctx.status = status === 'ok' || status === 'degraded' ? 200 : 503;
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { status };
    return true;
  }
  if (ctx.path === '/' && !production) {
    ctx.redirect('/demo');
    return true;
  }
  return false;
}

function showFault(ctx: Koa.Context, fault: unknown, { log, services }: ServerDeps): void {
  const { reference, isApi, form } = infoOf(ctx.req);
  if (!(fault instanceof PosternError)) log.error({ reference, fault: faultOf(fault) }, 'request failed');
  else if (fault.detail !== undefined)
    log.info({ reference, code: fault.code, detail: fault.detail }, 'request refused');
  const isJson = isApi || ctx.accepts('html', 'json') === 'json';
  const options = { pseudoLocales: services.pseudoLocales };
  if (fault instanceof StoreUnavailable) {
    const retry = form ?? (ctx.method === 'GET' || ctx.method === 'HEAD' ? 'reload' : 'back');
    answerUnavailable(ctx, { retry, isJson }, options);
    return;
  }
  const { status, code } =
    fault instanceof PosternError ? fault : ({ status: 500, code: 'internal' } as const);
  if (isJson) {
    ctx.status = status;
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { error: code, reference };
    return;
  }
  respond(ctx, { view: 'error', status, code, reference }, options);
}

/** In development people type 127.0.0.1 for localhost; cookies and issuer know one of them only. */
function misdirected(req: IncomingMessage, res: ServerResponse, deps: ServerDeps): void {
  const target = req.url ?? '/';
  if (!deps.production && req.method === 'GET' && target.startsWith('/') && !target.startsWith('//')) {
    res.writeHead(307, { Location: deps.baseUrl + target, 'Cache-Control': 'no-store' });
    res.end();
    return;
  }
  plain(res, 421, 'misdirected request');
}

function plain(res: ServerResponse, status: number, text: string): void {
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  res.end(`${text}\n`);
}

function logRequest(
  req: IncomingMessage,
  res: ServerResponse,
  ms: number,
  { log, metrics }: ServerDeps,
): void {
  const { reference, route, app } = infoOf(req);
  const { method = '' } = req;
  const { statusCode: status } = res;
  metrics?.request({ app, route, method, status, ms });
  const fields = { reference, method, route, status, ms: Math.round(ms), app: app?.id };
  // Whatever showed a reference number to a person is to be found by it.
  if (status >= 400) log.info(fields, 'request refused');
  else log.debug(fields, 'request');
}
