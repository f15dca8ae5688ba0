/**
 * Grants and the token families that hang on them: one for each authorization. Every use of a token needs its Grant, so
 * one compare-and-set on the Grant row kills all of them at once; removing the rows is cleanup. Client and reason stand in
 * that same write.
 *
 * Works on the rows alone, so that a command can end a family while servers run.
 */
import type { App } from '../apps/apps.ts';
import type { Audit } from '../audit/audit.ts';
import { type Clock, SECOND } from '../core/clock.ts';
import { randomToken } from '../core/random.ts';
import { type Artifact, type Store, TOMBSTONE } from '../store/port.ts';
import type { Epoch } from './epoch.ts';
import { type FamilyEvent, familyEvent } from './family-events.ts';

export interface Family {
  readonly grantId: string;
  readonly clientId: string;
  readonly userId: string;
}

export type RevocationReason =
  | 'token.refresh_reuse_detected'
  | 'token.code_reuse_detected'
  | 'sign_out'
  /** Asked for at the revocation endpoint (RFC 7009). */
  | 'client'
  | 'operator'
  | 'consent_withdrawn'
  | 'user_disabled'
  | 'password_reset'
  | 'user_removed';

/** One login of a user at a client, as people and operators may see it: nothing here signs anybody in. */
export interface FamilyView extends Family {
  /** ms */
  readonly createdAt: number;
  /** When tokens were last given for it, ms; JWT access tokens count by the refresh that gave them. */
  readonly lastUsedAt: number;
  /** When it ends by itself, unless used again, ms. */
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  /** Goes on after the person signed out (`offline_access`). */
  readonly isOffline: boolean;
  readonly session: string | undefined;
}

/** What every named part says holds; with none it selects nothing. */
export interface FamilySelector {
  readonly userId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly session?: string | undefined;
}

export interface FamilyQuery extends FamilySelector {
  /** Id of the last Grant already seen. */
  readonly after?: string | undefined;
  /** 1 to 1000 Grants are looked at. */
  readonly limit: number;
}

export interface FamilyPage {
  readonly families: readonly FamilyView[];
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

export interface FamiliesDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly epoch: Epoch;
  readonly audit: Pick<Audit, 'record' | 'promise' | 'keep'>;
}

/** Rows that hang on a Grant. */
const MEMBERS = ['RefreshToken', 'AccessToken', 'AuthorizationCode'] as const;
const MAX_PAGE = 1000;

export class Families {
  readonly #app: App['id'];
  readonly #deps: FamiliesDeps;

  constructor(app: Pick<App, 'id'>, deps: FamiliesDeps) {
    this.#app = app.id;
    this.#deps = deps;
  }

  /** Ends one family; false when it had ended before. The event is raised by the one caller that ended it. */
  async revoke(family: Family, reason: RevocationReason): Promise<boolean> {
    const { store, clock, audit } = this.#deps;
    const { grantId, clientId, userId } = family;
    const now = clock.now();
    const entry = familyEvent(reason, family, now, grantId);
    // Nobody looks at a tombstone again: without the promise a crash right after it would lose the event (AD-10).
    await audit.promise(this.#app, entry, { tombstoneOf: 'Grant', id: grantId });
    const why = { reason, clientId, userId, at: now, event: entry.id };
    const { won } = await store.artifacts.mark(this.#app, 'Grant', grantId, TOMBSTONE, why, now);
    if (won) await audit.keep(this.#app, entry);
    await Promise.all(MEMBERS.map((model) => store.artifacts.removeBy(this.#app, model, 'grantId', grantId)));
    return won;
  }

  /** Ends every family of what is asked, those that wait for their first token too; gives their number. */
  async revokeAll(
    query: FamilySelector,
    reason: RevocationReason,
    isMeant: (grant: { readonly isOffline: boolean }) => boolean = () => true,
  ): Promise<number> {
    const grants = await this.#grants(query);
    let ended = 0;
    for (const row of grants) {
      if (!isMeant({ isOffline: row.data.isOffline === true })) continue;
      if (await this.revoke(familyOf(row), reason)) ended += 1;
    }
    return ended;
  }

  /** The same successor was given out again within the grace window. Told once per token, however often it is asked. */
  async replayed(family: Family, { jti, spentAt }: { readonly jti: string; readonly spentAt: number }) {
    await this.#tell('token.refresh_replayed', family, spentAt, jti);
  }

  /** Tokens are given: told with every answer that carries some. */
  async given(type: 'token.issued' | 'token.refreshed', family: Family): Promise<void> {
    await this.#tell(type, family, this.#deps.clock.now(), randomToken());
  }

  async #tell(type: FamilyEvent, family: Family, at: number, act: string): Promise<void> {
    await this.#deps.audit.record(this.#app, familyEvent(type, family, at, act));
  }

  /** One family that is not over; undefined when it is, or never was. */
  async find(grantId: string): Promise<FamilyView | undefined> {
    const { store, clock } = this.#deps;
    const row = await store.artifacts.find(this.#app, 'Grant', grantId, clock.now());
    return row && row.marks[TOMBSTONE] === undefined ? this.#view(row) : undefined;
  }

  /** Living families of a user, a client or a session, in the order of their ids. */
  async list(query: FamilyQuery): Promise<FamilyPage> {
    const limit = Math.max(1, Math.min(query.limit, MAX_PAGE));
    const all = (await this.#grants(query))
      .filter(({ id }) => query.after === undefined || id > query.after)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const rows = all.slice(0, limit);
    const views = await Promise.all(rows.map((row) => this.#view(row)));
    return {
      families: views.filter((view) => view !== undefined),
      next: all.length > limit ? rows.at(-1)?.id : undefined,
    };
  }

  /** Grants of the narrowest of what is asked, without those that ended. */
  async #grants({ userId, clientId, session }: FamilySelector): Promise<readonly Artifact[]> {
    const { store, clock } = this.#deps;
    const by = (index: 'uid' | 'accountId' | 'clientId', value: string) =>
      store.artifacts.findBy(this.#app, 'Grant', index, value, clock.now());
    const rows =
      session !== undefined
        ? await by('uid', session)
        : userId !== undefined
          ? await by('accountId', userId)
          : clientId !== undefined
            ? await by('clientId', clientId)
            : [];
    return rows.filter(
      (row) =>
        row.marks[TOMBSTONE] === undefined &&
        (userId === undefined || row.accountId === userId) &&
        (clientId === undefined || row.clientId === clientId),
    );
  }

  /** Undefined when no token of it is left (a Grant outlives them by a little), or all are void. */
  async #view(row: Artifact): Promise<FamilyView | undefined> {
    const { store, clock, epoch } = this.#deps;
    if (await epoch.isBefore(Number(row.data.iat))) return undefined;
    const members = await Promise.all(
      MEMBERS.map((model) => store.artifacts.findBy(this.#app, model, 'grantId', row.id, clock.now())),
    );
    const tokens = members.flat();
    const live = tokens.filter(({ marks }) => marks.consumed === undefined);
    if (live.length === 0) return undefined;
    const createdAt = Number(row.data.iat) * SECOND;
    const seen = tokens.flatMap(({ data, marks }) => [
      Number(data.iat) * SECOND,
      Number(marks.used?.at ?? 0),
      Number(marks.consumed?.at ?? 0),
    ]);
    const ends = live.map(({ expiresAt }) => expiresAt ?? 0);
    return {
      ...familyOf(row),
      createdAt,
      lastUsedAt: Math.max(createdAt, ...seen),
      expiresAt: Math.max(...ends),
      scopes: scopesOf(row),
      isOffline: row.data.isOffline === true,
      session: row.uid,
    };
  }
}

const familyOf = (grant: Artifact): Family => ({
  grantId: grant.id,
  clientId: grant.clientId ?? '',
  userId: grant.accountId ?? '',
});

/** OIDC scopes as they are, those of a resource with its identifier behind them. */
function scopesOf({ data }: Artifact): readonly string[] {
  // Written by the engine's Grant model; JSON by contract.
  const { openid, resources } = data as { openid?: { scope?: string }; resources?: Record<string, string> };
  const split = (scope: string | undefined): string[] => scope?.split(' ').filter(Boolean) ?? [];
  return [
    ...split(openid?.scope),
    ...Object.entries(resources ?? {}).flatMap(([resource, scope]) =>
      split(scope).map((name) => `${name} ${resource}`),
    ),
  ];
}
