/**
 * One visit of a browser at a provider, from the button to the proof. Three rows, each spent once: the `state` that the
 * provider sends back, its answer, and who it was. All are bound to app, provider, interaction and asking browser, and
 * hold what matters sealed (AC-08).
 */
import type { Clock } from '../../core/clock.ts';
import { MINUTE } from '../../core/clock.ts';
import { hashOf } from '../../core/hash.ts';
import type { AppId } from '../../core/ids.ts';
import type { Keyring } from '../../core/keyring.ts';
import { randomToken } from '../../core/random.ts';
import type { JsonObject, OneTime } from '../../store/port.ts';
import type { Visit } from './client.ts';
import type { Identity } from './provider.ts';
import type { Configured } from './providers.ts';

/** Whom a row belongs to: all of it is compared before anything is spent. */
export interface Bound {
  readonly provider: string;
  readonly fingerprint: string;
  /** Id of the browser that asked, by its asking cookie. */
  readonly browser: string;
  readonly uid: string;
  readonly clientId: string;
}

export type Answer = Readonly<Record<string, string>>;

export interface Held<Content> {
  readonly bound: Bound;
  readonly content: Content;
}

interface Contents {
  readonly state: Visit;
  readonly answer: { readonly visit: Visit; readonly answer: Answer };
  readonly identity: { readonly identity: Identity; readonly at: number };
}
type Kind = keyof Contents;

export interface VisitStore {
  readonly oneTime: OneTime;
  readonly keyring: Keyring;
  readonly clock: Clock;
}

/** Long enough for a second factor over there; also the life of what the browser brings back. */
const LIFETIME_MS = 10 * MINUTE;

export class Visits {
  readonly #deps: VisitStore;

  constructor(deps: VisitStore) {
    this.#deps = deps;
  }

  /** 256 random bits each: `state` is all that says which visit an answer belongs to. */
  async begin(
    app: AppId,
    { name: provider, fingerprint }: Configured,
    whose: Omit<Bound, 'provider' | 'fingerprint'>,
    freshSince: number | undefined,
  ): Promise<Visit> {
    const visit: Visit = {
      state: randomToken(32),
      nonce: randomToken(32),
      verifier: randomToken(32),
      freshSince,
    };
    await this.put(app, 'state', visit.state, { bound: { provider, fingerprint, ...whose }, content: visit });
    return visit;
  }

  async put<K extends Kind>(
    app: AppId,
    kind: K,
    token: string,
    { bound, content }: Held<Contents[K]>,
  ): Promise<void> {
    const key = keyOf(kind, token);
    const now = this.#deps.clock.now();
    const sealed = this.#deps.keyring.seal(app, aadOf(kind, key), JSON.stringify({ bound, content }));
    await this.#deps.oneTime.put(app, STORED[kind], key, { sealed }, now + LIFETIME_MS, now);
  }

  async peek<K extends Kind>(app: AppId, kind: K, token: string): Promise<Held<Contents[K]> | undefined> {
    const key = keyOf(kind, token);
    return this.#open(
      app,
      kind,
      key,
      await this.#deps.oneTime.peek(app, STORED[kind], key, this.#deps.clock.now()),
    );
  }

  /** For exactly one caller ever. */
  async consume<K extends Kind>(app: AppId, kind: K, token: string): Promise<Held<Contents[K]> | undefined> {
    const key = keyOf(kind, token);
    const { oneTime, clock } = this.#deps;
    return this.#open(app, kind, key, await oneTime.consume(app, STORED[kind], key, clock.now()));
  }

  #open<K extends Kind>(
    app: AppId,
    kind: K,
    key: string,
    row: JsonObject | undefined,
  ): Held<Contents[K]> | undefined {
    if (typeof row?.sealed !== 'string') return undefined;
    // What `put` sealed for this very kind and key.
    return JSON.parse(this.#deps.keyring.open(app, aadOf(kind, key), row.sealed)) as Held<Contents[K]>;
  }
}

const STORED: Readonly<Record<Kind, string>> = {
  state: 'upstream_state',
  answer: 'upstream_answer',
  identity: 'upstream_identity',
};

const keyOf = (kind: Kind, token: string): string => hashOf(STORED[kind], token);
const aadOf = (kind: Kind, key: string): string => `${STORED[kind]}:${key}`;
