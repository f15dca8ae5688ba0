/**
 * A store that nobody waits for longer than he has patience, and that tells what each of its calls took. A call that is
 * given up may still take effect, exactly as one whose answer was lost: every single-use value is built for that.
 */
import { monotonic, SECOND } from '../core/clock.ts';
import { presentPatience } from '../core/patience.ts';
import { type Store, StoreUnavailable } from './port.ts';

/** What a call came to. `conflict` is an expected answer of an insert, `fault` an error of ours. */
export type CallOutcome = 'ok' | 'conflict' | 'unavailable' | 'fault';

export interface GuardOptions {
  /** Of calls outside of requests (jobs, housekeeping), ms; requests bring their own patience. */
  readonly otherwiseMs?: number;
  /** `room.method`, such as `records.replace`. */
  readonly observe?: (operation: string, outcome: CallOutcome, ms: number) => void;
}

const OTHERWISE_MS = 10 * SECOND;
/** Overdue calls are looked for so often: one timer for all instead of one per call. */
const LOOK_EVERY_MS = 100;

interface Wait {
  readonly endsAt: number;
  readonly giveUp: () => void;
}

/** `prepare`, `sweep` and `close` are not bounded: they run at boot, in the background and at the end. */
export function guarded(store: Store, options: GuardOptions = {}): Store {
  const guard = new Guard(options);
  return {
    records: guard.room('records', store.records),
    oneTime: guard.room('one_time', store.oneTime),
    artifacts: guard.room('artifacts', store.artifacts),
    counters: guard.room('counters', store.counters),
    prepare: () => store.prepare(),
    ping: () => guard.call('ping', () => store.ping()),
    sweep: (now, limit) => store.sweep(now, limit),
    close: () => store.close(),
  };
}

class Guard {
  readonly #otherwiseMs: number;
  readonly #observe: NonNullable<GuardOptions['observe']>;
  readonly #waits = new Set<Wait>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ otherwiseMs = OTHERWISE_MS, observe = () => undefined }: GuardOptions) {
    this.#otherwiseMs = otherwiseMs;
    this.#observe = observe;
  }

  /** Every method of a room returns a promise, so that all can be treated alike. */
  room<Room extends object>(name: string, room: Room): Room {
    const bounded = new Map<PropertyKey, unknown>();
    return new Proxy(room, {
      get: (owner, key) => {
        if (typeof Reflect.get(owner, key) !== 'function') return Reflect.get(owner, key);
        const known = bounded.get(key);
        if (known) return known;
        const operation = `${name}.${String(key)}`;
        const made = (...args: unknown[]) =>
          this.call(operation, () => {
            const method: unknown = Reflect.get(owner, key);
            if (typeof method !== 'function') throw new Error(`no such call: ${operation}`);
            return method.apply(owner, args);
          });
        bounded.set(key, made);
        return made;
      },
    });
  }

  async call<T>(operation: string, run: () => Promise<T>): Promise<T> {
    const patience = presentPatience();
    const startedAt = monotonic();
    let outcome: CallOutcome = 'ok';
    try {
      return await this.#within(patience?.left ?? this.#otherwiseMs, run);
    } catch (thrown) {
      outcome = outcomeOf(thrown);
      if (outcome === 'unavailable') patience?.failed(thrown);
      throw thrown;
    } finally {
      this.#observe(operation, outcome, monotonic() - startedAt);
    }
  }

  async #within<T>(ms: number, run: () => Promise<T>): Promise<T> {
    if (ms <= 0) throw tooLate();
    const { promise: overdue, reject } = Promise.withResolvers<never>();
    const wait: Wait = { endsAt: monotonic() + ms, giveUp: () => reject(tooLate()) };
    this.#waits.add(wait);
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    try {
      return await Promise.race([run(), overdue]);
    } finally {
      this.#waits.delete(wait);
    }
  }

  #look(): void {
    const now = monotonic();
    for (const wait of this.#waits) if (wait.endsAt <= now) wait.giveUp();
    if (this.#waits.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

const tooLate = (): StoreUnavailable => new StoreUnavailable(new Error('the store did not answer in time'));

function outcomeOf(thrown: unknown): CallOutcome {
  if (thrown instanceof StoreUnavailable) return 'unavailable';
  return thrown instanceof Error && thrown.name === 'StoreConflict' ? 'conflict' : 'fault';
}
