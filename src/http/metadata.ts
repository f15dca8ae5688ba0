/**
 * Discovery and key set of an app: made once by each engine, then answered from memory. A change of keys makes another
 * engine, so what is remembered here dies with its keys. They are the same bytes for everybody, open to every origin and without credentials (OA-45), so the CORS answer is a constant too.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../apps/apps.ts';
import { SECOND } from '../core/clock.ts';
import type { Engine } from '../oidc/engine.ts';
import { KEY_SET_MAX_AGE } from '../oidc/key-set.ts';
import type { EngineRegistry } from '../oidc/registry.ts';
import { StoreUnavailable } from '../store/port.ts';

const DISCOVERY = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'] as const;
const JWKS = '/jwks';
/** Far shorter than a new key is published before it signs (OA-32, WB-05). */
const CACHE_CONTROL = `public, max-age=${KEY_SET_MAX_AGE / SECOND}`;

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
  readonly #bodies = new WeakMap<Engine, Map<string, Buffer>>();
  readonly #engines: EngineRegistry;

  constructor(engines: EngineRegistry) {
    this.#engines = engines;
  }

  async answer(app: App, req: IncomingMessage, res: ServerResponse, rest: string): Promise<void> {
    const name = rest === JWKS ? 'jwks' : 'discovery';
    const engine = await this.#engine(app);
    const bodies = this.#bodies.get(engine) ?? new Map<string, Buffer>();
    this.#bodies.set(engine, bodies);
    const body =
      bodies.get(name) ?? Buffer.from(JSON.stringify(await engine.document(req, res, name)), 'utf8');
    bodies.set(name, body);
    // The same bytes for everybody, out of caches too: no request's own number.
    res.removeHeader('Postern-Reference');
    res.writeHead(200, {
      'Content-Type':
        rest === JWKS ? 'application/jwk-set+json; charset=utf-8' : 'application/json; charset=utf-8',
      'Content-Length': body.length,
      'Cache-Control': CACHE_CONTROL,
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    });
    res.end(body);
  }

  /** While the store is away, clients still get what their own caches may hold as long. */
  async #engine(app: App): Promise<Engine> {
    try {
      return await this.#engines.get(app);
    } catch (fault) {
      const lately = this.#engines.lately(app, KEY_SET_MAX_AGE);
      if (lately && fault instanceof StoreUnavailable) return lately;
      throw fault;
    }
  }
}
