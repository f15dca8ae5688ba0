/**
 * Grants and the token families that hang on them. Every use of a token needs its Grant, so one compare-and-set on the
 * Grant row kills all of them at once; removing the rows is cleanup. Client and reason stand in that same write.
 */
import type { Provider } from 'oidc-provider';
import { TOMBSTONE } from '../store/port.ts';
import type { Adapter } from './adapter.ts';

export interface Family {
  readonly grantId: string;
  readonly clientId: string;
  readonly userId: string;
}

export type RevocationReason = 'token.refresh_reuse_detected' | 'token.code_reuse_detected' | 'sign_out';

/** What the engine tells the audit log; never a token. */
export type EngineEvent = Family & { readonly type: RevocationReason | 'token.refresh_replayed' };

export class Families {
  readonly #provider: Provider;
  readonly #emit: (event: EngineEvent) => Promise<void>;

  constructor(provider: Provider, emit: (event: EngineEvent) => Promise<void>) {
    this.#provider = provider;
    this.#emit = emit;
  }

  /** Ends one family. The event is raised by the one caller that ended it. */
  async revoke(family: Family, reason: RevocationReason): Promise<void> {
    const { clientId, userId } = family;
    const { won } = await this.#grants.entomb(family.grantId, { reason, clientId, userId });
    if (won) await this.#emit({ ...family, type: reason });
    const models = [
      this.#provider.RefreshToken,
      this.#provider.AccessToken,
      this.#provider.AuthorizationCode,
    ];
    await Promise.all(models.map((model) => model.revokeByGrantId(family.grantId)));
  }

  /** Ends what was given in one session, except what was asked for beyond it (`offline_access`). */
  async revokeOfSession(uid: string): Promise<void> {
    const rows = await this.#grants.rowsByUid(uid);
    const bound = rows.filter((row) => row.marks[TOMBSTONE] === undefined && row.data.isOffline !== true);
    await Promise.all(
      bound.map((row) =>
        this.revoke(
          { grantId: row.id, clientId: row.clientId ?? '', userId: row.accountId ?? '' },
          'sign_out',
        ),
      ),
    );
  }

  /** The same successor was given out again within the grace window. */
  async replayed(family: Family): Promise<void> {
    await this.#emit({ ...family, type: 'token.refresh_replayed' });
  }

  get #grants(): Adapter {
    return this.#provider.Grant.adapter as unknown as Adapter; // made by our own factory in provider.ts
  }
}
