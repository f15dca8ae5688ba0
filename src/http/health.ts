/** Liveness and readiness; they tell nothing but yes or no (RL-21). */
import type { Clock } from '../core/clock.ts';
import { SECOND } from '../core/clock.ts';
import type { Store } from '../store/port.ts';

/** A probe must not become a load: one look at the store per second. */
const REMEMBER_MS = SECOND;

export class Health {
  readonly #store: Store;
  readonly #clock: Clock;
  #known: { at: number; isReady: Promise<boolean> } | undefined;
  #isStopping = false;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Readiness goes first when the process stops (RL-19). */
  stop(): void {
    this.#isStopping = true;
  }

  async isReady(): Promise<boolean> {
    if (this.#isStopping) return false;
    const now = this.#clock.now();
    if (!this.#known || now - this.#known.at > REMEMBER_MS) {
      const isReady = this.#store.ping().then(
        () => true,
        () => false,
      );
      this.#known = { at: now, isReady };
    }
    return this.#known.isReady;
  }
}
