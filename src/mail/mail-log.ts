/**
 * The mail log: one row per mail, from the moment it was asked for to its end, for those who are asked "where is my mail?".
 * Owns the rows of kind `mail`. They hold no body, link or code, and of the recipient only a mask to show and an HMAC to
 * find by (PR-03); what is told of the sign-in itself stands in the challenge, to which `onStatus` carries every change.
 *
 * Two writes per mail: one beside its job, one when a transport has answered. Ids begin with the time, so that a page of
 * the log is a range; they derive from the send, so that whoever repeats a step after a crash means the same row.
 */
import { type Clock, DAY } from '../core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../core/email-address.ts';
import { eventIdOf, timePrefix } from '../core/event-id.ts';
import { hashOf } from '../core/hash.ts';
import { type AppId, asChallengeId, type ChallengeId } from '../core/ids.ts';
import type { Keyring } from '../core/keyring.ts';
import { maskedAddress } from '../core/masked-address.ts';
import { type Store, StoreConflict, type StoredRecord } from '../store/port.ts';
import { type MailChange, type MailStatus, statusOf, withChange } from './mail-status.ts';
import { messageIdFor } from './message-id.ts';

export const MAIL = 'mail';
const RETENTION = 30 * DAY;
const PAGE = 500;

/** What is known of a mail when it is asked for. */
export interface MailOrder {
  readonly app: AppId;
  readonly challenge: ChallengeId;
  /** 1 for the first mail of a challenge, one more for every "send again". */
  readonly send: number;
  /** Such as `sign_in`. */
  readonly kind: string;
  /** When this send was asked for, ms. */
  readonly askedAt: number;
}

/** How the mail is found again; given where the address is known. */
export interface MailTraces {
  readonly to: string;
  /** Under which its Message-ID is derived. */
  readonly keyVersion: string;
}

interface MailRow {
  readonly kind: string;
  readonly challenge: string;
  readonly send: number;
  readonly to: string;
  readonly askedAt: number;
  readonly history: readonly MailChange[];
}

export interface LoggedMail {
  readonly id: string;
  readonly app: AppId;
  readonly challenge: ChallengeId;
  readonly send: number;
  readonly kind: string;
  /** Masked: `a…@example.org`. */
  readonly to: string;
  /** ms */
  readonly askedAt: number;
  readonly status: MailStatus;
  /** The change that made the status. */
  readonly last: MailChange;
  readonly history: readonly MailChange[];
  /** Grows with every change of this row: tells the newer of two. */
  readonly version: number;
}

export interface MailQuery {
  /** Id of the last mail already seen. */
  readonly after?: string;
  /** ms; mails asked for at this moment and later, when there is no `after`. */
  readonly since?: number;
  /** 1 to 500. */
  readonly limit: number;
}

export interface MailLogDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** `mail.log_retention` of an app, ms. */
  retentionOf?(app: AppId): number | undefined;
  /** Told after every change, by whomever it was noted; it may come twice for one change. */
  onStatus?(mail: LoggedMail, isNew: boolean): Promise<void>;
}

type Row = StoredRecord<MailRow>;

/** The same for the same send, in every process and after every crash. */
export const mailIdOf = ({ challenge, send, askedAt }: Omit<MailOrder, 'app' | 'kind'>): string =>
  eventIdOf(askedAt, 'mail', challenge, String(send));

export class MailLog {
  readonly #deps: MailLogDeps;

  constructor(deps: MailLogDeps) {
    this.#deps = deps;
  }

  /** Opens the row of a mail, unless it is open. */
  async open(
    order: MailOrder,
    traces: MailTraces,
    status: 'queued' | 'suppressed' = 'queued',
  ): Promise<void> {
    try {
      await this.#insert(order, traces, [{ status, at: order.askedAt }]);
    } catch (thrown) {
      if (!(thrown instanceof StoreConflict)) throw thrown;
    }
  }

  /**
   * Adds what became of a mail; repeating it changes nothing. Gives the mail as it stands now; undefined when there is no
   * row, because it was kept long enough or the mail is of a time before the log.
   *
   * @param reopen for a worker that was faster than the one who opens the row.
   */
  async note(
    app: AppId,
    id: string,
    change: MailChange,
    reopen?: { readonly order: MailOrder; readonly traces: MailTraces },
  ): Promise<LoggedMail | undefined> {
    for (;;) {
      const row = await this.#rowOf(app, id);
      if (!row && !reopen) return undefined;
      const written = row
        ? await this.#append(app, row, change)
        : reopen &&
          (await this.#insert(reopen.order, reopen.traces, [
            { status: 'queued', at: reopen.order.askedAt },
            change,
          ]).catch(lostRace));
      if (!written) continue;
      const mail = loggedMail(app, written);
      await this.#deps.onStatus?.(mail, written !== row);
      return mail;
    }
  }

  async find(app: AppId, id: string): Promise<LoggedMail | undefined> {
    const row = await this.#rowOf(app, id);
    return row && loggedMail(app, row);
  }

  /** By what a provider calls the mail; only for transports whose reports do (`Transport.reportsBy`). */
  findByProviderId(app: AppId, transport: string, providerId: string): Promise<LoggedMail | undefined> {
    return this.#findByKey(app, providerKey(transport, providerId));
  }

  /** With or without angle brackets; while no provider has given the mail an id of its own. */
  findByMessageId(app: AppId, messageId: string): Promise<LoggedMail | undefined> {
    return this.#findByKey(app, messageKey(messageId));
  }

  /** Whether this mail went to this address. */
  async isTo(app: AppId, id: string, address: EmailAddress): Promise<boolean> {
    const { versions } = this.#deps.keyring;
    const group = (await this.#rowOf(app, id))?.group;
    return group !== undefined && versions.some((version) => group === this.#groupOf(app, address, version));
  }

  /** The newest mails to this address, newest first. */
  async findByAddress(app: AppId, address: EmailAddress, limit: number): Promise<readonly LoggedMail[]> {
    const found: LoggedMail[] = [];
    for (const version of this.#deps.keyring.versions) {
      const group = this.#groupOf(app, address, version);
      for (let after: string | undefined; ; ) {
        const query = { group, limit: PAGE, ...(after === undefined ? {} : { after }) };
        const rows = await this.#list(app, query);
        found.push(...rows);
        after = rows.at(-1)?.id;
        if (rows.length < PAGE) break;
      }
    }
    return found.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
  }

  /** Oldest first. */
  async page(app: AppId, { after, since, limit }: MailQuery): Promise<readonly LoggedMail[]> {
    const start = after ?? (since === undefined ? undefined : timePrefix(since));
    const query = {
      limit: Math.max(1, Math.min(limit, PAGE)),
      ...(start === undefined ? {} : { after: start }),
    };
    return this.#list(app, query);
  }

  async #list(
    app: AppId,
    query: { readonly group?: string; readonly after?: string; readonly limit: number },
  ) {
    const rows = await this.#deps.store.records.list<MailRow>(app, MAIL, query, this.#deps.clock.now());
    return rows.map((row) => loggedMail(app, row));
  }

  #insert(order: MailOrder, { to, keyVersion }: MailTraces, history: readonly MailChange[]): Promise<Row> {
    const { store, clock, keyring, retentionOf } = this.#deps;
    const { app, challenge, send, kind, askedAt } = order;
    const address = parseEmailAddress(to);
    const from = '@'; // only its domain is taken, and that is not part of the key
    const data: MailRow = { kind, challenge, send, askedAt, to: maskedAddress(to), history };
    const draft = {
      id: mailIdOf(order),
      key: messageKey(messageIdFor(keyring, { app, challenge, send, from, keyVersion })),
      group: address && this.#groupOf(app, address, keyring.current),
      data,
      expiresAt: askedAt + (retentionOf?.(app) ?? RETENTION),
    };
    return store.records.insert(app, MAIL, draft, clock.now());
  }

  /** Undefined when another change came between; the row as it is when there is nothing new in it. */
  async #append(app: AppId, row: Row, change: MailChange): Promise<Row | undefined> {
    const { store, clock } = this.#deps;
    const history = withChange(row.data.history, change);
    if (history === row.data.history) return row;
    const { transport, providerId, isNamedByProvider } = change;
    const isNamed = isNamedByProvider && transport !== undefined && providerId !== undefined;
    const key = isNamed ? providerKey(transport, providerId) : row.key;
    const next = { ...row, key, data: { ...row.data, history } };
    try {
      return await store.records.replace(app, MAIL, next, clock.now());
    } catch (thrown) {
      if (!(thrown instanceof StoreConflict)) throw thrown;
      // A provider that names two mails alike: what is known of this one must not be lost for it.
      return store.records.replace(app, MAIL, { ...next, key: row.key }, clock.now());
    }
  }

  async #findByKey(app: AppId, key: string): Promise<LoggedMail | undefined> {
    const row = await this.#deps.store.records.findByKey<MailRow>(app, MAIL, key, this.#deps.clock.now());
    return row && loggedMail(app, row);
  }

  #rowOf(app: AppId, id: string): Promise<Row | undefined> {
    return this.#deps.store.records.find<MailRow>(app, MAIL, id, this.#deps.clock.now());
  }

  /** Keyed, because addresses are guessable: a copy of the log names nobody. */
  #groupOf(app: AppId, { key }: EmailAddress, version: string): string {
    return this.#deps.keyring.mac(app, 'mail-log', [key], version).toString('base64url');
  }
}

function lostRace(thrown: unknown): undefined {
  if (!(thrown instanceof StoreConflict)) throw thrown;
}

/** What stands before the @ says which mail it is; the domain changes with the app's sender. */
const messageKey = (messageId: string): string =>
  `m:${messageId.replace(/^<|>$/g, '').replace(/@[^@]*$/, '')}`;

const providerKey = (transport: string, providerId: string): string =>
  `p:${hashOf('provider', transport, providerId)}`;

function loggedMail(app: AppId, { id, version, data }: Row): LoggedMail {
  const { challenge, history, ...rest } = data;
  const last = statusOf(history);
  return {
    ...rest,
    id,
    app,
    version,
    challenge: asChallengeId(challenge),
    history,
    last,
    status: last.status,
  };
}
