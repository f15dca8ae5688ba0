/**
 * Discovery and key set of an app: made by the engine once, then answered from memory. They are the same bytes for
 * everybody, open to every origin and without credentials (OA-45), so the CORS answer is a constant too.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../apps/apps.ts';
import type { Engine } from '../oidc/engine.ts';

const DISCOVERY = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'] as const;
const JWKS = '/jwks';
/** Short, so that a new key is seen soon (OA-32, WB-05). */
const CACHE_CONTROL = 'public, max-age=300';

export const isMetadata = (req: IncomingMessage, rest: string): boolean =>
  req.method === 'GET' && (rest === JWKS || rest === DISCOVERY[0] || rest === DISCOVERY[1]);

/**
 * RFC 8414 §3.1 and OIDC Discovery §4.1 for issuers with a path: the well-known part stands before it or behind it. Gives
 * the path in the one form that the rest of the house knows, which is behind.
 */
export function withWellKnownBehind(pathname: string): string {
  const found = DISCOVERY.find((name) => pathname.startsWith(`${name}/`));
  return found === undefined ? pathname : `${pathname.slice(found.length)}${found}`;
}

export class Metadata {
  readonly #bodies = new Map<string, Buffer>();

  /** True when the answer was given. */
  answer(app: App, res: ServerResponse, rest: string): boolean {
    const body = this.#bodies.get(keyOf(app, rest));
    if (!body) return false;
    res.writeHead(200, {
      'Content-Type':
        rest === JWKS ? 'application/jwk-set+json; charset=utf-8' : 'application/json; charset=utf-8',
      'Content-Length': body.length,
      'Cache-Control': CACHE_CONTROL,
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    });
    res.end(body);
    return true;
  }

  /** Asks the engine, whose answer goes to nobody but the memory. */
  async learn(engine: Engine, req: IncomingMessage, res: ServerResponse, rest: string): Promise<boolean> {
    const body = await engine.document(req, res, rest === JWKS ? 'jwks' : 'discovery');
    this.#bodies.set(keyOf(engine.app, rest), Buffer.from(JSON.stringify(body)));
    return this.answer(engine.app, res, rest);
  }
}

const keyOf = (app: App, rest: string): string => `${app.id} ${rest === JWKS ? 'jwks' : 'discovery'}`;
