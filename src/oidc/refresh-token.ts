/**
 * Refresh tokens: single use with a derived successor, a grace window and family revocation (design §4); for clients
 * that do not rotate, one token whose idle life begins anew with each use.
 *
 * A client's policy may change while its families live: whatever it says, a token that was spent stays spent.
 */
import { errors, Provider } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import { type Clock, MINUTE } from '../core/clock.ts';
import type { Keyring } from '../core/keyring.ts';
import { randomToken } from '../core/random.ts';
import { base, type EngineToken, familyOf, isGrantRequest } from './engine-models.ts';
import type { Families } from './families.ts';

export interface RefreshTokenDeps {
  readonly app: App;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly families: Families;
}

/** What the engine's configuration asks of a refresh token in use. */
export interface RefreshTokenInUse {
  /** Whether this use gives a successor. False: the use is noted, and the same token goes on. */
  rotates(isRotating: boolean): Promise<boolean>;
}

/** Uses closer together than this do not write the new end of the idle life: a busy client costs no write each time. */
const EXTEND_AFTER_MS = MINUTE;

export function refreshToken(provider: Provider, { app, keyring, clock, families }: RefreshTokenDeps) {
  const graceMs = app.settings.lifetimes.refresh_token_grace;
  return class RefreshToken extends base<EngineToken>(provider.RefreshToken) {
    successor?: string;
    isSpent = false;

    static override async find(value: string, options?: object) {
      const token = await super.find(value, options);
      if (!token || !isGrantRequest(provider, 'refresh_token')) return token;
      // `find` of the base makes instances of this class.
      (token as RefreshToken).isSpent = token.consumed !== undefined;
      token.consumed = undefined;
      forgiveOfflineAccess(token);
      return token;
    }

    async rotates(isRotating: boolean): Promise<boolean> {
      if (isRotating || this.isSpent) return true;
      // Whoever uses a successor has received it: the window of its predecessor closes (OA-22).
      if ((this.rotations ?? 0) > 0) await this.adapter.mark(this.jti, 'used', { at: clock.now() });
      await this.#extendIdleLife();
      return false;
    }

    async #extendIdleLife(): Promise<void> {
      const { expiresIn } = provider.RefreshToken as unknown as { expiresIn(...args: unknown[]): number }; // not declared
      const ttl = expiresIn.call(provider.RefreshToken, Provider.ctx, this, Provider.ctx?.oidc?.client);
      const exp = Math.floor(clock.now() / 1000) + ttl;
      if ((exp - this.exp) * 1000 < EXTEND_AFTER_MS) return;
      await this.adapter.extend(this.jti, exp);
      this.exp = exp;
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
      if (!isInWindow || next?.marks.consumed !== undefined || next?.marks.used !== undefined) {
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
