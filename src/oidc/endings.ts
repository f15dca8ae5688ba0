/**
 * The end of sessions and of what was given in them: by the person, by an operator, because a user is disabled or a
 * consent is withdrawn. Works on the rows alone, so that the server and the command line do the same.
 *
 * Order: grants first, then the word to the clients, then the session. Each step may be repeated after a crash.
 */
import type { App } from '../apps/apps.ts';
import type { Audit } from '../audit/audit.ts';
import { eventIdOf } from '../core/event-id.ts';
import { hashOf } from '../core/hash.ts';
import { asUserId } from '../core/ids.ts';
import { type Artifact, TOMBSTONE } from '../store/port.ts';
import { Adapter, type AdapterDeps } from './adapter.ts';
import type { Families, RevocationReason } from './families.ts';

/** A client that had a login in a session that has ended. */
export interface EndedLogin {
  /** The same for every repeat of the same end. */
  readonly id: string;
  readonly clientId: string;
  readonly userId: string;
  readonly sid: string;
}

export interface SessionFacts {
  readonly uid: string;
  readonly userId: string;
  readonly authorizations: Readonly<Record<string, { readonly sid?: string }>>;
}

export interface EndingsDeps extends Omit<AdapterDeps, 'onInteractionEnded'> {
  readonly audit: Pick<Audit, 'record' | 'promise' | 'keep'>;
  /** Takes over for good what clients have to be told (OpenID Back-Channel Logout §2.4). */
  tellClients(app: App, logins: readonly EndedLogin[]): Promise<void>;
}

export class Endings {
  readonly #app: App;
  readonly #deps: EndingsDeps;
  readonly #sessions: Adapter;
  readonly #families: Families;

  constructor(app: App, deps: EndingsDeps, families: Families) {
    this.#app = app;
    this.#deps = deps;
    this.#sessions = new Adapter('Session', app, { ...deps, onInteractionEnded: async () => undefined });
    this.#families = families;
  }

  /** Ends everything that is signed in as this user, on every device, `offline_access` included. */
  async ofUser(userId: string, reason: RevocationReason): Promise<void> {
    await this.#families.revokeAll({ userId }, reason);
    const sessions = await this.#sessions.rowsBy('accountId', userId);
    await Promise.all(sessions.filter(isAlive).map((row) => this.#session(row, userId)));
    // What an authorization under way stored meanwhile.
    await this.#families.revokeAll({ userId }, reason);
  }

  /** What has to be done before a session goes. */
  async beforeSession({ uid, userId, authorizations }: SessionFacts): Promise<void> {
    await this.familiesOfSession(uid);
    const logins = Object.entries(authorizations).flatMap(([clientId, { sid }]) =>
      sid === undefined ? [] : [{ id: hashOf('logout', uid, clientId, sid), clientId, userId, sid }],
    );
    await this.#deps.tellClients(this.#app, logins);
  }

  /** Ends what was given in one session, as far as the app's sign-out reaches. */
  async familiesOfSession(uid: string): Promise<void> {
    const { ends } = this.#app.settings.sign_out;
    if (ends === 'session') return;
    await this.#families.revokeAll(
      { session: uid },
      'sign_out',
      ({ isOffline }) => ends === 'all' || !isOffline,
    );
  }

  /** The session itself: its tombstone names the event that tells of it, which was promised before (AD-10). */
  async session(
    jti: string,
    { uid, userId }: Pick<SessionFacts, 'uid' | 'userId'>,
    by: 'user' | 'operator',
  ): Promise<void> {
    const { audit, clock } = this.#deps;
    const at = clock.now();
    const id = eventIdOf(at, uid, 'sign_out');
    const entry = { type: 'sign_out', by, userId: asUserId(userId), at, id } as const;
    await audit.promise(this.#app.id, entry, { tombstoneOf: 'Session', id: this.#sessions.keyOf(jti) });
    const { won } = await this.#sessions.entomb(jti, { reason: 'ended', event: id });
    if (won) await audit.keep(this.#app.id, entry);
  }

  async #session(row: Artifact, userId: string): Promise<void> {
    const { uid, authorizations, jti } = this.#sessions.open(row);
    const known = (authorizations ?? {}) as SessionFacts['authorizations']; // as the Session model wrote it
    await this.beforeSession({ uid: String(uid), userId, authorizations: known });
    await this.session(String(jti), { uid: String(uid), userId }, 'operator');
  }
}

const isAlive = (row: Artifact): boolean => row.marks[TOMBSTONE] === undefined;
