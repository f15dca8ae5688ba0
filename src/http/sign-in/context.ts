/** What every handler of the sign-in pages needs: the services of the house and the facts of one request. */
import type Koa from 'koa';
import type { Accounts } from '../../accounts/accounts.ts';
import { type App, clientHome, clientName, clientStart, finishIn } from '../../apps/apps.ts';
import type { Audit } from '../../audit/audit.ts';
import type { Browsers } from '../../challenges/browsers.ts';
import type { Passes } from '../../challenges/passes.ts';
import { PosternError } from '../../core/errors.ts';
import { hashOf } from '../../core/hash.ts';
import type { Keyring } from '../../core/keyring.ts';
import type { FormContext, Page, WayOn } from '../../core/page.ts';
import { networkOf } from '../../lib/network.ts';
import { MAILBOX, type MailboxProof } from '../../methods/mailbox/mailbox.ts';
import type { BrowserFacts, ClientFacts, Method } from '../../methods/method.ts';
import type { Engine } from '../../oidc/engine.ts';
import type { EngineRegistry } from '../../oidc/registry.ts';
import { lastMethod, readCookie } from '../cookies.ts';
import type { Csrf } from '../csrf.ts';
import { deviceOf } from '../device.ts';
import { infoOf } from '../request-info.ts';
import { languagesOf, respond } from '../respond.ts';

export interface SignInServices {
  readonly engines: EngineRegistry;
  /** `mailbox` first. */
  readonly methods: readonly Method[];
  readonly mailbox: MailboxProof;
  readonly keyring: Keyring;
  /** Ends every session and everything that was given to this user. */
  endAll(app: App, userId: string, reason: 'password_reset'): Promise<void>;
  readonly accounts: Accounts;
  readonly browsers: Browsers;
  readonly passes: Passes;
  readonly audit: Audit;
  readonly csrf: Csrf;
  readonly pseudoLocales: boolean;
}

/** A method that the app does not name is off: nothing of it is shown or answered. */
export const isOn = ({ settings }: App, { name }: Pick<Method, 'name'>): boolean =>
  // Proof of a mailbox is no method of its own; what it proves for is looked at by purpose.
  name === MAILBOX || (settings.methods as Readonly<Record<string, unknown>>)[name] !== undefined;

/** The app that this request was resolved to by the front door. */
export function appOf(ctx: Koa.Context): App {
  const { app } = infoOf(ctx.req);
  if (!app) throw new PosternError('not_found');
  return app;
}

export const engineOf = (ctx: Koa.Context, services: SignInServices): Promise<Engine> =>
  services.engines.get(appOf(ctx));

export function show(ctx: Koa.Context, page: Page, services: SignInServices, uiLocales?: string): void {
  respond(ctx, page, { pseudoLocales: services.pseudoLocales, uiLocales });
}

/** Path of an interaction of this app, from the root of the origin. */
export const interactionPath = (app: App, uid: string): string =>
  `${app.path}/interaction/${encodeURIComponent(uid)}`;

export function formFor(ctx: Koa.Context, services: SignInServices, action: string): FormContext {
  return { action, csrf: services.csrf.token(ctx, appOf(ctx)) };
}

/** Names and places of the waiting client as a person should see them. */
export function clientFactsOf(app: App, clientId: string): ClientFacts {
  const name = clientName(app, clientId);
  const wayOn = (url: string | undefined): WayOn | undefined =>
    url === undefined ? undefined : { url, clientName: name };
  return {
    name,
    finishIn: finishIn(app, clientId),
    start: wayOn(clientStart(app, clientId)),
    home: wayOn(clientHome(app, clientId)),
  };
}

export async function browserFacts(
  ctx: Koa.Context,
  services: SignInServices,
  uiLocales?: string,
): Promise<BrowserFacts> {
  const app = appOf(ctx);
  const known = readCookie(ctx, app, 'known');
  return {
    canMakePasskeys: readCookie(ctx, app, 'able') !== undefined,
    asking: await services.browsers.find(app.id, readCookie(ctx, app, 'ask')),
    network: networkOf(infoOf(ctx.req).ip),
    knownBrowser: known === undefined ? undefined : knownHash(known),
    last: lastMethod(ctx, app),
    device: deviceOf(ctx.get('User-Agent')),
    locales: languagesOf(ctx, app.settings.locale, uiLocales),
  };
}

/** What the user row keeps of a `known` cookie. */
export const knownHash = (cookie: string): string => hashOf('known', cookie);

/** Whatever becomes of this form, it can be sent again as it is. Only for one whose token has been checked. */
export function keepForm(ctx: Koa.Context, fields: Readonly<Record<string, string>>): void {
  infoOf(ctx.req).form = {
    action: `${appOf(ctx).path}${ctx.path}`,
    fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
  };
}
