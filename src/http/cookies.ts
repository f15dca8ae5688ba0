/**
 * Postern's own cookies; the engine's stand in `oidc/configuration.ts`. One jar may hold many apps, so every name carries
 * the app id (MT-07); `__Host-` and Secure wherever the issuer is https (WB-01).
 */
import type Cookies from 'cookies';
import type { App } from '../apps/apps.ts';
import { DAY, MINUTE } from '../core/clock.ts';

export type CookieName =
  /** The browser that asked for a mail. */
  | 'ask'
  /** A browser that has signed in: its wrong codes have a budget of their own. */
  | 'known'
  /** One-time pass of "continue on this device instead". */
  | 'pass'
  /** What the CSRF tokens of this browser are derived from. */
  | 'csrf'
  /** Link secret that came by path (`link_secret: path`). */
  | 'link'
  /** The method used last in this browser: what it is offered first. Tells of no account. */
  | 'last'
  /** The device of this browser can make a passkey; its value tells nothing. */
  | 'able';

/** ms; undefined = until the browser is closed. */
const LIFETIME: Record<CookieName, number | undefined> = {
  ask: DAY,
  known: 400 * DAY,
  pass: 5 * MINUTE,
  csrf: undefined,
  link: 10 * MINUTE,
  last: 400 * DAY,
  able: DAY,
};

interface CookieJar {
  readonly cookies: Cookies;
}

const nameOf = (app: App, name: CookieName): string => `${app.secure ? '__Host-' : ''}${name}-${app.id}`;

/** Values are ours: 22 to 100 characters of base64url and dots. Anything else is as good as none. */
const FORM = /^[A-Za-z0-9_.-]{22,100}$/;

export function readCookie(ctx: CookieJar, app: App, name: CookieName): string | undefined {
  const value = ctx.cookies.get(nameOf(app, name), { signed: false });
  return value !== undefined && FORM.test(value) ? value : undefined;
}

export function setCookie(ctx: CookieJar, app: App, name: CookieName, value: string): void {
  ctx.cookies.set(nameOf(app, name), value, { ...attributes(app), maxAge: LIFETIME[name] });
}

export function clearCookie(ctx: CookieJar, app: App, name: CookieName): void {
  ctx.cookies.set(nameOf(app, name), null, attributes(app));
}

/** `method.via`, filled up to the form of all our values; both are names from the configuration. */
export function rememberMethod(
  ctx: CookieJar,
  app: App,
  { method, via }: { readonly method: string; readonly via?: string | undefined },
): void {
  const value = `${method}.${via ?? ''}.`.padEnd(22, '-');
  if (FORM.test(value)) setCookie(ctx, app, 'last', value);
}

export function lastMethod(ctx: CookieJar, app: App) {
  const [method, via] = readCookie(ctx, app, 'last')?.split('.') ?? [];
  return method === undefined ? undefined : { method, via: via === '' ? undefined : via };
}

function attributes(app: App) {
  const secure = app.secure ? { secure: true } : {};
  return { httpOnly: true, sameSite: 'lax', path: '/', signed: false, overwrite: true, ...secure } as const;
}
