/**
 * What Postern changes in the engine's models. Each is a subclass put on the Provider instance: the class *name*
 * selects adapter, lifetime and `kind`, so every subclass keeps the name of its base.
 *
 * - RefreshToken: see `refresh-token.ts`.
 * - AuthorizationCode: the second redemption kills the grant, the winner's tokens included (OA-07).
 * - Session: ending one ends the grants that it gave, before the session itself goes.
 * - Interaction: is resumed only by the browser that proved a mailbox for it.
 * - Grant: knows the session it was given in.
 * - ReplayDetection, PushedAuthorizationRequest, Client: see `replay-detection.ts`, `pushed-requests.ts`, `client-authentication.ts`.
 */
import { errors, Provider } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import type { Clock } from '../core/clock.ts';
import type { Keyring } from '../core/keyring.ts';
import { installClientRules } from './client-authentication.ts';
import { base, type EngineModel, type EngineToken, familyOf, isGrantRequest } from './engine-models.ts';
import type { Families } from './families.ts';
import type { EngineContext } from './pages.ts';
import { pushedAuthorizationRequest } from './pushed-requests.ts';
import { refreshToken } from './refresh-token.ts';
import { replayDetection } from './replay-detection.ts';
import { RESPONSE_MODES } from './response-modes.ts';

interface EngineSession extends EngineModel {
  readonly uid: string;
  destroy(): Promise<void>;
}
interface EngineInteraction extends EngineModel {
  readonly result?: { readonly browser?: unknown };
}

export interface ModelDeps {
  readonly app: App;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly families: Families;
  /** Id of the browser of this request, by its host-only asking cookie. */
  askingBrowser(ctx: EngineContext): Promise<string | undefined>;
}

/** Replaces these models on this provider. The getters of the prototype are shadowed by own properties. */
export function installModels(provider: Provider, deps: ModelDeps): void {
  const models = {
    RefreshToken: refreshToken(provider, deps),
    AuthorizationCode: authorizationCode(provider, deps),
    Session: session(provider, deps),
    Interaction: interaction(provider, deps),
    Grant: grant(provider),
    ReplayDetection: replayDetection(provider),
    PushedAuthorizationRequest: pushedAuthorizationRequest(provider),
  };
  for (const [name, value] of Object.entries(models)) Object.defineProperty(provider, name, { value });
  installClientRules(provider, deps.clock);
  Object.defineProperties(provider.Client.prototype, {
    // Other response types never get this far; their errors travel in fragments (OAuth 2.0 Multiple Response Types §3).
    responseModeAllowed: {
      value: (mode: string, type: string) => type !== 'code' || RESPONSE_MODES.some((one) => one === mode),
    },
  });
}

function authorizationCode(provider: Provider, { clock, families }: ModelDeps) {
  return class AuthorizationCode extends base<EngineToken>(provider.AuthorizationCode) {
    static override async find(value: string, options?: object) {
      const code = await super.find(value, options);
      if (code?.consumed && isGrantRequest(provider, 'authorization_code')) code.consumed = undefined;
      return code;
    }

    override async consume(): Promise<void> {
      const { won } = await this.adapter.mark(this.jti, 'consumed', { at: clock.now() });
      if (won) return this.emit('consumed');
      await families.revoke(familyOf(this), 'token.code_reuse_detected');
      throw new errors.InvalidGrant('authorization code already consumed');
    }

    /** Stores the Grant of this authorization beside its code: neither is of use without the other. */
    override async save(): Promise<string> {
      const grant = Provider.ctx?.oidc?.entities.Grant;
      const [value] = await Promise.all([super.save(), grant?.save()]);
      return value;
    }
  };
}

function session(provider: Provider, { families }: ModelDeps) {
  return class Session extends base<EngineSession>(provider.Session) {
    override async destroy(): Promise<void> {
      // Grants first: a crash in between leaves a session that can still be ended, never a family nobody can find.
      await families.revokeOfSession(this.uid);
      await super.destroy();
      // An authorization under way may have stored its Grant in between; what comes later meets the session's tombstone.
      await families.revokeOfSession(this.uid);
    }
  };
}

/**
 * The engine's interaction and resume cookies keep narrow paths, hence no `__Host-`: a sibling host can plant those of a
 * request of its own, and would then hold a result that somebody else proved for it, or give its own to somebody else
 * (ML-42, ML-43). The result therefore names the browser that proved it.
 */
function interaction(provider: Provider, { askingBrowser }: ModelDeps) {
  return class Interaction extends base<EngineInteraction>(provider.Interaction) {
    static override async find(value: string, options?: object) {
      const found = await super.find(value, options);
      const { ctx } = Provider;
      if (ctx?.oidc?.provider !== provider || ctx.oidc.route !== 'resume') return found;
      const provedBy = found?.result?.browser;
      return provedBy === undefined || provedBy === (await askingBrowser(ctx)) ? found : undefined;
    }
  };
}

function grant(provider: Provider) {
  return class Grant extends base<EngineModel>(provider.Grant) {
    static override get IN_PAYLOAD(): readonly string[] {
      return [...super.IN_PAYLOAD, 'sessionUid', 'isOffline'];
    }
  };
}
