/**
 * oidc-provider's storage adapter over the artifact port: hashed ids, sealed payloads, single use by compare-and-set.
 *
 * The engine ignores what `consume` returns and itself only checks, then acts, so the loser of a race must be told by
 * an exception (threats §1.1). Rows are keyed by SHA-256 of app id, model and id; no row holds its own id readable.
 */
import { type AdapterPayload, errors } from 'oidc-provider';
import type { App } from '../apps/apps.ts';
import type { Clock } from '../core/clock.ts';
import { hashOf } from '../core/hash.ts';
import type { Keyring } from '../core/keyring.ts';
import {
  type Artifact,
  type ArtifactDraft,
  type ArtifactIndex,
  type JsonObject,
  type Store,
  TOMBSTONE,
} from '../store/port.ts';
import type { Epoch } from './epoch.ts';
import { openableText } from './resealed.ts';

/** Ids that are no bearer secrets: they appear in other rows as references. */
const PLAIN_ID = new Set(['Grant', 'Client']);
/** Whole payload sealed: it holds live ids, request parameters or a pushed request. */
const SEALED = new Set(['Session', 'Interaction', 'PushedAuthorizationRequest', 'DeviceCode']);
/** Found by something else than their id, hence the id has to be inside the seal. */
const SEALED_WITH_ID = new Set(['Session', 'DeviceCode']);
/** Made once and never changed by save: a second write under the same id is a retry of the same act. */
const INSERT_ONLY = new Set(['RefreshToken', 'AuthorizationCode', 'AccessToken', 'ClientCredentials']);
/** `destroy` leaves a tombstone that no late `save` brings back to life. */
const ENTOMBED = new Set(['Grant', 'Interaction', 'Session']);

/** What restoring a backup must not bring back does not end what was registered. */
const OUTLIVES_EPOCH = new Set(['Client']);
/** Two interactions in a row, sign-in and consent, may each last an hour before the request gives its code (OA-34). */
const PUSHED_REQUEST_KEPT_S = 2 * 60 * 60;

export interface AdapterDeps {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly epoch: Epoch;
  /** Told after the one destroy that ended an interaction. */
  onInteractionEnded(uid: string): Promise<void>;
}

export type MarkResult = { readonly won: boolean; readonly artifact: Artifact | undefined };

export class Adapter {
  readonly #model: string;
  readonly #app: App;
  readonly #deps: AdapterDeps;

  constructor(model: string, app: App, deps: AdapterDeps) {
    this.#model = model;
    this.#app = app;
    this.#deps = deps;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const { artifacts } = this.#deps.store;
    const draft = this.#draft(id, payload, expiresIn);
    const now = this.#deps.clock.now();
    if (INSERT_ONLY.has(this.#model)) {
      await artifacts.insert(this.#app.id, this.#model, draft, now);
    } else if (!(await artifacts.upsert(this.#app.id, this.#model, draft, now))) {
      throw this.#model === 'Grant' ? new errors.InvalidGrant('grant revoked') : finished();
    }
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const row = await this.row(id);
    return row && this.#valid(this.#payload(row, id));
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const rows = await this.#deps.store.artifacts.findBy(
      this.#app.id,
      this.#model,
      'uid',
      uid,
      this.#deps.clock.now(),
    );
    const live = rows.find((row) => row.marks[TOMBSTONE] === undefined);
    return live && this.#valid(this.#payload(live));
  }

  /** Nothing that was issued before the revocation epoch is found again (RL-23, OA-23). */
  async #valid(payload: AdapterPayload | undefined): Promise<AdapterPayload | undefined> {
    if (payload === undefined || OUTLIVES_EPOCH.has(this.#model)) return payload;
    return (await this.#deps.epoch.isBefore(payload.iat)) ? undefined : payload;
  }

  /** Device flow is off (features.ts): no user code was ever given out. */
  async findByUserCode(): Promise<undefined> {
    return undefined;
  }

  async consume(id: string): Promise<void> {
    const { won } = await this.mark(id, 'consumed', { at: this.#deps.clock.now() });
    if (!won) {
      throw this.#model === 'PushedAuthorizationRequest'
        ? new errors.InvalidRequestUri('request_uri was already used')
        : new errors.InvalidGrant(`${this.#model} was already used`);
    }
  }

  async destroy(id: string): Promise<void> {
    if (!ENTOMBED.has(this.#model)) {
      await this.#deps.store.artifacts.remove(this.#app.id, this.#model, this.keyOf(id));
      return;
    }
    const { won } = await this.entomb(id, { reason: 'destroyed' });
    if (this.#model !== 'Interaction') return;
    // One resume of an interaction wins; without this, concurrent ones gave two codes (design §2, ML-21).
    if (!won) throw finished();
    await this.#deps.onInteractionEnded(id);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.#deps.store.artifacts.removeBy(this.#app.id, this.#model, 'grantId', grantId);
  }

  /**
   * Moves the end of a row's life. Writes what was read before: for rows whose payload never changes otherwise. Marks stay,
   * and a row that was removed meanwhile is of no use without its Grant.
   */
  async extend(id: string, exp: number): Promise<void> {
    const row = await this.row(id);
    if (!row) return;
    const now = this.#deps.clock.now();
    const data = { ...row.data, exp };
    await this.#deps.store.artifacts.upsert(
      this.#app.id,
      this.#model,
      { ...row, data, expiresAt: exp * 1000 },
      now,
    );
  }

  /** Compare-and-set of one mark; for exactly one caller `won` is true. */
  mark(id: string, name: string, value: JsonObject): Promise<MarkResult> {
    return this.#deps.store.artifacts.mark(
      this.#app.id,
      this.#model,
      this.keyOf(id),
      name,
      value,
      this.#deps.clock.now(),
    );
  }

  /** Ends a row for good: it stays until its expiry, is found by nobody and cannot be saved again. */
  entomb(id: string, why: JsonObject): Promise<MarkResult> {
    return this.mark(id, TOMBSTONE, { ...why, at: this.#deps.clock.now() });
  }

  /** True for exactly one caller over all processes: nothing with this id was there, and now it is until then. */
  claim(id: string, expiresAt: number): Promise<boolean> {
    const draft = { id: this.keyOf(id), data: {}, expiresAt };
    return this.#deps.store.artifacts.insert(this.#app.id, this.#model, draft, this.#deps.clock.now());
  }

  row(id: string): Promise<Artifact | undefined> {
    return this.#deps.store.artifacts.find(this.#app.id, this.#model, this.keyOf(id), this.#deps.clock.now());
  }

  /** Tombstones too. */
  async rowsBy(index: ArtifactIndex, value: string): Promise<readonly Artifact[]> {
    const { artifacts } = this.#deps.store;
    return artifacts.findBy(this.#app.id, this.#model, index, value, this.#deps.clock.now());
  }

  /** Seconds that a row stays beyond its validity, to be found used up. */
  get #keptS(): number {
    return this.#model === 'PushedAuthorizationRequest' ? PUSHED_REQUEST_KEPT_S : 0;
  }

  /** Under which id the row stands. */
  keyOf(id: string): string {
    return PLAIN_ID.has(this.#model) ? id : hashOf(this.#app.id, this.#model, id);
  }

  #draft(id: string, payload: AdapterPayload, expiresIn?: number): ArtifactDraft {
    const { jti: _, ...rest } = payload;
    const key = this.keyOf(id);
    return {
      id: key,
      data: SEALED.has(this.#model) ? this.#seal(key, id, rest) : (rest as JsonObject), // payloads are JSON by contract
      expiresAt:
        expiresIn === undefined ? undefined : this.#deps.clock.now() + (expiresIn + this.#keptS) * 1000,
      ...this.#indexes(payload),
    };
  }

  /** Only what is looked up: tokens by their grant, sessions and grants by session and person. */
  #indexes(payload: AdapterPayload): Pick<ArtifactDraft, 'grantId' | 'uid' | 'accountId' | 'clientId'> {
    if (this.#model === 'Session') return { uid: payload.uid, accountId: payload.accountId };
    if (this.#model === 'Grant') {
      return { uid: text(payload.sessionUid), accountId: payload.accountId, clientId: payload.clientId };
    }
    return { grantId: SEALED.has(this.#model) ? undefined : payload.grantId };
  }

  #seal(key: string, id: string, payload: AdapterPayload): JsonObject {
    const inside: AdapterPayload = { ...payload };
    if (SEALED_WITH_ID.has(this.#model)) inside.jti = id;
    if (this.#model === 'Interaction' && inside.session) {
      // A live session id that the engine stores but never reads.
      const { cookie: _, ...session } = inside.session as Record<string, unknown>; // typed as unknown by the engine
      inside.session = session;
    }
    return { sealed: this.#deps.keyring.seal(this.#app.id, `${this.#model}:${key}`, JSON.stringify(inside)) };
  }

  #payload(row: Artifact, id?: string): AdapterPayload | undefined {
    if (row.marks[TOMBSTONE] !== undefined) return undefined;
    const isLost = SEALED.has(this.#model) && openableText(row, this.#deps.keyring.versions) === undefined;
    if (isLost) return undefined;
    const payload = { ...this.open(row) };
    if (id !== undefined) payload.jti = id;
    const consumed = row.marks.consumed;
    if (consumed !== undefined) payload.consumed = Math.floor(Number(consumed.at) / 1000);
    return payload;
  }

  /** What a row holds, whatever its marks say. */
  open(row: Artifact): AdapterPayload {
    const { sealed } = row.data;
    if (typeof sealed !== 'string') return row.data as AdapterPayload; // written by #draft from an AdapterPayload
    const text = openableText(row, this.#deps.keyring.versions);
    // Its master secret was taken out: nobody can tell any more what it was (docs/guide/master-secret.md).
    if (text === undefined) return {};
    return JSON.parse(this.#deps.keyring.open(this.#app.id, `${this.#model}:${row.id}`, text));
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** What the loser of a race for one interaction is told; the error page turns it into "finished in your other tab". */
export const finished = (): errors.SessionNotFound =>
  new errors.SessionNotFound('interaction was already finished');
