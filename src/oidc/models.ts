/**
 * What Postern changes in the engine's models. Each is a subclass put on the Provider instance: the class *name*
 * selects adapter, lifetime and `kind`, so every subclass keeps the name of its base.
 *
 * - RefreshToken: single use with a derived successor, a grace window and family revocation (design §4).
 * - AuthorizationCode: the second redemption kills the grant, the winner's tokens included (OA-07).
 * - Session: ending one ends the grants that it gave, before the session itself goes.
 * - Interaction: is resumed only by the browser that proved a mailbox for it.
 * - Grant: knows the session it was given in.
 * - Client: secrets are compared by hash (OA-48).
 */
import { hash } from 'node:crypto';
import { errors, Provider } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import type { Clock } from '../core/clock.ts';
import { isSameSecret } from '../core/hash.ts';
import type { Keyring } from '../core/keyring.ts';
import { randomToken } from '../core/random.ts';
import type { Adapter } from './adapter.ts';
import type { Families, Family } from './families.ts';
import type { EngineContext } from './pages.ts';
import { RESPONSE_MODES } from './response-modes.ts';

/** Members of the engine's models that its type declarations leave out. */
interface EngineModel {
  readonly adapter: Adapter;
  readonly jti: string;
  emit(event: string): void;
}
interface EngineToken extends EngineModel {
  readonly grantId: string;
  readonly clientId: string;
  readonly accountId: string;
  readonly rotations?: number;
  readonly scopes: ReadonlySet<string>;
  consumed?: unknown;
  consume(): Promise<void>;
  save(): Promise<string>;
  generateTokenId(): string;
}
interface EngineSession extends EngineModel {
  readonly uid: string;
  destroy(): Promise<void>;
}
interface EngineInteraction extends EngineModel {
  readonly result?: { readonly browser?: unknown };
}
interface ModelClass<Instance> {
  // biome-ignore lint/suspicious/noExplicitAny: a mixin constructor has to take any[] (TS2545)
  new (...args: any[]): Instance;
  readonly IN_PAYLOAD: readonly string[];
  find(value: string, options?: object): Promise<Instance | undefined>;
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
  };
  for (const [name, value] of Object.entries(models)) Object.defineProperty(provider, name, { value });
  Object.defineProperties(provider.Client.prototype, {
    compareClientSecret: { value: compareClientSecret },
    // Other response types never get this far; their errors travel in fragments (OAuth 2.0 Multiple Response Types §3).
    responseModeAllowed: {
      value: (mode: string, type: string) => type !== 'code' || RESPONSE_MODES.some((one) => one === mode),
    },
  });
}

/** The class objects are the engine's own; only their declarations are narrower than the truth. */
const base = <Instance>(model: unknown): ModelClass<Instance> => model as ModelClass<Instance>;

/**
 * The engine's built-in handlers revoke a consumed token by themselves, before they check who presents it (OA-25). Inside
 * the token endpoint the mark is therefore hidden until `consume`, which runs after every check.
 */
function isGrantRequest(provider: Provider, grantType: string): boolean {
  const oidc = Provider.ctx?.oidc;
  return oidc?.provider === provider && oidc.route === 'token' && oidc.params?.grant_type === grantType;
}

const familyOf = (token: EngineToken): Family => ({
  grantId: token.grantId,
  clientId: token.clientId,
  userId: token.accountId,
});

function refreshToken(provider: Provider, { app, keyring, clock, families }: ModelDeps) {
  const graceMs = app.settings.lifetimes.refresh_token_grace;
  return class RefreshToken extends base<EngineToken>(provider.RefreshToken) {
    successor?: string;

    static override async find(value: string, options?: object) {
      const token = await super.find(value, options);
      if (!token || !isGrantRequest(provider, 'refresh_token')) return token;
      token.consumed = undefined;
      forgiveOfflineAccess(token);
      return token;
    }

    override async consume(): Promise<void> {
      const { won, artifact } = await this.adapter.mark(this.jti, 'consumed', {
        at: clock.now(),
        salt: randomToken(),
        key: keyring.current,
      });
      const pinned = artifact?.marks.consumed;
      if (!pinned) throw new errors.InvalidGrant('refresh token not found');
      this.successor = keyring
        .mac(app.id, 'refresh-successor', [this.jti, String(pinned.salt)], String(pinned.key))
        .toString('base64url');
      if (won) return this.emit('consumed');
      const isInWindow = graceMs > 0 && clock.now() - Number(pinned.at) <= graceMs;
      const next = isInWindow ? await this.adapter.row(this.successor) : undefined;
      if (!isInWindow || next?.marks.consumed !== undefined) {
        await families.revoke(familyOf(this), 'token.refresh_reuse_detected');
        throw new errors.InvalidGrant('refresh token already used');
      }
      await families.replayed(familyOf(this));
    }

    override generateTokenId(): string {
      // The token endpoint publishes the old token under this name before it saves the new one.
      const old = Provider.ctx?.oidc?.entities.RotatedRefreshToken as { successor?: string } | undefined; // ours
      const isSuccessor = old?.successor !== undefined && (this.rotations ?? 0) > 0;
      return isSuccessor && old.successor !== undefined ? old.successor : super.generateTokenId();
    }
  };
}

/**
 * Libraries repeat the scope they asked for at first. `offline_access` is dropped from requests without consent (OIDC Core
 * §11), and naming it again would be refused as more than was granted, though it is no scope of any resource.
 */
function forgiveOfflineAccess(token: EngineToken): void {
  const params = Provider.ctx?.oidc?.params;
  const asked = typeof params?.scope === 'string' ? params.scope.split(' ') : [];
  if (!params || !asked.includes('offline_access') || token.scopes.has('offline_access')) return;
  params.scope = asked.filter((scope) => scope !== 'offline_access').join(' ') || undefined;
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

/** The engine knows a secret only as `sha256:` and the base64url digest: see `clients.ts`. */
function compareClientSecret(this: { clientSecret: string }, presented: string): boolean {
  return isSameSecret(hashedSecret(presented), this.clientSecret);
}

/** SHA-256 is enough: the schema asks for secrets of at least 32 characters (ASVS 6.5.2 on high-entropy secrets). */
export const hashedSecret = (secret: string): string => `sha256:${hash('sha256', secret, 'base64url')}`;
