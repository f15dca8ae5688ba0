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
import type { MarkResult } from './adapter.ts';
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

/** Where the next token of a family comes from; stands on the row from its birth. */
interface Origin {
  readonly salt: string;
  /** Version of the master secret. */
  readonly key: string;
}

export function refreshToken(provider: Provider, { app, keyring, clock, families }: RefreshTokenDeps) {
  const graceMs = app.settings.lifetimes.refresh_token_grace;
  return class RefreshToken extends base<EngineToken>(provider.RefreshToken) {
    declare origin?: Origin;
    successor?: string;
    /** When it was spent first, ms. */
    spentAt?: number;
    isSpent = false;
    /** Writes of this rotation that nobody waited for yet. */
    #consumed: Promise<MarkResult> | undefined;
    #saved: Promise<unknown> | undefined;

    static override get IN_PAYLOAD(): readonly string[] {
      return [...super.IN_PAYLOAD, 'origin'];
    }

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

    /**
     * The successor follows from the row alone, so consumption, successor and access token are written at once, in one
     * commit where the store can, and `settle` waits for all of them before anything is answered. A second user of the
     * same token writes the same successor, which is there already.
     */
    override async consume(): Promise<void> {
      const { origin = { salt: randomToken(), key: keyring.current } } = this;
      this.#consumed = this.adapter.mark(this.jti, 'consumed', { at: clock.now(), ...origin });
      // Whoever fails in between answers without it; `settle` still sees the fault.
      this.#consumed.catch(() => undefined);
      const isKnown = this.origin !== undefined && keyring.versions.includes(this.origin.key);
      if (isKnown && !this.isSpent) this.successor = this.#successorOf(origin);
      else await this.#settleConsumption(await this.#consumed);
    }

    /** Throws for the loser of a race whom the window does not forgive. */
    async settle(): Promise<void> {
      const [consumed] = await Promise.all([this.#consumed, this.#saved]);
      if (consumed) await this.#settleConsumption(consumed);
    }

    async #settleConsumption({ won, artifact }: MarkResult): Promise<void> {
      this.#consumed = undefined;
      const pinned = artifact?.marks.consumed;
      if (!pinned) throw new errors.InvalidGrant('refresh token not found');
      // Under a master secret that was taken out the successor is lost, and asking for it again is reuse.
      const isLost = !keyring.versions.includes(String(pinned.key));
      const pinnedOrigin = { salt: String(pinned.salt), key: String(pinned.key) };
      const successor = isLost ? '' : this.#successorOf(pinnedOrigin);
      const isOther = this.successor !== undefined && this.successor !== successor;
      this.successor = successor;
      this.spentAt = Number(pinned.at);
      if (won) return this.emit('consumed');
      const isInWindow = graceMs > 0 && !isOther && !isLost && clock.now() - Number(pinned.at) <= graceMs;
      const next = isInWindow ? await this.adapter.row(successor) : undefined;
      if (!isInWindow || next?.marks.consumed !== undefined || next?.marks.used !== undefined) {
        await families.revoke(familyOf(this), 'token.refresh_reuse_detected');
        throw new errors.InvalidGrant('refresh token already used');
      }
      await families.replayed(familyOf(this), { jti: this.jti, spentAt: this.spentAt });
    }

    #successorOf({ salt, key }: Origin): string {
      return keyring.mac(app.id, 'refresh-successor', [this.jti, salt], key).toString('base64url');
    }

    override async save(): Promise<string> {
      this.origin ??= { salt: randomToken(), key: keyring.current };
      const old = rotated();
      const saved = super.save();
      if (!(old instanceof RefreshToken) || old.#consumed === undefined) return saved;
      old.#saved = saved;
      saved.catch(() => undefined);
      // The engine's `save` names the token before it writes it.
      return this.jti;
    }

    override generateTokenId(): string {
      // The token endpoint publishes the old token under this name before it saves the new one.
      const successor = rotated()?.successor;
      return successor !== undefined && (this.rotations ?? 0) > 0 ? successor : super.generateTokenId();
    }
  };
}

/** The token that this request rotates. */
interface Rotated {
  readonly successor?: string;
  settle(): Promise<void>;
}

const rotated = () => Provider.ctx?.oidc?.entities.RotatedRefreshToken as Rotated | undefined; // our own model

/**
 * Its save is the last write of a rotation: what the others came to is known behind it, before anything is answered. What the
 * audit log is told is written in the same commit, so that nobody waits for it; under strict single use it waits for the
 * rotation, because the loser of a race is refused there.
 */
export function accessToken(provider: Provider, { app, families }: RefreshTokenDeps) {
  const isStrict = app.settings.lifetimes.refresh_token_grace === 0;
  return class AccessToken extends base<EngineToken>(provider.AccessToken) {
    override async save(): Promise<string> {
      const settled = rotated()?.settle();
      const told = isStrict && settled ? settled.then(() => this.#tell()) : this.#tell();
      const [value] = await Promise.all([super.save(), settled, told]);
      return value;
    }

    #tell(): Promise<void> | undefined {
      const family = familyOf(this);
      if (isGrantRequest(provider, 'authorization_code')) return families.given('token.issued', family);
      if (isGrantRequest(provider, 'refresh_token')) return families.given('token.refreshed', family);
      return undefined;
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
