/**
 * What Postern changes in the engine's models. Each is a subclass put on the Provider instance: the class *name*
 * selects adapter, lifetime and `kind`, so every subclass keeps the name of its base.
 *
 * - RefreshToken: see `refresh-token.ts`.
 * - AuthorizationCode: the second redemption kills the grant, the winner's tokens included (OA-07).
 * - Session: has limits, and ends with what it gave: see `session-model.ts`.
 * - Interaction: is resumed only by the browser that proved a mailbox for it.
 * - Grant: knows the session it was given in.
 * - ReplayDetection, PushedAuthorizationRequest, ClientCredentials, Client: see `replay-detection.ts`,
 *   `pushed-requests.ts`, `client-credentials.ts`, `client-authentication.ts`.
 */
import { decodeProtectedHeader } from 'jose';
import { errors, Provider } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import type { AuditEntry } from '../audit/events.ts';
import type { Clock } from '../core/clock.ts';
import type { Keyring } from '../core/keyring.ts';
import { installClientRules } from './client-authentication.ts';
import { clientCredentials } from './client-credentials.ts';
import type { Consents } from './consent.ts';
import type { Endings } from './endings.ts';
import type { EngineUser } from './engine.ts';
import { base, type EngineModel, type EngineToken, familyOf, isGrantRequest } from './engine-models.ts';
import type { Families } from './families.ts';
import type { EngineContext } from './pages.ts';
import { pushedAuthorizationRequest } from './pushed-requests.ts';
import { accessToken, refreshToken } from './refresh-token.ts';
import { replayDetection } from './replay-detection.ts';
import { RESPONSE_MODES } from './response-modes.ts';
import { sessionModel } from './session-model.ts';

interface EngineInteraction extends EngineModel {
  result?: { readonly browser?: unknown; readonly login?: Login } | undefined;
}

/** As `complete.ts` wrote it. */
interface Login {
  readonly accountId: string;
  readonly provedAt?: number;
}

interface EngineGrant extends EngineModel {
  readonly accountId: string;
  readonly clientId: string;
  /** Of third-party clients: see `consent.ts`. */
  readonly withdrawals?: number;
}

export interface ModelDeps {
  readonly app: App;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly families: Families;
  record(entry: AuditEntry): Promise<unknown>;
  readonly endings: Endings;
  readonly consents: Consents;
  /** Id of the browser of this request, by its host-only asking cookie. */
  askingBrowser(ctx: EngineContext): Promise<string | undefined>;
  findUser(app: App, id: string): Promise<EngineUser | undefined>;
}

/** Replaces these models on this provider. The getters of the prototype are shadowed by own properties. */
export function installModels(provider: Provider, deps: ModelDeps): void {
  const models = {
    AccessToken: accessToken(provider, deps),
    RefreshToken: refreshToken(provider, deps),
    AuthorizationCode: authorizationCode(provider, deps),
    Session: sessionModel(provider, deps),
    Interaction: interaction(provider, deps),
    Grant: grant(provider, deps),
    ReplayDetection: replayDetection(provider),
    PushedAuthorizationRequest: pushedAuthorizationRequest(provider),
    ClientCredentials: clientCredentials(provider, deps),
  };
  for (const [name, value] of Object.entries(models)) Object.defineProperty(provider, name, { value });
  refuseOtherTokensAsHints(provider);
  installClientRules(provider, deps.clock);
  Object.defineProperties(provider.Client.prototype, {
    // Every ID token names its session, so that it can end it without a question (OA-36).
    includeSid: { value: () => true },
    // Told by jobs that `Session.destroy` leaves behind: nobody waits for a client, and a failure is tried again (OA-37).
    backchannelLogout: { value: async () => undefined },
    // Other response types never get this far; their errors travel in fragments (OAuth 2.0 Multiple Response Types §3).
    responseModeAllowed: {
      value: (mode: string, type: string) => type !== 'code' || RESPONSE_MODES.some((one) => one === mode),
    },
  });
}

/** A logout token has the signature, audience and subject of an ID token, and every client gets to see one (OA-33). */
function refuseOtherTokensAsHints(provider: Provider): void {
  const { IdToken } = provider as unknown as { IdToken: { validate(jwt: string, client: object): unknown } }; // not declared
  const validate = IdToken.validate.bind(IdToken);
  IdToken.validate = async (jwt, client) => {
    const { typ = 'JWT' } = decodeProtectedHeader(jwt);
    if (typ !== 'JWT') throw new errors.InvalidRequest('id_token_hint is not an ID token');
    return validate(jwt, client);
  };
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

/**
 * The engine's interaction and resume cookies keep narrow paths, hence no `__Host-`: a sibling host can plant those of a
 * request of its own, and would then hold a result that somebody else proved for it, or give its own to somebody else
 * (ML-42, ML-43). The result therefore names the browser that proved it.
 */
function interaction(provider: Provider, { app, askingBrowser, findUser }: ModelDeps) {
  return class Interaction extends base<EngineInteraction>(provider.Interaction) {
    static override async find(value: string, options?: object) {
      const found = await super.find(value, options);
      const { ctx } = Provider;
      if (ctx?.oidc?.provider !== provider || ctx.oidc.route !== 'resume') return found;
      const provedBy = found?.result?.browser;
      if (provedBy !== undefined && provedBy !== (await askingBrowser(ctx))) return undefined;
      const login = found?.result?.login;
      // Proved before its user was disabled, and not taken up until the user was enabled again: proved anew (AC-21).
      const changedAt = login && (await findUser(app, login.accountId))?.changedAt;
      if (found && changedAt !== undefined && (login?.provedAt ?? 0) <= changedAt) found.result = undefined;
      return found;
    }
  };
}

function grant(provider: Provider, { app, consents }: ModelDeps) {
  return class Grant extends base<EngineGrant>(provider.Grant) {
    static override get IN_PAYLOAD(): readonly string[] {
      return [...super.IN_PAYLOAD, 'sessionUid', 'isOffline', 'withdrawals'];
    }

    static override async find(value: string, options?: object) {
      const found = await super.find(value, options);
      if (found?.withdrawals === undefined || !isGrantRequest(provider, 'authorization_code')) return found;
      // Consent was withdrawn while this Grant was being stored, so that nothing found it to end it (OA-26).
      const { accountId, clientId, withdrawals } = found;
      return withdrawals === (await consents.withdrawals(app.id, accountId, clientId)) ? found : undefined;
    }
  };
}
