/**
 * What the demonstration client remembers of each browser, never longer than an hour: in memory, or sealed on a shelf that
 * several workers share. Owns the cookie's value and the bounds; knows nothing of HTTP. Development only.
 */
import { type Clock, HOUR } from '../../core/clock.ts';
import { hashOf } from '../../core/hash.ts';
import { randomToken } from '../../core/random.ts';

/** One line of a step: a parameter, a claim, an endpoint. */
export interface Row {
  readonly name: string;
  readonly value: string;
  readonly meaning?: string | undefined;
}

/** One step of the protocol as it happened, ready to be shown; holds no complete token. */
export interface Step {
  readonly title: string;
  /** HTTP method and URL without query, when there was a request. */
  readonly request?: string | undefined;
  readonly text: string;
  readonly rows: readonly Row[];
}

export interface Problem {
  /** Plain words: what happened and what to do. */
  readonly text: string;
  /** Protocol error code, such as `access_denied`. */
  readonly code: string;
  readonly description: string | undefined;
}

/** An authorization request that waits for its callback; found by its state. */
export interface Pending {
  readonly verifier: string;
  readonly nonce: string;
  readonly isSilent: boolean;
  readonly steps: readonly Step[];
}

export interface SignedIn {
  readonly subject: string;
  readonly label: string;
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly idToken: string;
}

/** One browser at one client. */
export interface Visit {
  readonly pending: Map<string, Pending>;
  signedIn: SignedIn | undefined;
  /** The sign-in, from discovery to userinfo. */
  steps: readonly Step[];
  /** What was done since, newest first. */
  later: readonly Step[];
  problem: Problem | undefined;
}

export interface DemoSession {
  readonly csrf: string;
  readonly visits: Map<string, Visit>;
  /** Client that was signed out by the request before this one, for a notice. */
  signedOutOf: string | undefined;
  expires: number;
}

const MAX_SESSIONS = 200;
const MAX_PENDING = 8;
const LIFETIME = HOUR;

/** Where workers put their sessions for each other. */
export interface SessionShelf {
  put(id: string, text: string): Promise<void>;
  find(id: string): Promise<string | undefined>;
}

export class DemoSessions {
  /** By the hash of the cookie value, oldest first. */
  readonly #sessions = new Map<string, DemoSession>();
  readonly #clock: Clock;
  readonly #shelf: SessionShelf | undefined;

  constructor(clock: Clock, shelf?: SessionShelf) {
    this.#clock = clock;
    this.#shelf = shelf;
  }

  async find(cookie: string | undefined): Promise<DemoSession | undefined> {
    if (cookie === undefined) return undefined;
    const session = this.#shelf
      ? revived(await this.#shelf.find(hashOf(cookie)))
      : this.#sessions.get(hashOf(cookie));
    return session && session.expires > this.#clock.now() ? session : undefined;
  }

  /** A new session; the oldest makes room when there are too many. */
  insert(): { cookie: string; session: DemoSession } {
    const now = this.#clock.now();
    for (const [key, { expires }] of this.#sessions) {
      if (expires <= now || this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(key);
    }
    const cookie = randomToken();
    const session: DemoSession = {
      csrf: randomToken(),
      visits: new Map(),
      signedOutOf: undefined,
      expires: now + LIFETIME,
    };
    if (!this.#shelf) this.#sessions.set(hashOf(cookie), session);
    return { cookie, session };
  }

  /** Whatever a request did to its session; of two at once the later one stands. */
  async keep(cookie: string, session: DemoSession): Promise<void> {
    await this.#shelf?.put(hashOf(cookie), written(session));
  }
}

/** Maps as lists of pairs, which JSON has. */
function written(session: DemoSession): string {
  const visits = [...session.visits].map(([key, visit]) => [key, { ...visit, pending: [...visit.pending] }]);
  return JSON.stringify({ ...session, visits });
}

function revived(text: string | undefined): DemoSession | undefined {
  if (text === undefined) return undefined;
  const { visits, ...session } = JSON.parse(text);
  const pairs: [string, Visit & { pending: Iterable<[string, Pending]> }][] = visits;
  return {
    ...session,
    visits: new Map(pairs.map(([key, visit]) => [key, { ...visit, pending: new Map(visit.pending) }])),
  };
}

export function visitOf(session: DemoSession, key: string): Visit {
  const known = session.visits.get(key);
  if (known) return known;
  const visit: Visit = { pending: new Map(), signedIn: undefined, steps: [], later: [], problem: undefined };
  session.visits.set(key, visit);
  return visit;
}

/** Several tabs may wait at once; the oldest is dropped when there are too many. */
export function remember(visit: Visit, state: string, pending: Pending): void {
  for (const oldest of visit.pending.keys()) {
    if (visit.pending.size < MAX_PENDING) break;
    visit.pending.delete(oldest);
  }
  visit.pending.set(state, pending);
}
