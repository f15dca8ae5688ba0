/**
 * Liveness and readiness; they tell nothing but one word (RL-21). Liveness needs nobody: a process whose database is away
 * must not be killed for it.
 */
import type { Clock } from '../core/clock.ts';
import { SECOND } from '../core/clock.ts';
import { Patience, withPatience } from '../core/patience.ts';
import type { Store } from '../store/port.ts';

/** A probe must not become a load: one look at the store per second, whoever asks. */
const REMEMBER_MS = SECOND;
/** Probes of balancers give up after a few seconds. */
const PATIENCE_MS = 2 * SECOND;
/**
 * Mail that waits longer is in trouble. Every process shares the trouble, and signing in by session, refreshing and
 * asking userinfo go on without mail: a balancer must not take all of them out for it, so this is told and answered 200.
 */
export const MAIL_DEGRADED_MS = 60 * SECOND;

export type Readiness = 'ok' | 'degraded' | 'unavailable' | 'stopping';

export interface HealthDeps {
  readonly store: Pick<Store, 'ping'>;
  readonly clock: Clock;
  /** How long the oldest mail has been waiting, ms. */
  mailAge(): Promise<number>;
}

export class Health {
  readonly #deps: HealthDeps;
  #known: { at: number; readiness: Promise<Readiness> } | undefined;
  #isStopping = false;

  constructor(deps: HealthDeps) {
    this.#deps = deps;
  }

  /** Readiness goes first when the process stops (RL-19). */
  stop(): void {
    this.#isStopping = true;
  }

  async readiness(): Promise<Readiness> {
    if (this.#isStopping) return 'stopping';
    const now = this.#deps.clock.now();
    if (!this.#known || now - this.#known.at > REMEMBER_MS) {
      const readiness = withPatience(new Patience(PATIENCE_MS), () => this.#look());
      this.#known = { at: now, readiness };
    }
    return this.#known.readiness;
  }

  async #look(): Promise<Readiness> {
    try {
      await this.#deps.store.ping();
      return (await this.#deps.mailAge()) > MAIL_DEGRADED_MS ? 'degraded' : 'ok';
    } catch {
      return 'unavailable';
    }
  }
}
