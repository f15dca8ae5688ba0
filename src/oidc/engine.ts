/**
 * One app's OpenID provider, as the rest of the house sees it: answer an engine request, look at an interaction, finish it.
 *
 * Owns the Provider instance. Does not own who a person is, what a challenge is or how a page looks.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import Provider, { errors } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import type { AuditEntry } from '../audit/events.ts';
import type { Clock } from '../core/clock.ts';
import { randomToken } from '../core/random.ts';
import type { Log } from '../lib/log.ts';
import type { GuardedFetch } from '../outbound/guarded-fetch.ts';
import { StoreUnavailable, TOMBSTONE } from '../store/port.ts';
import { Adapter } from './adapter.ts';
import { configuration, hostOf } from './configuration.ts';
import { Consents } from './consent.ts';
import { Endings, type EndingsDeps } from './endings.ts';
import { Families } from './families.ts';
import type { KeyView } from './keys.ts';
import { installModels } from './models.ts';
import type { EngineContext, EnginePages } from './pages.ts';
import { reopen, requestUriOf } from './pushed-requests.ts';
import { askedScopes } from './resources.ts';
import { RESPONSE_MODES } from './response-modes.ts';

export interface EngineUser {
  readonly address: string;
  /** Ms; what was proved until then signs nobody in (AC-21). */
  readonly changedAt?: number;
}

export interface EngineDeps extends EndingsDeps {
  readonly log: Log;
  readonly pages: EnginePages;
  /** For key sets that clients publish. */
  readonly fetch: GuardedFetch;
  /** A grant was asked for at the token endpoint, and refused when there is an error code. For counting only. */
  onTokens(app: App, grant: unknown, error?: string): void;
  findUser(app: App, id: string): Promise<EngineUser | undefined>;
  /** Never rejects: the interaction has ended, whatever becomes of its challenges. */
  onInteractionEnded(app: App, uid: string): Promise<void>;
  /** Id of the browser of this request, by its asking cookie. */
  askingBrowser(ctx: EngineContext, app: App): Promise<string | undefined>;
}

/**
 * What the person is asked. An account is chosen by keeping the present one or by signing in as another. `offer`: signed in, and
 * something of a login method is offered before going on to the client.
 */
export type Prompt = 'login' | 'select_account' | 'offer' | 'consent';

/** An authorization request that waits for a person, read in the browser that holds its cookie. */
export type InteractionState =
  | {
      readonly state: 'open';
      readonly uid: string;
      readonly prompt: Prompt;
      readonly clientId: string;
      readonly redirectHost: string;
      readonly scopes: readonly string[];
      readonly loginHint: string | undefined;
      readonly uiLocales: string | undefined;
      /** How long ago the person may have been asked at most, s: `max_age`, and 0 for `prompt=login`. */
      readonly maxAge: number | undefined;
      /** Who was signed in when the request came to wait. */
      readonly accountId: string | undefined;
      /** Id of the browser that proved a mailbox for it: that one can resume it. */
      readonly provedBy: string | undefined;
      /** The user who was proved in that browser. */
      readonly provedUser: string | undefined;
      /** When, ms. */
      readonly provedAt: number | undefined;
      /** Name of the method that offers something, while that waits for an answer. */
      readonly offeredBy: string | undefined;
      readonly resumeUrl: string;
      /** The same authorization request from its beginning; undefined when it cannot begin again. */
      restart(): Promise<string | undefined>;
    }
  /** Resumed before, in this or another tab. */
  | { readonly state: 'finished'; readonly clientId: string }
  | { readonly state: 'missing' };

export type OpenInteraction = Extract<InteractionState, { state: 'open' }>;

export type InteractionResult =
  /** `browser`: whoever proved the mailbox, by the id behind its host-only asking cookie. */
  | {
      readonly login: {
        readonly accountId: string;
        readonly amr: string[];
        readonly acr: string;
        /** When the mailbox was proved, ms. */
        readonly provedAt: number;
        /** Whether the session cookie outlives the browser's window. */
        readonly remember: boolean;
      };
      readonly browser: string;
      /** Name of the method that offers something before the client gets its answer. */
      readonly offeredBy?: string;
      /** What this sign-in has to tell the audit log, kept with it until it is there (AD-10). */
      readonly events: readonly AuditEntry[];
      readonly select_account?: Record<string, never>;
    }
  | { readonly select_account: Record<string, never> }
  | { readonly consent: Record<string, never> }
  | { readonly offer: Record<string, never> }
  | { readonly error: 'access_denied'; readonly error_description: string };

/** The part of the engine's interactions that tells how they began. */
export interface Restartable {
  readonly params: Readonly<Record<string, unknown>>;
  readonly parJti?: string | undefined;
}

export class Engine {
  readonly app: App;
  readonly consents: Consents;
  readonly #provider: Provider;
  readonly #clock: Clock;
  readonly #host: string;
  readonly #published: ReadonlySet<string>;
  readonly #handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>;

  private constructor(
    app: App,
    provider: Provider,
    consents: Consents,
    published: ReadonlySet<string>,
    clock: Clock,
  ) {
    this.app = app;
    this.consents = consents;
    this.#provider = provider;
    this.#published = published;
    this.#clock = clock;
    this.#host = new URL(app.issuer).host;
    // Koa types this as void; it is the promise of the whole answer.
    this.#handle = provider.callback() as (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  }

  /** Signs with these keys for as long as it lives; `EngineRegistry` replaces it when they change. */
  static create(app: App, deps: EngineDeps, { keys, published }: KeyView): Engine {
    const consents = new Consents(deps.store, deps.clock);
    const onInteractionEnded = (uid: string) => deps.onInteractionEnded(app, uid);
    const adapter = (model: string) => new Adapter(model, app, { ...deps, onInteractionEnded });
    const families = new Families(app, deps);
    const record = (entry: AuditEntry) => deps.audit.record(app.id, entry);
    const settings = configuration(app, { ...deps, keys, consents, adapter, families });
    const provider = new Provider(app.issuer, settings);
    provider.silent = true; // Koa would print faults with their messages; `logFaults` tells them
    provider.proxy = true; // the only forwarded header that reaches it is the one `handle` writes
    const endings = new Endings(app, deps, families);
    const askingBrowser = (ctx: EngineContext) => deps.askingBrowser(ctx, app);
    installModels(provider, { ...deps, app, families, record, endings, consents, askingBrowser });
    pinUrls(provider);
    provider.use(async (ctx, next) => {
      try {
        await next();
      } catch (fault) {
        // The engine's own handler asked the store for its page, in vain.
        if (!(fault instanceof StoreUnavailable)) throw fault;
        ctx.status = 500;
      }
      await deps.pages.finish(ctx as unknown as EngineContext, app); // the engine's own Koa context
    });
    logFaults(provider, app, deps);
    provider.on('grant.success', (ctx) => deps.onTokens(app, ctx.oidc.params?.grant_type));
    provider.on('grant.error', (ctx, error) => deps.onTokens(app, ctx.oidc?.params?.grant_type, error.error));
    return new Engine(app, provider, consents, published, deps.clock);
  }

  /** Answers one request whose URL, path prefix already removed, is `rest`. */
  async handle(req: IncomingMessage, res: ServerResponse, rest: string): Promise<void> {
    this.#prepare(req, rest);
    await this.#handle(req, res);
  }

  #prepare(req: IncomingMessage, rest: string): void {
    // What the engine builds URLs and cookie attributes from comes from configuration, never from the request (ML-70, ML-71).
    req.headers.host = this.#host;
    req.headers['x-forwarded-proto'] = this.app.secure ? 'https' : 'http';
    delete req.headers['x-forwarded-host'];
    req.url = rest;
    Object.assign(req, { baseUrl: this.app.path });
  }

  /**
   * What the engine would answer for discovery (RFC 8414 §3.2) or the key set, as data. Nothing is sent; headers that it sets
   * on the response stay for the caller's own answer.
   */
  async document(req: IncomingMessage, res: ServerResponse, name: 'discovery' | 'jwks'): Promise<unknown> {
    this.#prepare(req, name === 'jwks' ? '/jwks' : '/.well-known/openid-configuration');
    const ctx = this.#context(req, res);
    const { compose, middleware } = this.#provider as unknown as KoaInside; // Koa's own members, not declared
    await compose(middleware)(ctx);
    if (ctx.status !== 200) throw new Error(`the engine has no ${name}`);
    if (name === 'jwks') return { keys: keysOf(ctx.body).filter(({ kid }) => this.#published.has(kid)) };
    // The engine names all it knows; clients are registered for these two (clients.ts, OA-14).
    return { ...Object(ctx.body), response_modes_supported: RESPONSE_MODES };
  }

  async interaction(req: IncomingMessage, res: ServerResponse, uid: string): Promise<InteractionState> {
    if (this.#cookie(req, res, 'interaction') !== uid) return { state: 'missing' };
    const interaction = await this.#provider.Interaction.find(uid);
    if (!interaction) return this.#endedState(uid);
    const { params, prompt, result, lastSubmission } = interaction;
    // An offer stands in an interaction of its own, behind the one of the sign-in.
    const signIn = result?.login ? result : prompt.name === 'offer' ? lastSubmission : undefined;
    const login = Object(signIn?.login);
    return {
      state: 'open',
      uid,
      prompt: promptOf(prompt.name),
      clientId: String(params.client_id),
      redirectHost: hostOf(params.redirect_uri),
      scopes: askedScopes(this.app, params),
      loginHint: textOf(params.login_hint),
      uiLocales: textOf(params.ui_locales),
      maxAge: maxAgeOf(params),
      accountId: interaction.session?.accountId,
      provedBy: signIn && textOf(signIn.browser),
      provedUser: textOf(login.accountId),
      provedAt: typeof login.provedAt === 'number' ? login.provedAt : undefined,
      offeredBy:
        prompt.name === 'offer' && result?.offer === undefined ? textOf(signIn?.offeredBy) : undefined,
      resumeUrl: interaction.returnTo,
      restart: () => this.restartUrl(interaction),
    };
  }

  /** The user whom this browser is signed in as, by its session cookie. */
  async presentUser(req: IncomingMessage, res: ServerResponse): Promise<string | undefined> {
    return (await this.#session(req, res)).accountId;
  }

  /**
   * What tells a client that a session has ended (Back-Channel Logout §2.4), signed now; it lives for two minutes. Undefined
   * when there is no such client or it does not want to be told.
   */
  async logoutMessage(
    clientId: string,
    userId: string,
    sid: string,
  ): Promise<{ readonly url: string; readonly token: string } | undefined> {
    const client = await this.#provider.Client.find(clientId);
    const url = client?.backchannelLogoutUri;
    if (!client || typeof url !== 'string') return undefined;
    const { IdToken } = this.#provider as unknown as { IdToken: LogoutTokenClass }; // not declared with these members
    const token = new IdToken({ sub: userId }, { client, ctx: undefined });
    token.mask = { sub: null };
    token.set('events', { 'http://schemas.openid.net/event/backchannel-logout': {} });
    token.set('jti', randomToken());
    token.set('sid', sid);
    return { url, token: await token.issue({ use: 'logout' }) };
  }

  /** Ends this browser's session and the grants given in it. */
  async endSession(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const session = await this.#session(req, res);
    if (session.accountId !== undefined) await session.destroy();
  }

  /**
   * Sets the result and gives the URL at which the browser goes on, or `finished` when another tab was first. A session
   * that ended or changed while the mail travelled is dropped from the request instead of failing it (design §2).
   */
  async finish(
    req: IncomingMessage,
    res: ServerResponse,
    { uid, accountId }: Pick<OpenInteraction, 'uid' | 'accountId'>,
    result: InteractionResult,
  ): Promise<{ readonly resumeUrl: string } | 'finished'> {
    try {
      if ('login' in result && accountId !== undefined) await this.#dropStaleSession(req, res, uid);
      const kept = 'consent' in result || 'offer' in result ? await this.#loginBefore(req, res, uid) : {};
      return { resumeUrl: await this.#provider.interactionResult(req, res, { ...kept, ...result }) };
    } catch (error) {
      if (error instanceof errors.SessionNotFound) return 'finished';
      throw error;
    }
  }

  async #dropStaleSession(req: IncomingMessage, res: ServerResponse, uid: string): Promise<void> {
    const interaction = await this.#provider.Interaction.find(uid);
    if (!interaction?.session?.uid) return;
    const present = await this.#session(req, res);
    const isSame =
      present.uid === interaction.session.uid && present.accountId === interaction.session.accountId;
    if (isSame) return;
    delete interaction.session;
    await interaction.persist();
  }

  /**
   * The engine signs in once more when a request goes on that was signed in to before. Then it is the moment of the sign-in that
   * counts, however long the person looked at the page in between (`auth_time`, AC-19).
   */
  async #loginBefore(req: IncomingMessage, res: ServerResponse, uid: string): Promise<object> {
    const login = (await this.#provider.Interaction.find(uid))?.lastSubmission?.login;
    const { accountId, loginTs } = await this.#session(req, res);
    const isSame = login !== undefined && Object(login).accountId === accountId && loginTs !== undefined;
    return isSame ? { login: { ...Object(login), ts: loginTs } } : {};
  }

  async #endedState(uid: string): Promise<Exclude<InteractionState, { state: 'open' }>> {
    const adapter = this.#provider.Interaction.adapter as unknown as Adapter; // made by our own factory
    const row = await adapter.row(uid);
    if (row?.marks[TOMBSTONE] === undefined) return { state: 'missing' };
    return { state: 'finished', clientId: String(adapter.open(row).params?.client_id) };
  }

  /** Events of the sign-in that was the result of an interaction, whether or not it was resumed since. */
  async signInEvents(
    uid: string,
  ): Promise<{ readonly isOver: boolean; readonly events: readonly AuditEntry[] }> {
    const adapter = this.#provider.Interaction.adapter as unknown as Adapter; // made by our own factory
    const row = await adapter.row(uid);
    const result = row && (adapter.open(row).result as { events?: readonly AuditEntry[] } | undefined); // `finish` wrote it
    return { isOver: row?.marks[TOMBSTONE] !== undefined, events: result?.events ?? [] };
  }

  /** Whether this interaction was resumed before: its second resume is told so (design §2). */
  async isFinished(uid: string): Promise<boolean> {
    return (await this.#endedState(uid)).state === 'finished';
  }

  /**
   * Where the request of this interaction begins anew. One that was pushed stays behind its request_uri: its parameters
   * never stood in an address bar, and its client may have to push (RFC 9126 §5). Undefined when it gave a code already.
   */
  async restartUrl(interaction: Restartable): Promise<string | undefined> {
    const { parJti } = interaction;
    const isOpen = parJti === undefined || (await reopen(this.#provider, parJti, this.#clock));
    return isOpen ? requestUrl(this.app, interaction) : undefined;
  }

  #session(req: IncomingMessage, res: ServerResponse) {
    return this.#provider.Session.get(this.#context(req, res));
  }

  #cookie(req: IncomingMessage, res: ServerResponse, type: 'interaction'): string | undefined {
    return this.#context(req, res).cookies.get(this.#provider.cookieName(type), { signed: true });
  }

  #context(req: IncomingMessage, res: ServerResponse) {
    return this.#provider.createContext(req, res);
  }
}

function maxAgeOf({ prompt, max_age: maxAge }: Readonly<Record<string, unknown>>): number | undefined {
  if (textOf(prompt)?.split(' ').includes('login')) return 0;
  return typeof maxAge === 'number' ? maxAge : undefined;
}

interface LogoutTokenClass {
  new (
    claims: object,
    of: { readonly client: object; readonly ctx: undefined },
  ): {
    mask: object;
    set(name: string, value: unknown): void;
    issue(options: { readonly use: 'logout' }): Promise<string>;
  };
}

interface KoaInside {
  readonly middleware: readonly unknown[];
  compose(middleware: readonly unknown[]): (ctx: object) => Promise<void>;
}

/** The engine would guess origin and mount point of its URLs from the request. */
function pinUrls(provider: Provider): void {
  const { OIDCContext } = provider as unknown as { OIDCContext: { prototype: object } }; // not declared
  Object.defineProperty(OIDCContext.prototype, 'urlFor', {
    value: (name: string, options?: Record<string, unknown>) => provider.urlFor(name, options),
  });
}

/** The engine's events carry live tokens and contexts: only codes and our own words go to the log (ML-02). */
function logFaults(provider: Provider, app: App, { log, pages }: EngineDeps): void {
  provider.on('server_error', (ctx, error) => pages.fault(ctx, error));
  const refused = (event: string) => (_ctx: unknown, error: errors.OIDCProviderError) =>
    log.info(
      { app: app.id, event, error: error.error, detail: error.error_detail },
      'engine refused a request',
    );
  provider.on('authorization.error', refused('authorization'));
  provider.on('grant.error', refused('token'));
  provider.on('userinfo.error', refused('userinfo'));
  provider.on('introspection.error', refused('introspection'));
  provider.on('revocation.error', refused('revocation'));
  provider.on('pushed_authorization_request.error', refused('pushed_authorization_request'));
  provider.on('end_session.error', refused('end_session'));
}

/** What the client sent the browser to: its parameters, nothing of ours added, or its request_uri. */
export function requestUrl(app: App, { params, parJti }: Restartable): string {
  // Only `resource` may stand there several times (RFC 8707 §2).
  const given = Object.entries(params).flatMap(([name, value]) =>
    [value].flat().flatMap((one): [string, string][] => (typeof one === 'string' ? [[name, one]] : [])),
  );
  const sent: [string, string][] =
    parJti === undefined
      ? given
      : [
          ['client_id', String(params.client_id)],
          ['request_uri', requestUriOf(parJti)],
        ];
  return `${app.issuer}/auth?${new URLSearchParams(sent)}`;
}

const promptOf = (name: string): Prompt =>
  name === 'consent' || name === 'select_account' || name === 'offer' ? name : 'login';

/** The engine's own answer: RFC 7517 §5. */
const keysOf = (body: unknown): readonly { readonly kid: string }[] => Object(body).keys;

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
