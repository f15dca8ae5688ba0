/**
 * Every POST from a page of ours that acts by cookie carries a token derived from a random cookie, and comes from our own
 * origin (WB-02). No state is kept for it.
 */
import type { IncomingMessage } from 'node:http';
import type Koa from 'koa';
import type { App } from '../apps/apps.ts';
import { isSameSecret } from '../core/hash.ts';
import type { Keyring } from '../core/keyring.ts';
import { randomToken } from '../core/random.ts';
import { readCookie, setCookie } from './cookies.ts';

export class Csrf {
  readonly #keyring: Keyring;

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
  }

  /** Token for the forms of a page that is about to be sent; makes the cookie when there is none. */
  token(ctx: Koa.Context, app: App): string {
    const given: unknown = ctx.state.csrf;
    if (typeof given === 'string') return given;
    const cookie = readCookie(ctx, app, 'csrf') ?? newCookie(ctx, app);
    const token = this.#derive(app, cookie, this.#keyring.current);
    ctx.state.csrf = token;
    return token;
  }

  /** Whether this POST was made by a page of ours in this browser. */
  isGenuine(ctx: Koa.Context, app: App, token: string | undefined): boolean {
    const cookie = readCookie(ctx, app, 'csrf');
    if (cookie === undefined || token === undefined || !isOwnOrigin(ctx.req, app)) return false;
    return this.#keyring.versions.some((version) => isSameSecret(this.#derive(app, cookie, version), token));
  }

  #derive(app: App, cookie: string, version: string): string {
    return this.#keyring.mac(app.id, 'csrf', [cookie], version).toString('base64url');
  }
}

function newCookie(ctx: Koa.Context, app: App): string {
  const cookie = randomToken();
  setCookie(ctx, app, 'csrf', cookie);
  return cookie;
}

/** Browsers send Origin with every form POST; where it is missing, Fetch Metadata must not contradict. `null` is refused. */
export function isOwnOrigin({ headers }: IncomingMessage, app: App): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  if (origin !== undefined) return origin === app.origin;
  return site === undefined || site === 'same-origin' || site === 'none';
}
