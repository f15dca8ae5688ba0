/**
 * The engine's Session with limits and an end: no longer than the app allows since the person signed in, and whoever
 * ends one ends the grants that it gave and tells the clients that had a login in it, before the session itself goes.
 */
import type { Provider } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import { type Clock, HOUR, SECOND } from '../core/clock.ts';
import type { Endings } from './endings.ts';
import { base } from './engine-models.ts';

interface Login {
  readonly accountId: string;
  readonly loginTs?: number;
}
/** Members that the engine's type declarations leave out. */
interface EngineSession {
  readonly uid: string;
  readonly jti: string;
  readonly accountId?: string;
  readonly loginTs?: number;
  readonly authorizations?: Readonly<Record<string, { readonly sid?: string }>>;
  destroy(): Promise<void>;
  loginAccount(details: Login): void;
}
export interface SessionDeps {
  readonly app: App;
  readonly clock: Clock;
  readonly endings: Endings;
}

export function sessionModel(provider: Provider, { app, clock, endings }: SessionDeps) {
  return class Session extends base<EngineSession>(provider.Session) {
    static override async find(value: string, options?: object) {
      const found = await super.find(value, options);
      // Also for rows that were written before the limit was lowered.
      return found && secondsLeft(app, clock, found.loginTs) > 0 ? found : undefined;
    }

    /** A later sign-in of the same person is told apart from the earlier one even within a second (ML-48). */
    override loginAccount(details: Login): void {
      const now = Math.floor(clock.now() / SECOND);
      const isLater = details.accountId === this.accountId && details.loginTs !== this.loginTs;
      const earliest = isLater ? (this.loginTs ?? 0) + 1 : 0;
      super.loginAccount({ ...details, loginTs: Math.max(details.loginTs ?? now, earliest) });
    }

    override async destroy(): Promise<void> {
      const { uid, accountId: userId, authorizations = {} } = this;
      // First what hangs on it: a crash in between leaves a session that can still be ended, never a family or a client
      // that nobody can find.
      if (userId !== undefined) await endings.beforeSession({ uid, userId, authorizations });
      if (userId !== undefined) await endings.session(this.jti, { uid, userId }, 'user');
      await super.destroy();
      // An authorization under way may have stored its Grant in between; what comes later meets the session's tombstone.
      if (userId !== undefined) await endings.familiesOfSession(uid);
    }
  };
}

/** Of a session that nobody signed in to: it holds the form of a sign-out page, and strangers make as many as they like. */
const ANONYMOUS_S = HOUR / SECOND;

/** Life of a session row from now, in seconds: idle, and never beyond the absolute limit since the sign-in. */
export function sessionTtl(app: App, clock: Clock, loginTs: number | undefined): number {
  if (loginTs === undefined) return ANONYMOUS_S;
  const idle = Math.round(app.settings.lifetimes.session_idle / SECOND);
  return Math.max(1, Math.min(idle, secondsLeft(app, clock, loginTs)));
}

function secondsLeft(app: App, clock: Clock, loginTs: number | undefined): number {
  if (loginTs === undefined) return Number.POSITIVE_INFINITY;
  return (
    loginTs + Math.round(app.settings.lifetimes.session_absolute / SECOND) - Math.floor(clock.now() / SECOND)
  );
}
