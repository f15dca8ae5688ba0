/**
 * The demonstration client at `/demo`, development only: a real relying party that shows every step as it happens.
 *
 * Owns its routes, its cookie and its pages. Owns no protocol: `demo-client.ts` speaks it over HTTP like any foreign
 * client would, so what works here works elsewhere. Tokens stay in memory, or sealed: none stands in a URL, a cookie or a log.
 *
 *   GET  /demo                      the example apps          POST /demo/app/:key/sign-in   begins an authorization request
 *   GET  /demo/app/:key             the story of one sign-in  POST /demo/app/:key/refresh   new tokens
 *   GET  /demo/callback/:key        the redirect URI          POST /demo/app/:key/userinfo  claims again
 *   GET  /demo/initiate/:key        third-party initiation    POST /demo/app/:key/sign-out  RP-initiated sign-out
 */
import Router from '@koa/router';
import type { Context, Next } from 'koa';
import { type Clock, HOUR } from '../../core/clock.ts';
import { PosternError } from '../../core/errors.ts';
import { isSameSecret } from '../../core/hash.ts';
import {
  askUserinfo,
  beginSignIn,
  beginSignOut,
  clientsOf,
  type DemoApp,
  type DemoClient,
  finishSignIn,
  refreshTokens,
  type SignInChoices,
} from './demo-client.ts';
import { readForm } from './demo-form.ts';
import { explain, unknownState } from './demo-problems.ts';
import { type DemoSession, DemoSessions, type SessionShelf, type Visit, visitOf } from './demo-sessions.ts';
import { type DemoPage, findDemoAsset, renderDemo } from './demo-view.ts';

export interface DemoOptions {
  /** Origin that serves `/demo`, without trailing slash. */
  readonly baseUrl: string;
  readonly apps: readonly DemoApp[];
  readonly clock: Clock;
  /** Path of the page that shows caught mail; undefined when mail really leaves. */
  readonly inboxPath?: string;
  /** Shared by several workers. */
  readonly shelf?: SessionShelf | undefined;
}

const COOKIE = 'postern_demo';
const PROMPTS = new Set(['login', 'consent', 'none']);

export function createDemoRouter(options: DemoOptions): Router {
  const demo = new Demo(options);
  const router = new Router({ prefix: '/demo' });
  router.get('/style.css', demo.asset);
  router.get('/demo.js', demo.asset);
  router.use(demo.headers, demo.session);
  router.get('/', demo.index);
  router.get('/app/:key', demo.show);
  router.get('/callback/:key', demo.callback);
  router.get('/initiate/:key', demo.initiate);
  router.post('/app/:key/sign-in', demo.checkForm, demo.signIn);
  router.post('/app/:key/refresh', demo.checkForm, demo.refresh);
  router.post('/app/:key/userinfo', demo.checkForm, demo.userinfo);
  router.post('/app/:key/sign-out', demo.checkForm, demo.signOut);
  return router;
}

class Demo {
  readonly #baseUrl: string;
  readonly #inboxPath: string | undefined;
  readonly #clients: ReadonlyMap<string, DemoClient>;
  readonly #sessions: DemoSessions;

  constructor({ baseUrl, apps, clock, inboxPath, shelf }: DemoOptions) {
    this.#baseUrl = baseUrl;
    this.#inboxPath = inboxPath;
    this.#clients = new Map(
      apps.flatMap((app) => clientsOf(app, baseUrl)).map((client) => [client.key, client]),
    );
    this.#sessions = new DemoSessions(clock, shelf);
  }

  asset = (ctx: Context): void => {
    const asset = findDemoAsset(ctx.path.slice('/demo/'.length));
    ctx.type = asset.type;
    ctx.set('Cache-Control', 'no-cache');
    ctx.body = asset.body;
  };

  /** Nothing here is to be kept or framed: the pages show who is signed in. Origin is needed on POST (see checkForm). */
  headers = async (ctx: Context, next: Next): Promise<void> => {
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Referrer-Policy', 'same-origin');
    ctx.set('X-Content-Type-Options', 'nosniff');
    setPolicy(ctx, []);
    await next();
  };

  session = async (ctx: Context, next: Next): Promise<void> => {
    let cookie = ctx.cookies.get(COOKIE);
    let session = await this.#sessions.find(cookie);
    if (!session || cookie === undefined) {
      const made = this.#sessions.insert();
      ({ session, cookie } = made);
      // Lax: the callback is a top-level GET that may come from another site. Development is plain http: no Secure.
      ctx.cookies.set(COOKIE, cookie, {
        httpOnly: true,
        sameSite: 'lax',
        path: '/demo',
        maxAge: HOUR,
        signed: false,
        overwrite: true,
      });
    }
    ctx.state.demo = session;
    await next();
    await this.#sessions.keep(cookie, session);
  };

  /** WB-02: a POST acts by cookie, so it needs our own token and our own origin (`null` is refused). */
  checkForm = async (ctx: Context, next: Next): Promise<void> => {
    const form = await readForm(ctx);
    const isOurs =
      ctx.get('Origin') === this.#baseUrl && isSameSecret(form.get('csrf') ?? '', sessionOf(ctx).csrf);
    if (!isOurs) throw new PosternError('csrf');
    ctx.state.form = form;
    await next();
  };

  index = (ctx: Context): void => {
    const session = sessionOf(ctx);
    const signedOutOf = session.signedOutOf;
    session.signedOutOf = undefined;
    const problem = ctx.query.error === undefined ? undefined : explain(ctx.query);
    this.#answer(ctx, {
      view: 'index',
      csrf: session.csrf,
      inboxPath: this.#inboxPath,
      signedOutOf,
      problem,
      clients: [...this.#clients.values()].map((client) => ({
        ...client,
        signedInAs: session.visits.get(client.key)?.signedIn?.label,
      })),
    });
  };

  show = (ctx: Context): void => {
    const { client, visit, session } = this.#visit(ctx);
    this.#answer(ctx, {
      view: 'app',
      csrf: session.csrf,
      inboxPath: this.#inboxPath,
      client,
      signedInAs: visit.signedIn?.label,
      mayRefresh: visit.signedIn?.refreshToken !== undefined,
      problem: visit.problem,
      steps: visit.steps,
      later: visit.later,
    });
  };

  signIn = async (ctx: Context): Promise<void> => {
    const { client } = this.#visit(ctx);
    const url = await this.#begin(ctx, choicesOf(ctx.state.form));
    if (!url) return back(ctx, client);
    // A 303 after a form POST would be held to form-action through the whole chain; a page of our own is not.
    this.#answer(ctx, { view: 'leave', client, url: url.href });
  };

  /** OpenID Connect Core §4: the provider (or a page of the client) asks this client to begin. */
  initiate = async (ctx: Context): Promise<void> => {
    const { client } = this.#visit(ctx);
    const { iss, login_hint: hint } = ctx.query;
    if (iss !== client.issuer)
      throw new PosternError('bad_request', { detail: 'iss is not the issuer of this client' });
    const url = await this.#begin(ctx, {
      loginHint: typeof hint === 'string' ? hint.slice(0, 320) : undefined,
    });
    if (url) ctx.redirect(url.href);
    else back(ctx, client);
  };

  callback = async (ctx: Context): Promise<void> => {
    const { client, visit } = this.#visit(ctx);
    visit.problem = undefined;
    try {
      const outcome = await finishSignIn(client, visit, new URLSearchParams(ctx.querystring));
      // A reloaded or foreign callback changes nothing for whoever is signed in here already.
      if (outcome === 'unknown' && !visit.signedIn) visit.problem = unknownState();
    } catch (error) {
      visit.problem = explain(error);
    }
    // The code leaves the address bar and the history.
    back(ctx, client);
  };

  refresh = (ctx: Context): Promise<void> => this.#act(ctx, refreshTokens);

  userinfo = (ctx: Context): Promise<void> => this.#act(ctx, askUserinfo);

  signOut = async (ctx: Context): Promise<void> => {
    const { client, visit, session } = this.#visit(ctx);
    const { signedIn } = visit;
    session.visits.delete(client.key);
    session.signedOutOf = client.name;
    const way = signedIn && (await beginSignOut(client, signedIn));
    if (!way) {
      ctx.status = 303;
      ctx.redirect('/demo');
    } else if (way.method === 'get') {
      this.#answer(ctx, { view: 'leave', client, url: way.url });
    } else {
      setPolicy(ctx, [new URL(way.action).origin]);
      this.#answer(ctx, { view: 'sign-out', client, form: way });
    }
  };

  async #begin(ctx: Context, choices: SignInChoices): Promise<URL | undefined> {
    const { client, visit } = this.#visit(ctx);
    visit.problem = undefined;
    try {
      return await beginSignIn(client, visit, choices);
    } catch (error) {
      visit.problem = explain(error);
      return undefined;
    }
  }

  async #act(ctx: Context, action: (client: DemoClient, visit: Visit) => Promise<void>): Promise<void> {
    const { client, visit } = this.#visit(ctx);
    visit.problem = undefined;
    try {
      await action(client, visit);
    } catch (error) {
      visit.problem = explain(error);
    }
    back(ctx, client);
  }

  #visit(ctx: Context): { client: DemoClient; visit: Visit; session: DemoSession } {
    const client = this.#clients.get(ctx.params.key);
    if (!client) throw new PosternError('not_found');
    const session = sessionOf(ctx);
    return { client, session, visit: visitOf(session, client.key) };
  }

  #answer(ctx: Context, page: DemoPage): void {
    ctx.type = 'html';
    ctx.body = renderDemo(page, nonceOf(ctx));
  }
}

/** `ctx.state` is untyped in Koa; the two readers below name what the middleware above and the server put there. */
const sessionOf = (ctx: Context): DemoSession => ctx.state.demo as DemoSession;
const nonceOf = (ctx: Context): string => String(ctx.state.nonce);

function setPolicy(ctx: Context, formTargets: readonly string[]): void {
  ctx.set(
    'Content-Security-Policy',
    [
      "default-src 'none'",
      `script-src 'nonce-${nonceOf(ctx)}'`,
      "style-src 'self'",
      "img-src 'self' data:",
      `form-action ${["'self'", ...formTargets].join(' ')}`,
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
  );
}

/** After a POST or a callback the browser shows the story; always our own path, so form-action 'self' lets it through. */
function back(ctx: Context, client: DemoClient): void {
  ctx.status = 303;
  ctx.redirect(`/demo/app/${client.key}`);
}

function choicesOf(form: URLSearchParams): SignInChoices {
  const prompt = form.get('prompt') ?? '';
  return {
    loginHint: form.get('login_hint')?.trim().slice(0, 320),
    uiLocales: form.get('ui_locales')?.trim().slice(0, 100),
    // The set above is the type's list; a select cannot tell the compiler.
    prompt: PROMPTS.has(prompt) ? (prompt as NonNullable<SignInChoices['prompt']>) : undefined,
  };
}
