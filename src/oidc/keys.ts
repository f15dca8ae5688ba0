/**
 * Signing keys of one app: RS256 (OIDC Core §15.1 asks for it) and ES256. Private parts are sealed at rest (OA-31).
 *
 * Owns the row of kind `key_set`, one per app. Every change of it is one compare-and-set, so of two processes or operators
 * that rotate at once one wins. Nothing here is remembered: `EngineRegistry` decides how old a view may be.
 */
import { createPrivateKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { App } from '../apps/apps.ts';
import type { AuditEntry } from '../audit/events.ts';
import { type Clock, DAY } from '../core/clock.ts';
import { eventIdOf } from '../core/event-id.ts';
import type { AppId } from '../core/ids.ts';
import type { Keyring } from '../core/keyring.ts';
import { randomToken } from '../core/random.ts';
import { type Store, StoreConflict, type StoredRecord } from '../store/port.ts';
import {
  dueAt,
  type Generation,
  type KeyRow,
  type KeySetRow,
  longestToken,
  nextStageAt,
  PUBLISH_AHEAD,
  publishAt,
  SIGNING_ALGS,
  type SigningAlg,
  stagesOf,
} from './key-set.ts';

import { sealVersion } from './resealed.ts';

const generate = promisify(generateKeyPair);

export const KEY_SET_KIND = 'key_set';
const ID = 'signing';

export interface SigningKey {
  readonly [member: string]: unknown;
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly kty: string;
}

/** What a process may do with the keys of an app, and for how long that holds unless the row changes. */
export interface KeyView {
  readonly version: number;
  /** The key that signs stands first of its algorithm; the others only check. */
  readonly keys: readonly SigningKey[];
  readonly published: ReadonlySet<string>;
  readonly validUntil: number;
}

export type Rotation =
  /** Clients get to know the new keys now; they sign from `signsAt` on. */
  | { readonly outcome: 'published'; readonly kids: readonly string[]; readonly signsAt: number }
  /** A rotation is under way already. */
  | { readonly outcome: 'pending'; readonly kids: readonly string[]; readonly signsAt: number }
  /** All earlier keys are gone. */
  | { readonly outcome: 'replaced'; readonly kids: readonly string[]; readonly removed: readonly string[] };

export interface KeyDeps {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  /** Insert-if-absent by the entry's id. */
  record(app: AppId, entry: AuditEntry): Promise<unknown>;
}

type Row = StoredRecord<KeySetRow>;

export class SigningKeys {
  readonly #deps: KeyDeps;

  constructor(deps: KeyDeps) {
    this.#deps = deps;
  }

  /** The row as it is now; made when the app has none. */
  async get(app: App): Promise<Row> {
    const { store, clock } = this.#deps;
    const found = await store.records.find<KeySetRow>(app.id, KEY_SET_KIND, ID, clock.now());
    return found ?? this.#create(app);
  }

  /** Opens the seals: for whoever is about to sign. */
  view(app: App, row: Row): KeyView {
    const now = this.#deps.clock.now();
    const staged = stagesOf(row.data, app.settings, now).filter(({ stage }) => stage !== 'removed');
    const order = ['signing', 'published', 'retired', 'hint'] as const;
    const sorted = order.flatMap((stage) => staged.filter((one) => one.stage === stage));
    return {
      version: row.version,
      keys: sorted.flatMap(({ generation }) => generation.keys.map((key) => this.#open(app.id, key))),
      published: new Set(
        sorted.filter(({ stage }) => stage !== 'hint').flatMap(({ generation }) => kidsOf(generation)),
      ),
      validUntil: nextStageAt(row.data, app.settings, now),
    };
  }

  /** Publishes the next keys; they sign a day later, when every client that caches the set knows them (OA-32). */
  async rotate(app: App, by: 'operator' | 'schedule'): Promise<Rotation> {
    const row = await this.get(app);
    const now = this.#deps.clock.now();
    const newest = row.data.generations.at(-1);
    if (newest && newest.signsAt > now) {
      return { outcome: 'pending', kids: kidsOf(newest), signsAt: newest.signsAt };
    }
    const next = await this.#generation(app.id, now + PUBLISH_AHEAD);
    const kids = kidsOf(next);
    const event = { type: 'keys.published', kids, signsAt: next.signsAt, by } as const;
    const earlier = row.data.generations.map((one) =>
      one === newest ? { ...one, keepMs: longestToken(app.settings) } : one,
    );
    const written = await this.#change(app, row, [...earlier, next], [eventOf(event, now, next.id)]);
    if (!written) return this.rotate(app, by);
    await this.#settled(app, written);
    return { outcome: 'published', kids, signsAt: next.signsAt };
  }

  /** For keys that leaked: all of them go at once, with everything they signed, and new ones sign now. */
  async replaceAll(app: App): Promise<Rotation> {
    const before = await this.get(app);
    const next = await this.#generation(app.id, this.#deps.clock.now());
    for (let row = before; ; row = await this.get(app)) {
      if (row.data.emergencies > before.data.emergencies) {
        const kids = row.data.generations.flatMap(kidsOf);
        return { outcome: 'replaced', kids, removed: before.data.generations.flatMap(kidsOf) };
      }
      const now = this.#deps.clock.now();
      const removed = row.data.generations.flatMap(kidsOf);
      const kids = kidsOf(next);
      const events = [
        eventOf({ type: 'keys.removed', kids: removed, reason: 'emergency' }, now, next.id),
        eventOf({ type: 'keys.activated', kids }, now, next.id),
      ];
      const generations = [{ ...next, signsAt: now, isAnnounced: true }];
      const written = await this.#change(app, row, generations, events, row.data.emergencies + 1);
      if (!written) continue;
      await this.#settled(app, written);
      return { outcome: 'replaced', kids, removed };
    }
  }

  /** Does what is due on the app's keys: publish the next ones, announce, remove, move events out. Any process may. */
  async maintain(app: App): Promise<void> {
    const row = await this.get(app);
    const now = this.#deps.clock.now();
    const { settings } = app;
    if ((publishAt(row.data, settings, now) ?? Infinity) <= now) {
      await this.rotate(app, 'schedule');
      return;
    }
    const staged = stagesOf(row.data, settings, now);
    const gone = staged.filter(({ stage }) => stage === 'removed').map(({ generation }) => generation);
    const fresh = staged.filter(
      ({ generation, stage }) => stage !== 'published' && stage !== 'removed' && !generation.isAnnounced,
    );
    const events = [
      ...gone.map((one) =>
        eventOf({ type: 'keys.removed', kids: kidsOf(one), reason: 'expired' }, now, one.id),
      ),
      ...fresh.map(({ generation: one }) =>
        eventOf({ type: 'keys.activated', kids: kidsOf(one) }, one.signsAt, one.id),
      ),
    ];
    if (events.length === 0) return this.#schedule(app, row);
    const generations = row.data.generations
      .filter((one) => !gone.includes(one))
      .map((one) => (one.signsAt <= now ? { ...one, isAnnounced: true } : one));
    const written = await this.#change(app, row, generations, events);
    if (written) await this.#settled(app, written);
  }

  /** Looks after all apps whose row is due; `appOf` gives undefined for one that this process does not serve. */
  async maintainDue(limit: number, appOf: (id: AppId) => App | undefined): Promise<void> {
    const { store, clock } = this.#deps;
    const now = clock.now();
    for (const { scope, ...row } of await store.records.due<KeySetRow>(KEY_SET_KIND, now, limit)) {
      const id = scope as AppId; // key sets are never kept in the system scope
      const app = appOf(id);
      if (app) await this.maintain(app);
      // An app that was taken out of the configuration must not stand in front of the others for ever.
      else await store.records.replace(id, KEY_SET_KIND, { ...row, dueAt: now + DAY }, now);
    }
  }

  /** Versions of master secrets that the app's keys are sealed under. Makes nothing. */
  async sealVersions(app: App): Promise<readonly string[]> {
    const { store, clock } = this.#deps;
    const row = await store.records.find<KeySetRow>(app.id, KEY_SET_KIND, ID, clock.now());
    const keys = row?.data.generations.flatMap((one) => one.keys) ?? [];
    return [...new Set(keys.map(({ sealed }) => sealVersion(sealed)))];
  }

  /** Seals the app's keys under the newest master secret; gives the number of rows written, 0 or 1. */
  async reseal(app: App): Promise<number> {
    const { keyring } = this.#deps;
    const row = await this.get(app);
    const isCurrent = (key: KeyRow): boolean => sealVersion(key.sealed) === keyring.current;
    if (row.data.generations.every(({ keys }) => keys.every(isCurrent))) return 0;
    const anew = (key: KeyRow): KeyRow => {
      const text = keyring.open(app.id, sealName(key.kid), key.sealed);
      return { ...key, sealed: keyring.seal(app.id, sealName(key.kid), text) };
    };
    const generations = row.data.generations.map((one) => ({ ...one, keys: one.keys.map(anew) }));
    const written = await this.#replace(app, { ...row, data: { ...row.data, generations } });
    return written ? 1 : this.reseal(app);
  }

  async #create(app: App): Promise<Row> {
    const { store, clock } = this.#deps;
    const now = clock.now();
    // Nobody can have cached a set that was never given out: the first keys sign at once.
    const first = { ...(await this.#generation(app.id, now)), isAnnounced: true };
    const event = eventOf({ type: 'keys.activated', kids: kidsOf(first) }, now, first.id);
    const data: KeySetRow = { generations: [first], emergencies: 0, events: [event] };
    try {
      const row = await store.records.insert(app.id, KEY_SET_KIND, { id: ID, data, dueAt: now }, now);
      return (await this.#settled(app, row)) ?? this.get(app);
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
      return this.get(app);
    }
  }

  #change(
    app: App,
    row: Row,
    generations: readonly Generation[],
    events: readonly AuditEntry[],
    emergencies = row.data.emergencies,
  ): Promise<Row | undefined> {
    const data: KeySetRow = { generations, emergencies, events: [...row.data.events, ...events] };
    return this.#replace(app, { ...row, data });
  }

  /** Moves waiting events out, or only the date of the next look where that was reckoned with other settings. */
  async #schedule(app: App, row: Row): Promise<void> {
    const due = dueAt(row.data, app.settings, this.#deps.clock.now());
    if (row.data.events.length > 0) await this.#settled(app, row);
    else if (due !== row.dueAt) await this.#replace(app, row);
  }

  /** Events into the log first, then out of the row: a crash in between repeats them, and each stands once by its id. */
  async #settled(app: App, row: Row): Promise<Row | undefined> {
    await Promise.all(row.data.events.map((event) => this.#deps.record(app.id, event)));
    return this.#replace(app, { ...row, data: { ...row.data, events: [] } });
  }

  #replace(app: App, row: Row): Promise<Row | undefined> {
    const now = this.#deps.clock.now();
    const due = dueAt(row.data, app.settings, now);
    return this.#deps.store.records.replace(app.id, KEY_SET_KIND, { ...row, dueAt: due }, now);
  }

  async #generation(app: AppId, signsAt: number): Promise<Generation> {
    const keys = await Promise.all(SIGNING_ALGS.map((alg) => this.#key(app, alg)));
    return { id: randomToken(), createdAt: this.#deps.clock.now(), signsAt, keys };
  }

  async #key(app: AppId, alg: SigningAlg): Promise<KeyRow> {
    const kid = randomToken();
    const jwk = { ...(await privateJwk(alg)), kid, alg, use: 'sig' };
    return { kid, alg, sealed: this.#deps.keyring.seal(app, sealName(kid), JSON.stringify(jwk)) };
  }

  #open(app: AppId, { kid, sealed }: KeyRow): SigningKey {
    return JSON.parse(this.#deps.keyring.open(app, sealName(kid), sealed));
  }
}

const sealName = (kid: string): string => `signing_key:${kid}`;

export const kidsOf = ({ keys }: Generation): readonly string[] => keys.map(({ kid }) => kid);

type KeyEvent = Extract<AuditEntry, { type: `keys.${string}` }>;

const eventOf = (event: KeyEvent, at: number, generation: string): AuditEntry => ({
  ...event,
  at,
  id: eventIdOf(at, generation, event.type),
});

async function privateJwk(alg: SigningAlg): Promise<object> {
  const encoding = {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  } as const;
  const { privateKey } =
    alg === 'RS256'
      ? await generate('rsa', { modulusLength: 2048, ...encoding })
      : await generate('ec', { namedCurve: 'P-256', ...encoding });
  return createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
}
