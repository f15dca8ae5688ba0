/**
 * The apps of this deployment: their ids, issuers and settings.
 *
 * Owns the one mapping from a URL to an app. Does not own what an app's settings mean.
 */

import type { AppSettings, ClientSettings } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import { type AppId, asAppId } from '../core/ids.ts';
import { randomToken } from '../core/random.ts';
import { type Store, StoreConflict, SYSTEM } from '../store/port.ts';

export interface App {
  readonly id: AppId;
  readonly slug: string;
  /** Without trailing slash; byte for byte the `iss` of every token (MT-02). */
  readonly issuer: string;
  readonly origin: string;
  /** Path of the issuer, empty or with a leading slash and no trailing one. */
  readonly path: string;
  readonly secure: boolean;
  readonly settings: AppSettings;
}

export interface Apps {
  readonly all: readonly App[];
  /** Every origin that a request may be addressed to (ML-70). */
  readonly origins: ReadonlySet<string>;
  byId(id: AppId): App | undefined;
  bySlug(slug: string): App | undefined;
  /** The app whose issuer is a path prefix of this URL, and the rest of the path behind it. */
  resolve(origin: string, pathname: string): { readonly app: App; readonly rest: string } | undefined;
}

/** Finds or assigns the random id of every configured app, so that a slug can be renamed or deleted without reviving anything. */
export async function loadApps(
  input: { readonly apps: Readonly<Record<string, AppSettings>>; readonly baseUrl: string },
  { store, clock }: { readonly store: Store; readonly clock: Clock },
): Promise<Apps> {
  const all = await Promise.all(
    Object.entries(input.apps).map(async ([slug, settings]): Promise<App> => {
      const issuer = settings.issuer ?? `${input.baseUrl}/${slug}`;
      const url = new URL(issuer);
      return {
        id: await idOfSlug(slug, store, clock),
        slug,
        issuer,
        origin: url.origin,
        path: url.pathname === '/' ? '' : url.pathname,
        secure: url.protocol === 'https:',
        settings,
      };
    }),
  );
  return new AppTable(all, input.baseUrl);
}

async function idOfSlug(slug: string, store: Store, clock: Clock): Promise<AppId> {
  const known = await store.records.findByKey(SYSTEM, 'app', slug, clock.now());
  if (known) return asAppId(known.id);
  const id = asAppId(randomToken());
  try {
    await store.records.insert(
      SYSTEM,
      'app',
      { id, key: slug, data: { slug, createdAt: clock.now() } },
      clock.now(),
    );
    return id;
  } catch (error) {
    // Another process was first: its id stands.
    if (!(error instanceof StoreConflict)) throw error;
    return idOfSlug(slug, store, clock);
  }
}

class AppTable implements Apps {
  readonly all: readonly App[];
  readonly origins: ReadonlySet<string>;
  readonly #byId: ReadonlyMap<AppId, App>;
  readonly #bySlug: ReadonlyMap<string, App>;
  /** By origin, longest path first. */
  readonly #byOrigin = new Map<string, App[]>();

  constructor(all: readonly App[], baseUrl: string) {
    this.all = all;
    this.origins = new Set([new URL(baseUrl).origin, ...all.map((app) => app.origin)]);
    this.#byId = new Map(all.map((app) => [app.id, app]));
    this.#bySlug = new Map(all.map((app) => [app.slug, app]));
    for (const app of [...all].sort((a, b) => b.path.length - a.path.length)) {
      this.#byOrigin.set(app.origin, [...(this.#byOrigin.get(app.origin) ?? []), app]);
    }
  }

  byId(id: AppId): App | undefined {
    return this.#byId.get(id);
  }

  bySlug(slug: string): App | undefined {
    return this.#bySlug.get(slug);
  }

  resolve(origin: string, pathname: string): { app: App; rest: string } | undefined {
    for (const app of this.#byOrigin.get(origin) ?? []) {
      if (app.path === '' || pathname === app.path || pathname.startsWith(`${app.path}/`)) {
        return { app, rest: pathname.slice(app.path.length) };
      }
    }
    return undefined;
  }
}

/** A client of an app as configured; undefined when the app has none of that id. */
export function clientOf(app: App, clientId: string): ClientSettings | undefined {
  return Object.hasOwn(app.settings.clients, clientId) ? app.settings.clients[clientId] : undefined;
}

/** What people read as the client's name. */
export const clientName = (app: App, clientId: string): string =>
  clientOf(app, clientId)?.client_name ?? app.settings.name;

/** Where a client can start an authorization afresh (OIDC Core §4), else its home page; undefined when it told neither. */
export function clientStart(app: App, clientId: string): string | undefined {
  const client = clientOf(app, clientId);
  if (client?.initiate_login_uri === undefined) return client?.client_uri;
  const url = new URL(client.initiate_login_uri);
  url.searchParams.set('iss', app.issuer);
  return url.href;
}

/** A place of the client that a person can be sent to: its start, else the origin its answers go to. */
export function clientHome(app: App, clientId: string): string | undefined {
  const start = clientStart(app, clientId);
  if (start !== undefined) return start;
  const origin = URL.parse(clientOf(app, clientId)?.redirect_uris[0] ?? '')?.origin;
  return origin?.startsWith('http') ? `${origin}/` : undefined;
}

/** Which tab returns to the client: design §2. */
export function finishIn(app: App, clientId: string): 'auto' | 'waiting' | 'link' {
  const client = clientOf(app, clientId);
  return client?.finish_in ?? (client?.application_type === 'native' ? 'waiting' : 'auto');
}

/** Of these logins, those whose client wants to be told that they have ended. */
export const toldClients = <Login extends { readonly clientId: string }>(
  app: App,
  logins: readonly Login[],
): readonly Login[] =>
  logins.filter(({ clientId }) => clientOf(app, clientId)?.backchannel_logout_uri !== undefined);
