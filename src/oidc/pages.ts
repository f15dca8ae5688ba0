/** The pages that the engine needs, drawn by `http`; passed in by `app.ts` so that this room knows no views. */
import type { errors, KoaContextWithOIDC } from 'oidc-provider';
import type { App } from '../apps/apps.ts';

export type EngineContext = KoaContextWithOIDC;

export interface EnginePages {
  error(
    ctx: EngineContext,
    app: App,
    out: { readonly error: string },
    cause: errors.OIDCProviderError | Error,
  ): Promise<void>;
  logout(ctx: EngineContext, app: App): Promise<void>;
  loggedOut(ctx: EngineContext, app: App): Promise<void>;
  /** A fault of ours that the engine answers with `server_error`. */
  fault(ctx: EngineContext, fault: unknown): void;
  /** Runs behind every answer of the engine: its own HTML and its redirects after a form become pages of ours. */
  finish(ctx: EngineContext, app: App): Promise<void>;
}
