/**
 * Passkeys of users, as credentials of theirs: what stands in `material`, and the acts on one. Does not own how an
 * authenticator's answer is checked.
 *
 * What makes, ends or suspends one is a compare-and-set of its row that carries its event (ADR 0029). A credential id belongs to
 * one user of an app (AC-18).
 */
import type { Credential, Credentials } from '../../accounts/credentials.ts';
import type { Audit } from '../../audit/audit.ts';
import type { AuditEntry, AuditSubject } from '../../audit/events.ts';
import type { Clock } from '../../core/clock.ts';
import { eventIdOf } from '../../core/event-id.ts';
import type { AppId, UserId } from '../../core/ids.ts';
import { randomToken } from '../../core/random.ts';

/** More than anybody has devices; bounds the list and `excludeCredentials`. */
export const MAX_PASSKEYS = 20;
/** An act may follow another before anybody has looked for the event of the first. */
const EVENTS_KEPT = 4;

export interface PasskeyFacts {
  /** base64url, as the browser gives it. */
  readonly credentialId: string;
  /** COSE_Key, base64url. */
  readonly publicKey: string;
  readonly counter: number;
  readonly transports: readonly string[];
  /** Model of the authenticator; zeros when it does not tell. */
  readonly aaguid: string;
  /** May be copied to other devices of its owner (backup eligible). */
  readonly isSyncable: boolean;
  readonly isBackedUp: boolean;
  readonly rpId: string;
}

export interface Passkey extends PasskeyFacts {
  /** With us. */
  readonly id: string;
  readonly owner: UserId;
  readonly label: string;
  /** ms */
  readonly createdAt: number;
  readonly lastUsedAt: number | undefined;
  readonly status: 'active' | 'suspended' | 'removed';
  readonly row: Credential;
}

export type Remover = Actor & { readonly by: 'user' | 'operator' };

/** Who acts and where, for the log. */
export type Actor = Pick<AuditSubject, 'clientId' | 'reference' | 'ip'>;

export interface Use {
  readonly counter: number;
  readonly isBackedUp: boolean;
  /** When the ceremony began whose answer this is, ms. */
  readonly startedAt: number;
}

type KnownEntry = AuditEntry & { readonly id: string };

export interface PasskeyDeps {
  readonly credentials: Credentials;
  readonly audit: Pick<Audit, 'promise' | 'keep'>;
  readonly clock: Clock;
}

export class Passkeys {
  readonly #deps: PasskeyDeps;

  constructor(deps: PasskeyDeps) {
    this.#deps = deps;
  }

  /** All of one user, oldest first; suspended ones too. */
  async ofUser(app: AppId, owner: UserId): Promise<readonly Passkey[]> {
    const rows = await this.#deps.credentials.ofUser(app, owner, 'passkey');
    return rows.map(passkeyOf).filter(({ status }) => status !== 'removed');
  }

  async find(app: AppId, credentialId: string): Promise<Passkey | undefined> {
    return standing(await this.#deps.credentials.findUnique(app, 'passkey', [credentialId]));
  }

  /** By our own id, if it is this user's. */
  async owned(app: AppId, owner: UserId, id: string): Promise<Passkey | undefined> {
    const row = await this.#deps.credentials.find(app, id);
    return row?.kind === 'passkey' && row.owner === owner ? standing(row) : undefined;
  }

  async add(
    app: AppId,
    owner: UserId,
    { label, ...facts }: PasskeyFacts & { readonly label: string },
    actor: Actor,
  ): Promise<'added' | 'taken' | 'too_many'> {
    if ((await this.ofUser(app, owner)).length >= MAX_PASSKEYS) return 'too_many';
    const { credentials, clock } = this.#deps;
    const id = randomToken();
    const at = clock.now();
    const stamp = { ...actor, userId: owner, at, id: eventIdOf(at, id, 'enrolled') };
    const entry = {
      ...stamp,
      type: 'passkey.enrolled',
      passkey: id,
      isSyncable: facts.isSyncable,
    } as const;
    await this.#promise(app, entry, id);
    const draft = { kind: 'passkey', owner, unique: [facts.credentialId], label } as const;
    const material = { ...facts, status: 'active' };
    // Somebody's already: an authenticator never makes the same one twice (WebAuthn §7.1 step 26).
    if (!(await credentials.insert(app, { ...draft, id, material, events: [entry.id] }))) return 'taken';
    await this.#deps.audit.keep(app, entry);
    return 'added';
  }

  /**
   * Notes a use whose signature was checked. `rolled_back`: a copy of the authenticator is about, and the passkey is suspended
   * from now on (WebAuthn §6.1.1); `stale`: overtaken by another sign-in of the same moment, or ended meanwhile.
   */
  async use(app: AppId, passkey: Passkey, use: Use, actor: Actor): Promise<'used' | 'rolled_back' | 'stale'> {
    if (passkey.status !== 'active') return 'stale';
    const { credentials, clock } = this.#deps;
    const now = clock.now();
    const again = async () => {
      const row = await credentials.find(app, passkey.id);
      return row ? this.use(app, passkeyOf(row), use, actor) : 'stale';
    };
    if (isRollback(passkey, use)) {
      // Two sign-ins at once end in any order; that says nothing about a copy.
      if (use.startedAt <= (passkey.lastUsedAt ?? 0)) return 'stale';
      return (await this.#suspend(app, passkey, use, actor)) ? 'rolled_back' : again();
    }
    const { counter, isBackedUp } = use;
    const material = { ...passkey.row.material, counter, isBackedUp };
    const written = await credentials.replace(app, passkey.row, { material, lastUsedAt: now });
    return written ? 'used' : again();
  }

  /** Relying party ids, other than this one, of passkeys of the app: nobody can use those any more. */
  async lostTo(app: AppId, rpId: string): Promise<readonly string[]> {
    const some = await this.#deps.credentials.some(app, 'passkey');
    return [...new Set(some.map((row) => passkeyOf(row).rpId))].filter((other) => other !== rpId);
  }

  /** What was removed, for the one caller who did it. */
  async remove(app: AppId, owner: UserId, id: string, actor: Remover): Promise<Passkey | undefined> {
    const passkey = await this.owned(app, owner, id);
    if (!passkey) return undefined;
    const { row } = passkey;
    const at = this.#deps.clock.now();
    const stamp = { ...actor, userId: owner, at, id: eventIdOf(at, id, String(row.version), 'removed') };
    const entry = { ...stamp, type: 'passkey.removed', passkey: id } as const;
    await this.#promise(app, entry, id);
    if (!(await this.#act(app, passkey, 'removed', entry))) return this.remove(app, owner, id, actor);
    // From here on it is of no use to anybody; whoever dies before the next line leaves a dead row and a kept event.
    await this.#deps.credentials.remove(app, row);
    return passkey;
  }

  async #suspend(app: AppId, passkey: Passkey, use: Use, actor: Actor): Promise<boolean> {
    const { id, owner, row, counter } = passkey;
    const at = this.#deps.clock.now();
    const stamp = { ...actor, userId: owner, at, id: eventIdOf(at, id, String(row.version), 'suspended') };
    const entry = {
      ...stamp,
      type: 'passkey.counter_rollback',
      passkey: id,
      expected: counter,
      told: use.counter,
    } as const;
    await this.#promise(app, entry, id);
    return this.#act(app, passkey, 'suspended', entry);
  }

  /** False when somebody else acted first. */
  async #act(app: AppId, { row }: Passkey, status: Passkey['status'], entry: KnownEntry): Promise<boolean> {
    const events = [...row.events, entry.id].slice(-EVENTS_KEPT);
    const change = { material: { ...row.material, status }, events };
    if (!(await this.#deps.credentials.replace(app, row, change))) return false;
    await this.#deps.audit.keep(app, entry);
    return true;
  }

  #promise(app: AppId, entry: KnownEntry, id: string): Promise<void> {
    return this.#deps.audit.promise(app, entry, { record: 'credential', id });
  }
}

function passkeyOf(row: Credential): Passkey {
  const { id, owner, label, createdAt, lastUsedAt } = row;
  // `add` wrote it.
  const material = row.material as unknown as PasskeyFacts & Pick<Passkey, 'status'>;
  return { ...material, id, owner, label, createdAt, lastUsedAt, row };
}

function standing(row: Credential | undefined): Passkey | undefined {
  const passkey = row && passkeyOf(row);
  return passkey?.status === 'removed' ? undefined : passkey;
}

/** A passkey that is synced between devices tells zero for ever; any other counts upwards only (WebAuthn §7.2 step 22). */
export const isRollback = (known: Pick<Passkey, 'counter'>, told: Pick<Use, 'counter'>): boolean =>
  (told.counter > 0 || known.counter > 0) && told.counter <= known.counter;
